"""Preflight: checks before a run begins that its responders have what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from retake_flow import network
from retake_flow.errors import RetakeFlowError

Check = Callable[[], object]


def missing(
    settings: Mapping[str, Any], folder: Path, environment: Mapping[str, str], allowed: Sequence[str] = ()
) -> Iterator[RetakeFlowError]:
    """The missing parts of a responder, each as the error that a request would raise.

    Values that are filled in only during the run are not checked.

    `allowed` are other folders and files where its files may be.
    """
    for check in _checks(settings, folder, environment, allowed):
        try:
            check()
        except RetakeFlowError as error:
            yield error


def _checks(
    settings: Mapping[str, Any], folder: Path, environment: Mapping[str, str], allowed: Sequence[str]
) -> Iterator[Check]:
    match settings:
        case {"command": [str(name), *arguments]}:
            from retake_flow.responders.command import program, script
            from retake_flow.responders.env_secrets import variable

            named = settings.get("variables", ())
            for each in named if isinstance(named, list | tuple) else ():
                if isinstance(each, str):
                    yield partial(variable, environment, each, header=False)
            yield partial(program, name, folder, environment)
            yield partial(script, arguments, folder)
        case {"module": str(name)}:
            from retake_flow.responders.function import function

            yield partial(function, name, folder)
        case {"http": dict(section)} | {"openai": dict(section)}:
            yield from _texts(section, folder, environment, allowed)


def _texts(
    section: Mapping[str, Any], folder: Path, environment: Mapping[str, str], allowed: Sequence[str]
) -> Iterator[Check]:
    from retake_flow.responders.env_secrets import signing_key, variable
    from retake_flow.responders.prompt import playbook

    if isinstance(section.get("url"), str):
        yield partial(network.proxy_for, section["url"])
    headers = section.get("headers_from", {})
    for name in (*(headers.values() if isinstance(headers, dict) else ()), section.get("key_from")):
        if isinstance(name, str):
            yield partial(variable, environment, name)
    if isinstance(section.get("secret_from"), str):
        yield partial(signing_key, environment, section["secret_from"])
    if isinstance(section.get("playbook_file"), str):
        yield partial(playbook, {"playbook_file": section["playbook_file"]}, folder, allowed)

"""Responder registry: opens the responder that a flow names under `responder`, and says what it lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow import network
from retake_flow.errors import ResponderFailed, RetakeFlowError
from retake_flow.flow.fields import mismatch
from retake_flow.ports.responders import Answer, Batch, Message, OpenResponder, Responder
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import MASK, Secret, bears_secret
from retake_flow.responders.agent import Replies
from retake_flow.responders.schema import KINDS, RESPONDER
from retake_flow.responders.token_budget import Ledger
from retake_flow.studio.processes.launcher import Launcher

if TYPE_CHECKING:
    import httpx

_Opened = AbstractAsyncContextManager[Responder]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What responders need to run.

    Attributes:
        folder: The folder of the flow's file, where programs, modules and playbooks are looked up.
    """

    launcher: Launcher
    folder: Path
    environment: Mapping[str, str]
    ledger: Ledger
    now: Callable[[], float]
    transport: httpx.AsyncBaseTransport | None = None
    allowed: tuple[str, ...] = ()
    replies: Replies = field(default_factory=Replies)


def responders(around: Surroundings) -> dict[str, OpenResponder]:
    """All responders, by the key that names each in a flow; each is opened at its first request."""
    return {kind: partial(_open_when_asked, around, kind) for kind in KINDS}


@asynccontextmanager
async def _open_when_asked(
    around: Surroundings, kind: str, settings: Mapping[str, Any], note: Callable[..., None]
) -> AsyncIterator[Responder]:
    settings = reveal_secrets(settings)
    async with AsyncExitStack() as scope:
        yield _WhenAsked(partial(_open, around, kind, settings, note), scope, settings)


class _WhenAsked:
    """A responder that is opened at its first request; if that fails, the next request tries again.

    So a broken responder is only a missing answer, and chat is read all the same.
    """

    def __init__(self, opens: Callable[[], _Opened], scope: AsyncExitStack, settings: Mapping[str, Any]) -> None:
        self._opens = opens
        self._scope = scope
        self._settings = settings
        self._responder: Responder | None = None

    async def respond(self, batch: Batch) -> Answer:
        """Ask the responder."""
        try:
            if self._responder is None:
                require_form(self._settings)
                self._responder = await self._scope.enter_async_context(self._opens())
            return await self._responder.respond(_without_secrets(batch))
        except RetakeFlowError:
            raise
        except Exception as error:
            raise ResponderFailed(f"the responder has a defect: {type(error).__name__}: {error}") from None


def _without_secrets(batch: Batch) -> Batch:
    """A batch whose texts contain no secret, since external services read it."""

    def clean(messages: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(replace(each, text=MASK) if bears_secret(each.text) else each for each in messages)

    direction = MASK if bears_secret(batch.direction) else batch.direction
    return replace(batch, messages=clean(batch.messages), recent=clean(batch.recent), direction=direction)


def require_form(settings: Mapping[str, Any]) -> None:
    """Make sure that a flow's settings of a responder can be used.

    Raises:
        ResponderFailed: They cannot.
    """
    problem = mismatch(dict(settings), RESPONDER)
    if problem:
        raise ResponderFailed(f"the flow's `responder` {problem}")


def reveal_secrets(value: Any) -> Any:
    """Turn a flow's settings into plain data, with filled-in secrets as texts."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: reveal_secrets(item) for key, item in value.items()}
    return [reveal_secrets(item) for item in value] if isinstance(value, list | tuple) else value


def _open(around: Surroundings, kind: str, settings: Mapping[str, Any], note: Callable[..., None]) -> _Opened:
    """A responder; its module is imported only now, so that a run does not wait for those that it does not use."""
    match kind:
        case "greeter":
            from retake_flow.responders import greeter

            return greeter.open_responder(settings, note)
        case "command":
            from retake_flow.responders import command

            return command.open_responder(around.launcher, around.folder, settings, note)
        case "http":
            from retake_flow.responders import webhook

            return webhook.open_responder(around.environment, around.now, around.transport, settings)
        case "openai":
            from retake_flow.responders import language_model

            return language_model.open_responder(
                around.folder, around.environment, around.ledger, around.transport, settings, note, around.allowed
            )
        case "module":
            from retake_flow.responders import function

            return function.open_responder(around.folder, settings)
    from retake_flow.responders import agent

    return agent.open_agent(around.replies, responders(around), settings, note)


# --- before a run begins -----------------------------------------------------------------------------------------


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

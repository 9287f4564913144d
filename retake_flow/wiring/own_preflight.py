"""Own preflight: whether the programs and variables that a flow names for its own actions are there before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from retake_flow.errors import MissingProgram, RetakeFlowError, SettingsError
from retake_flow.flow.action_spec import names_of
from retake_flow.flow.load.functions import called_function
from retake_flow.flow.model import Flow, performers
from retake_flow.settings import program_environment, variables
from retake_flow.studio import programs

_OWN: Final = ("program.run", "http.request")


def require(flow: Flow) -> None:
    """Make sure that what own actions need is there, so that nobody learns it after hours on air.

    What is given by an expression is not known yet. A state that routes `error.missing_program` or `error.settings`
    expects that it may be missing.

    Raises:
        MissingProgram: Programs are missing, or are none.
        SettingsError: Variables are not set.
    """
    lacking = list(_lacking(flow))
    if len(lacking) == 1:
        raise lacking[0]
    if lacking:
        lines = dict.fromkeys(f"{each.message} ({each.hint})" if each.hint else each.message for each in lacking)
        raise type(lacking[0])("\n".join(lines))


def _lacking(flow: Flow) -> Iterator[RetakeFlowError]:
    for state in flow.states.values():
        routed = {route for around in flow.around(state.path) for route in around.routes}
        for doing in performers(state):
            *_, (do, given) = names_of(flow, doing.do, doing.inputs)
            if do not in _OWN:
                continue
            for error in (*_missing_program(flow, given), *_missing_variables(given)):
                if not any(route.endswith(f"error.{error.kind}") for route in routed):
                    yield type(error)(f"{doing.key}: {error.message}", hint=error.hint)


def _missing_program(flow: Flow, given: Mapping[str, Any]) -> Iterator[RetakeFlowError]:
    match given.get("command"):
        case [str(name), *_] as command if not called_function(command):
            try:
                programs.require(
                    str((Path(flow.file).parent / name).absolute()) if "/" in name else name, program_environment()
                )
            except MissingProgram as error:
                yield error


def _missing_variables(given: Mapping[str, Any]) -> Iterator[RetakeFlowError]:
    maps = [each for each in (given.get("env_from"), given.get("headers_from")) if isinstance(each, Mapping)]
    for name in (*(name for each in maps for name in each.values()), given.get("secret_from")):
        if isinstance(name, str) and not variables().get(name, "").strip():
            yield SettingsError(f"the variable {name} is not set", hint=f"export {name}=…")

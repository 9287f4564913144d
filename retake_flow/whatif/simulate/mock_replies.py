"""How a simulated action ends, well or with an error: by a line of the script, or by a mock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from retake_flow import errors
from retake_flow.api.protocol import Request
from retake_flow.api.responses import Response, interpret
from retake_flow.errors import PlatformError, RetakeFlowError
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.text.yaml_source import Path
from retake_flow.ports.actions import Completion
from retake_flow.redact import Secret
from retake_flow.whatif.simulate.script_fields import InvalidField, Part

#: The type of an error that is an HTTP status; the API client interprets it.
HTTP: Final = "http"
KEYS: Final = ("type", "status", "message", "hint", "retry_after")


class _Performance(Request):
    """A call that is never sent, named after its action."""

    __slots__ = ()

    @property
    def call(self) -> str:
        """The action."""
        return self.path


@dataclass(frozen=True, slots=True)
class Fault:
    """An error to raise.

    Attributes:
        type: `http`, or the kind of the error.
        message: The message instead of the usual one; with `http`, the platform's message.
    """

    type: str
    status: int = 0
    message: str = ""
    hint: str = ""
    retry_after: float | None = None

    def error(self, spec: ActionSpec) -> RetakeFlowError:
        """The error as the action would raise it."""
        once = spec.idempotency is Idempotency.ONCE
        if self.type == HTTP:
            return _error_of_fault(_Performance("GET", spec.name, repeatable=not once), self)
        error = kinds()[self.type](self.message, hint=self.hint)
        error.retry_after, error.unsure = self.retry_after, once and error.doubtful
        return error


def fault(data: Any, path: Path, also: tuple[str, ...] = ()) -> Fault:
    """Read an error.

    `data` is a mapping of the keys, or the kind alone; `also` are further keys that are allowed beside these.

    Raises:
        InvalidField: The data is not an error.
    """
    part = Part({"type": data} if isinstance(data, str) else data, path, (*also, *KEYS))
    status = part.whole("status")
    name = part.text("type", HTTP if status is not None else "")
    if not name:
        raise InvalidField(path, "'type' is missing", f"there are: {', '.join(_types())}")
    if name not in _types():
        raise InvalidField((*path, "type"), f"there is no error {name!r}", did_you_mean(name, _types()))
    if name == HTTP and status is None:
        raise InvalidField(path, "'status' is missing, which an error of the type 'http' has")
    if name != HTTP and status is not None:
        raise InvalidField((*path, "status"), f"a 'status' belongs to the type {HTTP!r}, not to {name!r}")
    if status is not None and not 300 <= status <= 599:
        raise InvalidField((*path, "status"), f"the status {status} is not an error", "write one from 300 to 599")
    return Fault(name, status or 0, part.text("message"), part.text("hint"), part.seconds("retry_after"))


_ALONE: Final[tuple[type[RetakeFlowError], ...]] = (
    *(errors.CredentialsError, errors.InputError, errors.InDoubt, errors.TimedOut, errors.SecretRefused),
    *(errors.SettingsError, errors.ShareFailed, errors.UnexpectedResult, errors.RequestRefused, errors.RequestFailed),
)
_FAMILIES: Final[tuple[type[RetakeFlowError], ...]] = (PlatformError, errors.StudioError, errors.ResponderFailed)


@cache
def kinds() -> Mapping[str, type[RetakeFlowError]]:
    """The errors that actions raise, by kind; if several share a kind, the outermost."""
    found: dict[str, type[RetakeFlowError]] = {}
    known: list[type[RetakeFlowError]] = [*_ALONE, *(each for root in _FAMILIES for each in errors.family(root))]
    known.append(RetakeFlowError)
    for error in known:
        found.setdefault(error.kind, error)
    return found


def _types() -> tuple[str, ...]:
    return (HTTP, *kinds())


def _error_of_fault(performance: _Performance, fault: Fault) -> RetakeFlowError:
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    body = json.dumps({"error": fault.message}).encode()
    try:
        interpret(performance, Response(fault.status, headers, body))
    except PlatformError as error:
        error.hint = fault.hint or error.hint
        return error
    raise AssertionError(f"the status {fault.status} is not an error")


READY, EXITED = "ready", "exited"


@dataclass(frozen=True, slots=True)
class Reply:
    """How an action ends, or a service becomes ready or ends.

    Attributes:
        outcome: One of those that the action declares; unused if there is a fault.
        after: How long the action takes, in seconds.
        exits: How long after it was ready a service ends by itself, in seconds; None if it keeps running.
    """

    outcome: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    fault: Fault | None = None
    after: float = 0.0
    exits: float | None = None

    def completion(self, spec: ActionSpec) -> Completion:
        """The result for the engine.

        Raises:
            RetakeFlowError: The action fails.
        """
        if self.fault is not None:
            raise self.fault.error(spec)
        shown = {name: _hide(value) if name in spec.secrets else value for name, value in self.value.items()}
        return Completion(self.outcome, shown)


def result(part: Part, path: Path, spec: ActionSpec, *, ready: bool = False) -> Reply:
    """Read how an action ends.

    `part` has `outcome`, `value` and `reason`, all optional; `ready` means a service that is already ready.

    Raises:
        InvalidField: The action cannot end so.
    """
    outcome = part.text("outcome") or _usual(spec, ready, path)
    where = (*path, "outcome")
    if outcome not in spec.outcomes:
        raise InvalidField(where, f"{spec.name!r} has no outcome {outcome!r}", did_you_mean(outcome, spec.outcomes))
    if spec.service and (outcome == READY) == ready:
        raise InvalidField(where, *_out_of_turn(spec, ready))
    if "reason" in part and outcome != EXITED:
        raise InvalidField((*path, "reason"), f"a 'reason' belongs to {EXITED!r} alone")
    return Reply(outcome, part.mapping("value"), part.text("reason"))


def _out_of_turn(spec: ActionSpec, ready: bool) -> tuple[str, str]:
    if ready:
        return f"{spec.name!r} is ready already", f"the outcome {EXITED!r} ends it"
    return f"{spec.name!r} is not ready yet, so it cannot exit", "make it ready first, or let it fail by an error"


def _usual(spec: ActionSpec, ready: bool, path: Path) -> str:
    if spec.service:
        return EXITED if ready else READY
    if "done" in spec.outcomes or len(spec.outcomes) == 1:
        return "done" if "done" in spec.outcomes else spec.outcomes[0]
    raise InvalidField(path, f"the 'outcome' of {spec.name!r} is missing", f"there are: {', '.join(spec.outcomes)}")


def _hide(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value

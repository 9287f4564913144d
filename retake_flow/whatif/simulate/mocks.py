"""Mocks: how simulated actions end, read from a file of `ACTION or STATE: ANSWER`, or from a line of a script."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from retake_flow import errors
from retake_flow.api.responses import Request, Response, interpret
from retake_flow.errors import PlatformError, RetakeFlowError, UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, Idempotency, with_own
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.model import Flow
from retake_flow.flow.text.tree import Path
from retake_flow.flow.text.yaml_source import Source, parse
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import hide
from retake_flow.whatif.simulate import script_fields
from retake_flow.whatif.simulate.script_fields import InvalidField, Part

READY, EXITED = "ready", "exited"
_KEYS: Final = ("outcome", "value", "reason", "error", "after", "exits")
#: The type of an error that is an HTTP status; the API client interprets it.
HTTP: Final = "http"
FAULT_KEYS: Final = ("type", "status", "message", "hint", "retry_after")


# --- errors ---------------------------------------------------------------------------------------------------


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
    part = Part({"type": data} if isinstance(data, str) else data, path, (*also, *FAULT_KEYS))
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


# --- how an action ends ---------------------------------------------------------------------------------------


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
        return Completion(self.outcome, hide(self.value, spec.secrets))


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


# --- mock files -----------------------------------------------------------------------------------------------


class Mocks:
    """The results of the actions that need no line of the script."""

    def __init__(self, answers: Mapping[str, tuple[Reply, ...]] | None = None) -> None:
        """Take the results by place or action; each is a list whose last item repeats."""
        self._answers = answers or {}
        self._given: Counter[str] = Counter()

    def next(self, call: Call, *, undo: bool) -> Reply | None:
        """The result of a call; None if the call waits for the script.

        An undo gets the result of its action: the result of a state is only for the state's own action.
        """
        key = next((key for key in (() if undo else (call.place,)) + (call.do,) if key in self._answers), None)
        if key is None:
            return None
        answers = self._answers[key]
        self._given[key] += 1
        return answers[min(self._given[key], len(answers)) - 1]


def read(content: bytes, file: str, flow: Flow, catalogue: Catalogue) -> Mocks:
    """Read a mock file, YAML or JSON.

    Raises:
        UsageError: The file has mistakes; the message says where.
    """
    source = parse(content, file)
    if source.problems:
        raise UsageError("\n".join(map(str, source.problems)))
    if not isinstance(source.data, dict):
        raise UsageError(f"{source.value(())}: expected a mapping from actions or states to their results")
    reading = _Reading(source, flow, with_own(flow, catalogue))
    answers = reading.answers()
    if reading.problems:
        raise UsageError("\n".join(reading.problems))
    return Mocks(answers)


class _Reading:
    def __init__(self, source: Source, flow: Flow, catalogue: Catalogue) -> None:
        self.problems: list[str] = []
        self._source = source
        self._catalogue = catalogue
        self._performing = script_fields.action_places(flow)

    def answers(self) -> dict[str, tuple[Reply, ...]]:
        found: dict[str, tuple[Reply, ...]] = {}
        for name, written in self._source.data.items():
            items = list(enumerate(written)) if isinstance(written, list) else [(None, written)]
            with self._noting_mistakes():
                key, spec = self._resolve(name)
                if not items:
                    raise InvalidField((name,), "the list is empty", "write at least one answer, or leave it out")
                found[key] = ()
                for number, item in items:
                    with self._noting_mistakes():
                        path: Path = (name,) if number is None else (name, number)
                        found[key] = (*found[key], _read(item, path, spec))
        return found

    @contextmanager
    def _noting_mistakes(self) -> Iterator[None]:
        try:
            yield
        except InvalidField as error:
            at = self._source.key(error.path) if error.key else self._source.value(error.path)
            self.problems.append(f"{at}: {error.message}" + (f" ({error.hint})" if error.hint else ""))

    def _resolve(self, name: str) -> tuple[str, ActionSpec]:
        """The action or the place that is meant, and the action there."""
        if name in self._catalogue:
            return name, self._catalogue[name]
        place = script_fields.resolve(name, {place: place for place in self._performing}, (name,), key=True)
        if place is not None:
            return place, self._catalogue[self._performing[place]]
        hint = did_you_mean(name, [*self._performing, *self._catalogue], "`retake-flow actions` lists the actions")
        raise InvalidField(
            (name,), f"there is no action, and no state or activity with an action, named {name!r}", hint, key=True
        )


def _read(written: Any, path: Path, spec: ActionSpec) -> Reply:
    """One result: a mapping, or only the outcome."""
    part = Part({"outcome": written} if isinstance(written, str) else written, path, _KEYS)
    after, exits = part.seconds("after") or 0.0, part.seconds("exits")
    if exits is not None and not spec.service:
        hint = "`after` says how long it takes"
        raise InvalidField((*path, "exits"), f"{spec.name!r} is not a service, so it cannot exit", hint)
    if "error" in part:
        beside = next((key for key in ("outcome", "value", "reason", "exits") if key in part), "")
        if beside:
            raise InvalidField((*path, beside), f"{beside!r} and 'error' do not go together")
        return Reply(fault=fault(part["error"], (*path, "error")), after=after)
    if "reason" in part and exits is None:
        raise InvalidField((*path, "reason"), "a 'reason' belongs to 'exits'")
    if part.text("outcome") == EXITED:
        raise InvalidField(
            (*path, "outcome"), "a service that is mocked becomes ready first", "`exits` says when it ends after that"
        )
    ending = Part({key: part[key] for key in ("outcome", "value") if key in part}, path, _KEYS)
    return replace(result(ending, path, spec), reason=part.text("reason"), after=after, exits=exits)

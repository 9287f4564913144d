"""The lines of a script, as JSON: each is one thing that happens to the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, NoReturn

from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.mocks import Fault
from retake_flow.whatif.simulate.script_fields import InvalidField, Part, seconds, shorten


@dataclass(frozen=True, slots=True)
class Event:
    """An event comes from outside."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Advance:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """The action at a place ends, or a service there becomes ready or ends; not yet checked against the action."""

    place: str
    part: Part


@dataclass(frozen=True, slots=True)
class Failure:
    """The action at a place fails."""

    place: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """A person answers a question."""

    gate: str
    decision: str
    fields: Mapping[str, Any]
    by: str


Happening = Event | Advance | Result | Failure | GateAnswer


def parse(line: bytes) -> Happening:
    """Read a line.

    Raises:
        InvalidField: The line cannot be understood.
    """
    data = _json(line)
    if not isinstance(data, Mapping) or not data:
        raise InvalidField((), f"expected an object, not {'an empty one' if data == {} else shorten(data)}", _WORDS)
    part = Part(data, (), (*_LINES, "data"))
    said = [name for name in _LINES if name in part]
    if len(said) != 1:
        raise InvalidField((), f"expected one thing per line, not {' and '.join(said) or 'none'}", _WORDS)
    known, read = _LINES[said[0]]
    return read(Part(data, (), known))


def _event(part: Part) -> Event:
    name, data = part.text("event"), part.mapping("data")
    if not name:
        raise InvalidField(("event",), "an event needs a name")
    if name == "stop" and data:
        Part(data, ("data",), ["reason"]).text("reason")
    return Event(name, data)


def _advance(part: Part) -> Advance:
    return Advance(seconds(part["advance"], ("advance",)))


def _result(part: Part) -> Result:
    said = Part(part["result"], ("result",), ("state", "outcome", "value", "reason"), ("state",))
    return Result(said.text("state"), said)


def _error(part: Part) -> Failure:
    said = Part(part["error"], ("error",), ("state", *mocks.FAULT_KEYS), ("state",))
    return Failure(said.text("state"), mocks.fault(part["error"], ("error",), also=("state",)))


def _answer(part: Part) -> GateAnswer:
    said = Part(part["answer"], ("answer",), ("gate", "decision", "fields", "by"))
    return GateAnswer(said.text("gate"), said.text("decision"), said.mapping("fields"), said.text("by", "somebody"))


#: What a line may say, by the key that it must have: all its keys, and how to read them.
_LINES: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Part], Happening]]]] = {
    "event": (("event", "data"), _event),
    "advance": (("advance",), _advance),
    "result": (("result",), _result),
    "error": (("error",), _error),
    "answer": (("answer",), _answer),
}
_WORDS: Final = 'write for example {"advance": "2s"} or {"event": "stop"}'


def _json(line: bytes) -> Any:
    try:
        text = line.decode("utf-8-sig")
        return json.loads(text, parse_float=_number, parse_constant=_no_number, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise InvalidField((), f"not JSON: {error.msg} at character {error.colno}", _WORDS) from None
    except UnicodeDecodeError:
        raise InvalidField((), "not UTF-8 text") from None
    except RecursionError:
        raise InvalidField((), "it nests too deep") from None
    except InvalidField:
        raise
    except ValueError:
        raise InvalidField((), "a number in it has too many digits") from None


def _no_number(name: str) -> NoReturn:
    raise InvalidField((), f"{name} is not a JSON number")


def _number(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise InvalidField((), f"the number {digits[:20]} is too large")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidField((), f"the key {shorten(key)} appears twice")
        found[key] = value
    return found

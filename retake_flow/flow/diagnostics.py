"""Diagnostics: the problems of a flow, each with its position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from itertools import islice
from typing import Any, Final

from retake_flow.errors import FlowInvalid
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.sanitize import one_line

# Finding the nearest word is slow; a generated file with thousands of mistakes must still be checked quickly.
_LONGEST_WORD = 60
_MOST_COMPARED = 100
_MOST_SORTED = 1_000
_MOST_LISTED = 30
_MOST_HINTED = 200  # mistakes of one kind, after which hints are no longer searched for

#: The meaning of each code. The first digit is the kind: the file, its form, its files, its expressions, its actions,
#: its events, its states, its rules, its times, its secrets. `docs/problems.md` explains them.
CODES: Final[Mapping[str, str]] = {
    "RF001": "not valid UTF-8 or YAML, empty, or too large",
    "RF002": "unsupported YAML key or tag",
    "RF003": "duplicate key",
    "RF010": "unknown key",
    "RF011": "missing key",
    "RF012": "invalid name",
    "RF013": "keys that exclude or require each other",
    "RF014": "invalid value",
    "RF020": "unknown state",
    "RF021": "sub-flow not found, not readable, or inside itself",
    "RF022": "base flow not found, not readable, or extending itself",
    "RF023": "overlay changes or removes something that does not exist",
    "RF024": "overlay that changes nothing",
    "RF025": "inserted state needs routes of its own",
    "RF030": "invalid or forbidden expression",
    "RF031": "unknown name in an expression",
    "RF032": "needed activity does not run here",
    "RF033": "ambiguous name in an expression",
    "RF034": "value that is missing on some path",
    "RF035": "condition that is not a boolean",
    "RF040": "unknown action",
    "RF041": "unknown input",
    "RF042": "missing input",
    "RF043": "value of the wrong type or out of range",
    "RF044": "invalid schema or default of an input",
    "RF045": "service used as a task, or task as a service",
    "RF046": "invalid name or schema of a decision, a field or a sub-flow's end",
    "RF047": "secret input that is written down or not a string",
    "RF048": "undo outside of a scope",
    "RF049": "repetition of what must not happen twice",
    "RF050": "outcome without a route",
    "RF051": "route for an event that cannot occur here",
    "RF052": "outcome that leaves the state without work",
    "RF053": "raised event that nothing handles",
    "RF054": "answer field that nothing reads",
    "RF055": "retry after an error that cannot occur",
    "RF056": "cancelled event that never comes later",
    "RF060": "unreachable state",
    "RF061": "no path to a final state",
    "RF062": "route that is never taken",
    "RF063": "state that the flow cannot leave to an end",
    "RF064": "endless cycle of transitions without an event",
    "RF065": "endless retries without a notice",
    "RF070": "broken rule",
    "RF071": "invalid rule",
    "RF080": "retries that outlast their timeout",
    "RF081": "time that is never reached",
    "RF082": "interval that the platform does not allow",
    "RF090": "secret where people can read it",
}
#: The codes of advice: a flow with these runs.
ADVICE: Final = frozenset({"RF053", "RF054", "RF055", "RF056", "RF065"})
#: The types of JSON Schema, in words.
TYPE_NAMES: Final[Mapping[str, str]] = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{one_line(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: where it is, its code, what was found and expected, and what to do.

    Attributes:
        path: How a run gets there, move by move as JSON, if the mistake depends on a path.
    """

    position: Position
    code: str
    message: str
    hint: str = field(default="", compare=False)
    path: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)

    @property
    def severity(self) -> str:
        """`error`, or `warning` for advice, which does not stop a flow from running."""
        return "warning" if self.code in ADVICE else "error"

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.position}: {self.code} {mark}{self.message}{hint}"


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems that stop a flow from running."""
    return tuple(problem for problem in problems if problem.severity == "error")


class Problems(FlowInvalid):
    """The flow has mistakes."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint with the known word nearest to a mistyped one, or a list of all when none is near."""
    import difflib

    words = sorted(set(islice(known, _MOST_SORTED)))
    near = difflib.get_close_matches(word[:_LONGEST_WORD], words[:_MOST_COMPARED], n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if otherwise:
        return otherwise
    more = ", …" if len(words) > _MOST_LISTED else ""
    return f"there are: {', '.join(words[:_MOST_LISTED])}{more}" if words else "there are none"


def list_of_known(word: str, known: Iterable[str], found: Sized) -> str:
    """The same for places with possibly thousands of mistakes: no hint after the first ones."""
    return did_you_mean(word, known) if len(found) < _MOST_HINTED else ""

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
    "RF001": "not UTF-8, not YAML, empty, or too large",
    "RF002": "a key or a tag that YAML knows and flows do not",
    "RF003": "a key that stands twice",
    "RF010": "an unknown key",
    "RF011": "a key that is missing",
    "RF012": "a name of the wrong form",
    "RF013": "keys that do not go together",
    "RF014": "a value of the wrong form",
    "RF020": "a state that does not exist",
    "RF021": "a sub-flow that cannot be found or read, or that would run inside itself",
    "RF022": "a flow that is extended and cannot be found or read, or that would extend itself",
    "RF023": "an overlay that addresses or removes what is not there",
    "RF024": "an overlay that changes nothing",
    "RF025": "a state that cannot be put before or after another without writing its routes",
    "RF030": "an expression that is none, or is not allowed",
    "RF031": "a name in an expression that does not exist",
    "RF032": "an activity that is needed and does not run there",
    "RF033": "a name in an expression that means several states",
    "RF034": "a value that is not there on every path",
    "RF035": "a condition that is neither true nor false",
    "RF040": "an unknown action",
    "RF041": "an input that the action or sub-flow does not have",
    "RF042": "an input that the action or sub-flow needs",
    "RF043": "a value that does not fit where it is given",
    "RF044": "an input with a schema or a default that cannot be",
    "RF045": "a service where a task belongs, or the other way round",
    "RF046": "a decision, a field or an end of a sub-flow with a name or a schema that cannot be",
    "RF047": "a secret input that is written down, or is no text",
    "RF048": "an undo outside of a scope",
    "RF050": "an outcome that nothing routes",
    "RF051": "a route for an event that cannot occur there",
    "RF052": "an outcome after which the state has nothing to do",
    "RF053": "an event that is raised and never taken",
    "RF054": "a field of an answer that nothing reads",
    "RF060": "a state that no path leads to",
    "RF061": "no path to a final state",
    "RF062": "a route that is never taken",
    "RF063": "a state from which the flow cannot end",
    "RF064": "transitions without an event that chase each other",
    "RF065": "a failure that is tried again without end, in silence",
    "RF070": "a rule that a path of the flow breaks",
    "RF071": "a rule that cannot be read",
    "RF080": "a retry that goes on for longer than its timeout",
    "RF081": "a time that never comes",
    "RF082": "a pace that the platform does not allow",
    "RF090": "a secret where people can read it",
}
#: The codes of advice: a flow with these runs.
ADVICE: Final = frozenset({"RF053", "RF054", "RF065"})


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


def list_of_known(word: str, known: Iterable[str], told: Sized) -> str:
    """The same for places with possibly thousands of mistakes: no hint after the first ones."""
    return did_you_mean(word, known) if len(told) < _MOST_HINTED else ""

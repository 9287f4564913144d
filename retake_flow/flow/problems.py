"""What is wrong with a flow, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from retake_flow.errors import FlowInvalid

# Finding the nearest word is slow; a generated file with thousands of mistakes is still to be answered at once.
_LONGEST_WORD = 60
_MOST_COMPARED = 100
_MOST_LISTED = 30


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: where it is, its code, what was found and expected, and what to do."""

    position: Position
    code: str
    message: str
    hint: str = field(default="", compare=False)

    def __str__(self) -> str:
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.position}: {self.code} {self.message}{hint}"


class Problems(FlowInvalid):
    """The flow has mistakes."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the known word nearest to a mistyped one, or lists them when none is near."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word[:_LONGEST_WORD], words[:_MOST_COMPARED], n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if otherwise:
        return otherwise
    more = ", …" if len(words) > _MOST_LISTED else ""
    return f"there are: {', '.join(words[:_MOST_LISTED])}{more}" if words else "there are none"

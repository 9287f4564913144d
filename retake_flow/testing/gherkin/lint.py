"""What is wrong with features and phrases, before any scenario is played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import Position


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """One mistake: where it is, what was found, and what to do."""

    position: Position
    message: str
    hint: str = field(default="", compare=False)

    def __str__(self) -> str:
        hint = "".join(f"\n    {line}" for line in f"hint: {self.hint}".splitlines()) if self.hint else ""
        return f"{self.position}: {self.message}{hint}"


class Flawed(UsageError):
    """The features cannot be played as they are written."""

    def __init__(self, flaws: Iterable[Flaw]) -> None:
        self.flaws = tuple(sorted(set(flaws)))
        super().__init__("\n".join(map(str, self.flaws)))


def place(file: Path, line: int, column: int = 1) -> Position:
    """A place in a file, which is named as seen from the current folder when it is in it."""
    return Position(shown(file), line, column)


def shown(file: Path) -> str:
    """A file as seen from the current folder when it is in it."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)

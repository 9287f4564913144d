"""Mistakes in features and phrases, reported before any scenario is played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import Position


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """One mistake: its place, what was found, and what to do."""

    position: Position
    message: str
    hint: str = field(default="", compare=False)

    def __str__(self) -> str:
        hint = "".join(f"\n    {line}" for line in f"hint: {self.hint}".splitlines()) if self.hint else ""
        return f"{self.position}: {self.message}{hint}"


class Flawed(UsageError):
    """The features cannot be played as written."""

    def __init__(self, flaws: Iterable[Flaw]) -> None:
        self.flaws = tuple(sorted(set(flaws)))
        super().__init__("\n".join(map(str, self.flaws)))


def place(file: Path, line: int, column: int = 1) -> Position:
    """A place in a file; the file's path is relative if it is in the current folder."""
    return Position(display_path(file), line, column)


def display_path(file: Path) -> str:
    """A file's path, relative if the file is in the current folder."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)

"""Captions: divides what is spoken into pieces that can be read while it is heard."""

from __future__ import annotations

import textwrap
from typing import Final

#: Characters of a piece: two lines of the stage, three in a wide script.
LONGEST: Final = 84
#: How fast a voice speaks, in characters a second.
PACE: Final = 14.0


class Captions:
    """The caption of what is being spoken."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, str]] = []

    def speaks(self, text: str, at: float) -> None:
        """Begin with a text at a time, in seconds; "" ends the caption."""
        self._pieces = []
        for piece in textwrap.wrap(" ".join(text.split()), LONGEST):
            self._pieces.append((at, piece))
            at += len(piece) / PACE

    def at(self, now: float) -> str:
        """The caption at a time; the last piece stays until the speech ends."""
        begun = [piece for start, piece in self._pieces if start <= now]
        return begun[-1] if begun else ""

    def due(self, now: float) -> float | None:
        """When the next piece comes; None without one."""
        return next((start for start, _ in self._pieces if start > now), None)

"""Tables for people, never wider than the terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence

_GAP = "  "
_LEAST = 6


def width() -> int | None:
    """The number of columns of the terminal; None without a terminal, so that nothing is cut."""
    try:
        return os.get_terminal_size().columns if sys.stdout.isatty() else None
    except OSError:
        return None


def table(rows: Sequence[Sequence[str]], within: int | None = None) -> Iterator[str]:
    """The lines of a table. When it is wider than `within` columns, the widest are cut."""
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    if within is not None:
        _fit(widths, within - len(_GAP) * (len(widths) - 1))
    for row in rows:
        yield _GAP.join(_pad(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip()


def _fit(widths: list[int], within: int) -> None:
    while sum(widths) > within and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1


def _pad(cell: str, size: int) -> str:
    if cell.isascii() and len(cell) <= size:
        return cell.ljust(size)
    if _columns(cell) > size:
        while _columns(cell) > size - 1:
            cell = cell[:-1]
        cell += "…"
    return cell + " " * (size - _columns(cell))


def _columns(text: str) -> int:
    """The number of columns that a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_is_wide, text))


def _is_wide(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

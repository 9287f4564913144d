"""Folders in which a flow may name files: its own, those of the shipped flows, and any that the command line allows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from retake_flow import plain_file
from retake_flow.errors import UsageError
from retake_flow.flow.text import locate
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import one_line

#: The option that allows more.
OPTION = "--allow-outside"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files may be.

    Attributes:
        own: The folder of the flow that was named on the command line, without links.
        allowed: Folders and files that the command line allows besides, without links.
    """

    own: str
    allowed: tuple[str, ...] = ()

    @classmethod
    def beside(cls, file: str | os.PathLike[str], allowed: Iterable[str] = ()) -> Folders:
        """What the flow in a file may name."""
        return cls(_resolved(os.path.dirname(file) or "."), tuple(allowed))

    def require(self, path: str | os.PathLike[str], *, file: bool = False) -> None:
        """Make sure that a file may be opened; where links lead counts.

        Args:
            path: Its place.
            file: Whether to advise to allow the file alone, and not its folder.

        Raises:
            UsageError: It may not.
        """
        place = _resolved(path)
        if any(_within(place, folder) for folder in (self.own, *self.allowed, *locate.SHELVES)):
            return
        named = shlex.quote(place if file else os.path.dirname(place))
        raise UsageError(
            f"{one_line(os.fspath(path))} is outside of the flow's folder",
            hint=f"a flow names files in its own folder only; to allow this one, add {OPTION} {one_line(named)}",
        )

    def find(self, name: str, file: str) -> tuple[str, bytes]:
        """A flow beside the file that names it, or a shipped one, and its content.

        Raises:
            UsageError: There is none, or it may not be opened.
            OSError: It cannot be read.
        """
        self.require(Path(file).parent / name)
        path = locate.find(name, Path(file).parent)
        return str(path), plain_file.read(path)


def outside(given: Iterable[str]) -> tuple[str, ...]:
    """What the command line allows, without links."""
    return tuple(dict.fromkeys(map(_resolved, given)))


def _resolved(path: str | os.PathLike[str]) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in it: nothing is there
        raise UsageError(f"{os.fspath(path)!r} is no file") from None


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")

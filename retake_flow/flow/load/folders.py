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

#: The option that allows more places.
OPTION = "--allow-outside"


@dataclass(frozen=True, slots=True)
class Folders:
    """The allowed places of files.

    Attributes:
        own: The folder of the flow on the command line, with links resolved.
        allowed: Further folders and files that the command line allows, with links resolved.
    """

    own: str
    allowed: tuple[str, ...] = ()

    @classmethod
    def beside(cls, file: str | os.PathLike[str], allowed: Iterable[str] = ()) -> Folders:
        """The places that the flow in a file may name."""
        return cls(_resolve(os.path.dirname(file) or "."), tuple(allowed))

    def require(self, path: str | os.PathLike[str], *, file: bool = False) -> None:
        """Require that a file may be opened; the targets of links count.

        Args:
            path: Its path.
            file: Whether to suggest allowing only the file, not its folder.

        Raises:
            UsageError: It may not be opened.
        """
        place = _resolve(path)
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
    """The places that the command line allows, with links resolved."""
    return tuple(dict.fromkeys(map(_resolve, given)))


def _resolve(path: str | os.PathLike[str]) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # contains a NUL: no such path exists
        raise UsageError(f"{os.fspath(path)!r} is no file") from None


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")

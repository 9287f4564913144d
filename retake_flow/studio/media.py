"""Media: the files and folders that a flow shows or plays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from retake_flow.errors import InputError, UsageError
from retake_flow.flow.text.locate import Folders
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.browser.source import FolderSite

#: An address; with other schemes, players open files.
ADDRESS: Final = re.compile(r"(?:https?|rtmps?|rtsp|srt)://\S+$")
_WILDCARDS: Final = "*?["
_MOST_FILES: Final = 1000


@dataclass(frozen=True, slots=True)
class Media:
    """The files on this machine that a flow may show.

    Attributes:
        home: The folder of the flow's file, from which paths are read.
        allowed: Other folders and files that it may name, with links resolved.
    """

    home: Path
    allowed: tuple[str, ...] = ()

    def folder(self, name: str) -> Path:
        """A folder with a page.

        Raises:
            InputError: There is none, or the flow may not name it.
        """
        return FolderSite(self._within(name)).folder

    def inside(self, name: str) -> Path:
        """A folder in which a program may run.

        Raises:
            InputError: There is none, or the flow may not name it.
        """
        folder = self._within(name)
        if not folder.is_dir():
            raise InputError(f"there is no folder {name}", hint=f"paths begin at the flow's file, in {self.home}")
        return folder

    def files(self, places: Sequence[str]) -> list[str]:
        """Files and addresses, in the given order; the matches of a wildcard are sorted by name.

        Raises:
            InputError: There is no such file, there are too many, or the flow may not name one.
        """
        found: list[str] = []
        for place in places:
            found.extend([place] if ADDRESS.match(place) else map(str, self._files(place)))
        if len(found) > _MOST_FILES:
            raise InputError(f"{len(found)} files are more than {_MOST_FILES}")
        return found

    def _files(self, name: str) -> Iterator[Path]:
        path = self._within(name)
        wild = any(sign in path.name for sign in _WILDCARDS) and not path.exists()
        files = sorted(path.parent.glob(path.name)) if wild else [path]
        if not files or not all(file.is_file() for file in files):
            raise InputError(f"there is no file {name}", hint=f"paths begin at the flow's file, in {self.home}")
        for file in files:
            yield self._within(file)

    def _within(self, name: str | Path) -> Path:
        path = (self.home / name).absolute()
        try:
            Folders.beside(self.home / "flow", self.allowed).require(path)
        except UsageError as error:
            raise InputError(error.message, hint=error.hint) from None
        return path

"""Remembers which flow texts were found to be without mistakes, so that nothing is checked twice.

A verdict holds for one text and one state of the program: the key is made of the text and of the size and time of
every module of the package.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_MOST = 500


class Verdicts:
    """Good verdicts as empty files in the cache folder; losing them costs a check."""

    def __init__(self, cache_folder: Path) -> None:
        self._folder = cache_folder / "checked"

    def known_good(self, content: bytes) -> bool:
        """Whether this text was checked by this program and nothing was found."""
        return (self._folder / _key(content)).exists()

    def remember(self, content: bytes) -> None:
        """Note that nothing was found; a cache that cannot be written is none."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            known = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for old in known[:-_MOST]:
                old.unlink(missing_ok=True)
            (self._folder / _key(content)).touch()
        except OSError:
            return


def _key(content: bytes) -> str:
    digest = hashlib.sha256(content)
    for line in sorted(_modules(os.path.dirname(os.path.dirname(__file__)))):
        digest.update(line.encode())
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _modules(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path}:{status.st_mtime_ns}:{status.st_size}\n"

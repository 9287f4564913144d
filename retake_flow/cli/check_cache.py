"""Check cache: remembers which flow texts passed the check, so that none is checked twice.

A verdict holds for one text, the texts of its sub-flows and rules, and one state of the program. Its key is made of the
text and of the size and time of every module of the package and of the platform's rules. Its file lists the sub-flows
and rules it holds for.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retake_flow.flow.text.bundle import Use

_MOST = 500


class CheckCache:
    """Cache of passed checks, kept as small files in the cache folder. A lost file only costs another check."""

    def __init__(self, cache_folder: Path) -> None:
        self._folder = cache_folder / "checked"
        self._file = cache(lambda content: self._folder / _key(content))

    def known_good(self, content: bytes, file: str = "", allowed: Sequence[str] = ()) -> bool:
        """Whether this program already checked this text, with the sub-flows beside its file, and found no mistake.

        Args:
            content: The text.
            file: Its file; sub-flows are looked up beside it.
            allowed: Files and folders outside its folder that it may name.
        """
        try:
            uses = json.loads(self._file(content).read_text(encoding="utf-8") or "[]")
            return not uses or _same(file, uses, allowed)
        except (OSError, ValueError, TypeError):
            return False

    def remember(self, content: bytes, uses: Sequence[Use] = ()) -> None:
        """Remember that the check found no mistake. A cache that cannot be written is ignored."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            known = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for old in known[:-_MOST]:
                old.unlink(missing_ok=True)
            self._file(content).write_text(json.dumps(list(uses)), encoding="utf-8")
        except OSError:
            return


def _same(file: str, uses: Sequence[Use], allowed: Sequence[str]) -> bool:
    """Whether names, each resolved beside the file before it, lead from a flow's file to the texts of these digests."""
    from retake_flow.errors import RetakeFlowError
    from retake_flow.flow.text.locate import Folders

    within = Folders.beside(file, allowed)
    try:
        for names, name, digest in uses:
            path, content = file, b""
            for each in (*names, name):
                path, content = within.find(each, path)
            if hashlib.sha256(content).hexdigest() != digest:
                return False
    except RetakeFlowError:
        return False
    return True


def _key(content: bytes) -> str:
    from retake_flow.flow.text import locate

    digest = hashlib.sha256(content)
    for line in sorted(_modules(os.path.dirname(os.path.dirname(__file__)))):
        digest.update(line.encode())
    digest.update(_state(locate.platform_rules()).encode())
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _modules(entry.path)
            elif entry.name.endswith(".py"):
                yield _state(entry)


def _state(file: os.DirEntry[str] | Path) -> str:
    status = file.stat()
    return f"{os.fspath(file)}:{status.st_mtime_ns}:{status.st_size}\n"

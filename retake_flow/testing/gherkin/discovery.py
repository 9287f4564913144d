"""Finds feature files in folders, without following links that lead out of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from retake_flow.errors import UsageError
from retake_flow.sanitize import one_line
from retake_flow.testing.gherkin.lint import display_path

_MOST_FILES: Final = 1_000
_MOST_ENTRIES: Final = 100_000  # that are examined
_SKIPPED: Final = ("node_modules", "venv")
CONFTEST: Final = "conftest.py"


def feature_files(given: Sequence[Path]) -> list[Path]:
    """The feature files in a list of files and folders; empty files in a folder are skipped.

    Raises:
        UsageError: One in a folder is not a plain file or leads out of it, or there are too many.
    """
    found: dict[Path, None] = {}
    for path in (each.resolve() for each in given):
        for file in _inside(path) if path.is_dir() else [path]:
            found[file] = None
            if len(found) > _MOST_FILES:
                raise UsageError(f"there are more than {_MOST_FILES} feature files", hint="name some of them")
    return list(found)


def conftests(files: Sequence[Path], top: Path) -> list[Path]:
    """The Python files beside features from which pytest would take steps."""
    folders = {folder for file in files for folder in file.parents if folder.is_relative_to(top)}
    return sorted(folder / CONFTEST for folder in folders if (folder / CONFTEST).is_file())


def _inside(top: Path) -> Iterator[Path]:
    """The feature files of a folder and its subfolders, by name."""
    waiting, seen = [str(top)], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            raise UsageError(f"{one_line(display_path(Path(folder)))} cannot be read: {error.strerror}") from None
        seen += len(entries)
        if seen > _MOST_ENTRIES:
            raise UsageError(
                f"{one_line(display_path(top))} holds more than {_MOST_ENTRIES} files", hint="name the features"
            )
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and not _hidden(entry.name)]
        waiting += reversed(below)
        for entry in entries:
            if entry.name.endswith(".feature") and not entry.is_dir(follow_symlinks=False):
                yield from _feature(Path(entry.path), top)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED


def _feature(file: Path, top: Path) -> Iterator[Path]:
    """The file, unless it is empty, as a file is while it is being written."""
    name = one_line(display_path(file))
    if not file.resolve().is_relative_to(top):
        raise UsageError(f"{name} leads out of its folder", hint="name the file that it leads to instead")
    try:
        status = file.stat()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{name} is not a plain file")
    if status.st_size:
        yield file

"""Plays scenarios in an isolated pytest.

No link that leads out of the folder of a feature is followed. Other configuration, plugins and caches are ignored, and
Python beside the features is not loaded unless requested.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

import pytest

from retake_flow.errors import UsageError
from retake_flow.sanitize import one_line
from retake_flow.studio.work_folder import work_folder
from retake_flow.testing.gherkin.lint import Flawed, display_path
from retake_flow.testing.gherkin.suite import Suite

_OURS: Final = ("--disable-plugin-autoload", "-p", "pytest_bdd.plugin", "-p", "no:cacheprovider", "-p", "no:terminal")
_VARIABLES: Final = "PYTEST_"
_LAST_LINES: Final = 12


class _FeaturesAlone:
    """Plugin that shows pytest only feature files and the folders that lead to them.

    A folder with an `__init__.py` is treated like any other: pytest would import that file.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._seen = {*files, *(folder for file in files for folder in file.parents)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Whether a path is skipped; None leaves the decision to pytest."""
        return None if collection_path in self._seen else True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector:
        """Collect every folder as a plain folder."""
        return pytest.Dir.from_parent(parent, path=path)


def play(suite: Suite, features: Sequence[Path], select: str = "", *, python: bool = False) -> None:
    """Play features; the suite then has the verdicts. Nothing is left behind on disk.

    Args:
        suite: The suite with the flow.
        features: Files and folders.
        select: The scenarios to play, as with `pytest -k`; "" for all.
        python: Whether each `conftest.py` beside the features is loaded, for users' steps.

    Raises:
        Flawed: The features cannot be played as written.
        UsageError: There is no scenario, or a file beside the features cannot be read.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    named = [path.resolve() for path in features]
    common = os.path.commonpath([path if path.is_dir() else path.parent for path in named])
    files = feature_files(named)
    suite.python = python
    suite.unread = [] if python else conftests(files, Path(common))
    said = io.StringIO()
    with work_folder() as scratch, _isolate():
        arguments = [*_OURS, "-c", os.devnull, "--rootdir", common, "--confcutdir", common, "-p", "no:warnings"]
        arguments += ["--import-mode", "importlib", "--basetemp", str(scratch.path / "tests"), "-k", select]
        arguments += [] if python else ["--noconftest"]
        with redirect_stdout(said), redirect_stderr(said):
            code = pytest.main([*arguments, *map(str, named)], plugins=[suite, _FeaturesAlone(files)])
    if suite.interrupted:
        raise KeyboardInterrupt
    if suite.flaws:
        raise Flawed(suite.flaws)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise UsageError("there is no scenario" + (f" that fits {select!r}" if select else " in these features"))
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        raise UsageError(
            "\n".join(["the scenarios could not be played:", *lines[-_LAST_LINES:], suite.broken]).rstrip()
        )


@contextmanager
def _isolate() -> Iterator[None]:
    """Hide variables of the environment, and write no compiled files next to the features."""
    kept = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith(_VARIABLES)}
    wrote = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.dont_write_bytecode = wrote
        os.environ.update(kept)


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
    """The Python files next to features from which pytest would take steps."""
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
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and not _is_hidden(entry.name)]
        waiting += reversed(below)
        for entry in entries:
            if entry.name.endswith(".feature") and not entry.is_dir(follow_symlinks=False):
                yield from _feature(Path(entry.path), top)


def _is_hidden(name: str) -> bool:
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

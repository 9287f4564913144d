"""Plays scenarios in an isolated pytest.

Other configuration, plugins and caches are ignored, and Python beside the features is not loaded unless requested.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

import pytest

from retake_flow.errors import UsageError
from retake_flow.studio.work_folder import work_folder
from retake_flow.testing.gherkin.discovery import conftests, feature_files
from retake_flow.testing.gherkin.lint import Flawed
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
    with work_folder() as scratch, _isolated():
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
def _isolated() -> Iterator[None]:
    """Hide variables of the environment, and write no compiled files beside the features."""
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

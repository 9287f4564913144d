"""Playing scenarios by a pytest of one's own: no configuration, plugin or cache of anybody else has a part in it."""

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
from retake_flow.testing.flaws import Flawed
from retake_flow.testing.suite import Suite

_OURS: Final = ("--disable-plugin-autoload", "-p", "pytest_bdd.plugin", "-p", "no:cacheprovider", "-p", "no:terminal")
_VARIABLES: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_LAST_LINES: Final = 12


def play(suite: Suite, features: Sequence[Path], select: str = "") -> None:
    """Play features; how each scenario ended stands in the suite then. Nothing is left behind on disk.

    A `conftest.py` beside the features is read, for steps of people's own.

    Args:
        suite: What is played on.
        features: Files and folders.
        select: Which scenarios, as by `pytest -k`; "" is all.

    Raises:
        Flawed: They cannot be played as they are written.
        UsageError: There is no scenario, or what is beside them cannot be read.
        KeyboardInterrupt: Somebody has pressed Ctrl-C.
    """
    folders = [str(path if path.is_dir() else path.parent) for path in (path.resolve() for path in features)]
    common = os.path.commonpath(folders)
    said = io.StringIO()
    with work_folder() as scratch, _undisturbed():
        arguments = [*_OURS, "-c", os.devnull, "--rootdir", common, "--confcutdir", common, "-p", "no:warnings"]
        arguments += ["--import-mode", "importlib", "--basetemp", str(scratch.path / "tests"), "-k", select]
        with redirect_stdout(said), redirect_stderr(said):
            code = pytest.main([*arguments, *(str(path.resolve()) for path in features)], plugins=[suite])
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
def _undisturbed() -> Iterator[None]:
    """Keep variables of the environment out, and compiled files from being written beside the features."""
    kept = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    wrote = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.dont_write_bytecode = wrote
        os.environ.update(kept)

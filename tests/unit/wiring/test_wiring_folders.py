"""A run leaves no folder behind, and takes away those that killed runs could not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from retake_flow.wiring.folders import work_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, for one test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_is_gone_with_the_run(temporary: Path) -> None:
    """While the run lasts it has a folder that only its owner can enter, and then nothing is left."""
    with work_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "stream.log").write_text("x")
    assert list(temporary.iterdir()) == []


def test_abandoned_folders_are_removed_and_others_are_not(temporary: Path) -> None:
    """Gone is what a dead run has left; what a living one uses, a link, and what is not ours stays."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        dead.wait()
    abandoned = temporary / f"retake-flow-{dead.pid}-abc"
    living = temporary / f"retake-flow-{os.getpid()}-abc"
    other = temporary / "retake-flow-notes"
    for folder in (abandoned, living, other):
        folder.mkdir()
        (folder / "kept").touch()
    link = temporary / f"retake-flow-{dead.pid}-link"
    link.symlink_to(other)
    with work_folder():
        assert not abandoned.exists()
    assert sorted(path.name for path in temporary.iterdir()) == sorted([living.name, other.name, link.name])
    assert (other / "kept").exists()

"""Files that hold tokens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.rehearsal import private_file


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Whatever the old file allowed, the new one is its owner's alone."""
    file = tmp_path / "kept.json"
    file.write_text("old")
    file.chmod(0o644)
    private_file.replace(file, "ünï")
    assert file.read_text(encoding="utf-8") == "ünï"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new file cannot be put in place, the old one is there as it was, and nothing beside it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "kept.json"
    private_file.replace(file, "old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        private_file.replace(file, "new")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("kept.json", "old")]


def test_removing_takes_what_killed_writers_left(tmp_path: Path) -> None:
    """A half-written copy goes with the file, other files stay, and removing twice is no error."""
    for name in ("kept.json", ".kept.json.x1y2", "kept.json.bak", "other"):
        (tmp_path / name).touch()
    for _ in range(2):
        private_file.remove(tmp_path / "kept.json")
        assert {found.name for found in tmp_path.iterdir()} == {"kept.json.bak", "other"}

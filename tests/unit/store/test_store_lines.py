"""Journals as files of JSON lines."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from retake_flow.errors import StoreError
from retake_flow.run.records import VERSION, record
from retake_flow.run.run import Run
from retake_flow.store.lines import LinesStore

RUN = Run("owl-1", "owl", "", {})


def lines(path: Path) -> list[dict[str, Any]]:
    """What stands in a file, line by line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_record_is_a_line_below_the_version(tmp_path: Path) -> None:
    """A journal begins with the version of its form, once, and then has a line for each record, in order."""
    store = LinesStore(tmp_path / "deep" / "folder")
    store.write(RUN, [record("a", 0), record("b", 0, text="ö\nx")])
    store.write(RUN, [])
    store.write(RUN, [record("c", 0)])
    first, *rest = lines(store.path("owl-1"))
    assert first == {"version": VERSION}
    assert [line["event"] for line in rest] == ["a", "b", "c"]
    assert rest[1]["text"] == "ö\nx"


def test_nothing_to_write_makes_no_file(tmp_path: Path) -> None:
    """A macrostep without records leaves no trace."""
    LinesStore(tmp_path).write(RUN, [])
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Neither the file nor its folder can be read by others, whatever the umask."""
    before = os.umask(0)
    try:
        store = LinesStore(tmp_path / "journals")
        store.write(RUN, [record("a", 0)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path("owl-1").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "journals").stat().st_mode) == 0o700


def test_runs_have_files_of_their_own(tmp_path: Path) -> None:
    """Two runs in one folder do not mix."""
    store = LinesStore(tmp_path)
    for run in ("one", "two"):
        store.write(Run(run, "owl", "", {}), [record("a", 0, run=run)])
    assert [lines(store.path(run))[1]["run"] for run in ("one", "two")] == ["one", "two"]


def test_records_of_one_macrostep_are_written_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who reads along sees half a line: what belongs together is handed to the system at once."""
    written: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: written.append(content) or real(handle, content))
    LinesStore(tmp_path).write(RUN, [record("a", 0), record("b", 0)])
    assert len(written) == 1


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system takes less than it was given, the rest follows."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:7]))
    store = LinesStore(tmp_path)
    store.write(RUN, [record("a", 0, text="x" * 50)])
    assert lines(store.path("owl-1"))[1]["text"] == "x" * 50


def test_what_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    """A folder that cannot be made is an error of the operator's machine that names the file."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"the journal .*owl-1\.jsonl cannot be written") as raised:
        LinesStore(tmp_path / "file" / "journals").write(RUN, [record("a", 0)])
    assert "RETAKE_FLOW_STATE" in raised.value.hint
    assert raised.value.exit_code == 6


def test_a_full_disk_is_an_error_with_advice() -> None:
    """When the disk is full, the error says so."""

    class Full(LinesStore):
        def path(self, run: str) -> Path:
            return Path("/dev/full")

    with pytest.raises(StoreError, match="No space left on device"):
        Full(Path("/dev")).write(RUN, [record("a", 0)])

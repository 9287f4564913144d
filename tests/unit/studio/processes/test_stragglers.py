"""Stragglers: finding processes that are in the middle of exec."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from retake_flow.studio.processes import stragglers


def proc_folder(folder: Path, arguments: bytes = b"", start: int = 1) -> Path:
    """The folder in /proc of a process that has memory and no environment."""
    stat = b"7 (sh) S" + b" 0" * 18 + b" %d 0" % start
    files = {"environ": b"", "statm": b"61 1 1 1 0 1 0\n", "cmdline": arguments, "stat": stat}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def in_an_hour() -> float:
    """A deadline that is not met."""
    return time.monotonic() + 3600


def test_the_search_waits_for_a_program_that_is_being_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment counts although it appears only after many looks."""
    process, loaded = proc_folder(tmp_path), threading.Event()
    monkeypatch.setattr(time, "sleep", lambda _: loaded.set())

    def load() -> None:
        loaded.wait()
        (process / "environ").write_bytes(b"A=1\0")

    threading.Thread(target=load, daemon=True).start()
    assert stragglers._environment(process, in_an_hour()) == b"A=1\0"


def test_the_search_waits_for_no_program_that_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has arguments is loaded, though it may have no environment."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("the search waits"))
    assert stragglers._environment(proc_folder(tmp_path, b"env\0-i\0"), in_an_hour()) == b""


def test_no_search_waits_again_for_a_program_that_was_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later process with its id is waited for."""
    process = proc_folder(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("the search waits"))
    assert stragglers._environment(process, time.monotonic()) == b""
    assert stragglers._environment(process, in_an_hour()) == b""
    later = proc_folder(tmp_path, start=2)
    monkeypatch.setattr(time, "sleep", lambda _: (later / "environ").write_bytes(b"A=1\0"))
    assert stragglers._environment(later, in_an_hour()) == b"A=1\0"


def test_a_search_waits_once_for_all_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many programs that are never loaded delay it no longer than one."""
    deadlines: set[float] = set()
    monkeypatch.setattr(stragglers, "_environment", lambda _, deadline: deadlines.add(deadline) or b"")
    assert list(stragglers.find_marked({"A": "1"})) == []
    assert len(deadlines) == 1

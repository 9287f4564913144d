"""Stragglers: finding processes that are in the middle of exec."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from retake_flow.studio.processes import stragglers


def proc_folder(folder: Path, arguments: bytes = b"", user: int = os.getuid()) -> Path:
    """The folder in /proc of a process that has memory and no environment."""
    status = b"Name:\tsh\nUid:\t%d\t0\t0\t0\n" % user
    files = {"environ": b"", "statm": b"61 1 1 1 0 1 0\n", "cmdline": arguments, "status": status}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_the_search_waits_for_a_program_that_is_being_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment counts although it appears only after many looks."""
    process, loaded = proc_folder(tmp_path), threading.Event()
    monkeypatch.setattr(stragglers, "_LOADED_WITHIN", 60.0)
    monkeypatch.setattr(time, "sleep", lambda _: loaded.set())

    def load() -> None:
        loaded.wait()
        (process / "environ").write_bytes(b"A=1\0")

    loading = threading.Thread(target=load)
    loading.start()
    assert stragglers._environment(process) == b"A=1\0"
    loading.join()


@pytest.mark.parametrize(("arguments", "within"), [(b"env\0-i\0", 3600.0), (b"", 0.0)])
def test_the_search_waits_for_no_program_without_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: bytes, within: float
) -> None:
    """One that has arguments is loaded; one that has none is given up after a while, and not waited for again."""
    monkeypatch.setattr(stragglers, "_LOADED_WITHIN", within)
    process = proc_folder(tmp_path, arguments)
    assert stragglers._environment(process) == b""
    monkeypatch.setattr(stragglers, "_LOADED_WITHIN", 3600.0)
    assert stragglers._environment(process) == b""

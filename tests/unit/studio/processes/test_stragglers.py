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
    monkeypatch.setattr(time, "sleep", lambda _: loaded.set())

    def load() -> None:
        loaded.wait()
        (process / "environ").write_bytes(b"A=1\0")

    loading = threading.Thread(target=load)
    loading.start()
    assert stragglers._environment(process, time.monotonic() + 60) == b"A=1\0"
    loading.join()


@pytest.mark.parametrize(
    ("arguments", "user", "left"),
    [(b"env\0-i\0", os.getuid(), 60.0), (b"", os.getuid() + 1, 60.0), (b"", os.getuid(), 0.0)],
    ids=["loaded", "of-another-user", "out-of-time"],
)
def test_the_search_waits_for_no_program_without_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: bytes, user: int, left: float
) -> None:
    """One that has arguments is loaded, another user's is none of ours, and the time of the search may be over."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("the search waits"))
    assert stragglers._environment(proc_folder(tmp_path, arguments, user), time.monotonic() + left) == b""

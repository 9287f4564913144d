"""Who holds a run, told from real processes."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from retake_flow.ports.runs import Holder
from retake_flow.store import holders
from retake_flow.store.holders import alive, this_process


def test_this_process_lives() -> None:
    """We know ourselves by host, process id and start."""
    us = this_process()
    assert (us.host, us.pid) == (os.uname().nodename, os.getpid())
    assert alive(us)


def test_a_process_of_another_start_is_another_process() -> None:
    """A process id that was used again is not who held the run."""
    us = this_process()
    assert alive(replace(us, started=us.started + 0.005))
    assert not alive(replace(us, started=us.started + 0.1))
    assert not alive(replace(us, started=us.started - 60))


def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is told by its start since boot, which does not move with the time of day as psutil's does."""
    us = this_process()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3600)
    assert alive(us)
    assert this_process() == us
    assert 0 < us.started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_where_there_is_no_proc_the_time_of_day_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems keep the start of a process as a time of day, and that does as well."""
    monkeypatch.setattr(holders, "Path", lambda *parts: Path("/nowhere", *parts[1:]))
    us = this_process()
    assert us.started == psutil.Process().create_time()
    assert alive(us)
    assert not alive(replace(us, started=us.started - 1))


def test_a_name_with_parentheses_is_no_riddle(tmp_path: Path) -> None:
    """A program may be called anything, also what looks like the fields that follow its name."""
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen([program, "60"]) as child:
        try:
            started = holders._started(psutil.Process(child.pid))
        finally:
            child.kill()
    assert before - 0.02 <= started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_dead_process_is_dead_at_once() -> None:
    """Also while nobody has asked for its exit status yet, and after it is gone."""
    child = subprocess.Popen(["sleep", "60"])
    holder = Holder(os.uname().nodename, child.pid, holders._started(psutil.Process(child.pid)))
    assert alive(holder)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert not alive(holder)
    child.wait()
    assert not alive(holder)


def test_processes_of_another_host_count_as_alive() -> None:
    """Nobody here can know of them, so only force takes their runs."""
    assert alive(Holder("elsewhere", 1, 0.0))

"""Who holds a run, told from real processes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import psutil

from retake_flow.ports.runs import Holder
from retake_flow.store.holders import alive, this_process


def test_this_process_lives() -> None:
    """We know ourselves by host, process id and start."""
    us = this_process()
    assert (us.host, us.pid) == (os.uname().nodename, os.getpid())
    assert alive(us)


def test_a_process_of_another_start_is_another_process() -> None:
    """A process id that was used again is not who held the run."""
    us = this_process()
    assert alive(replace(us, started=us.started + 0.5))
    assert not alive(replace(us, started=us.started - 60))


def test_a_dead_process_is_dead_at_once() -> None:
    """Also while nobody has asked for its exit status yet, and after it is gone."""
    child = subprocess.Popen(["sleep", "60"])
    holder = Holder(os.uname().nodename, child.pid, psutil.Process(child.pid).create_time())
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

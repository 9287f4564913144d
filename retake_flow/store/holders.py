"""Which process drives a run, and whether it still lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from retake_flow.ports.runs import Holder

if TYPE_CHECKING:
    import psutil

#: How far two readings of one process's start may lie apart, in seconds: two ticks of the kernel's clock.
TOLERANCE = 0.02


def this_process() -> Holder:
    """The process we are, as the holder of a run."""
    import psutil

    return Holder(_host(), os.getpid(), _started(psutil.Process()))


def alive(holder: Holder) -> bool:
    """Whether a holder lives, as far as one can know here: of another host's processes nobody knows, so they do."""
    import psutil

    if holder.host != _host():
        return True
    try:
        process = psutil.Process(holder.pid)
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead and abs(_started(process) - holder.started) <= TOLERANCE
    except psutil.NoSuchProcess:
        return False


def _started(process: psutil.Process) -> float:
    """When a process was started, in seconds since the machine was.

    The time of day, which psutil gives, moves for a living process when the clock is set. That after a reboot the same
    process id belongs to a process of the same hundredth of a second is unlikely enough to be accepted: its run would
    count as driven until that process ends, or until it is taken with --force.

    Source: proc_pid_stat(5), field 22. Where there is no /proc it is psutil's time of day.
    """
    try:
        stat = Path("/proc", str(process.pid), "stat").read_bytes()
    except OSError:
        return process.create_time()
    after_name = stat.rpartition(b")")[2].split()  # the name may hold blanks and parentheses; field 3 is next
    return int(after_name[22 - 3]) / os.sysconf("SC_CLK_TCK")


def _host() -> str:
    return os.uname().nodename

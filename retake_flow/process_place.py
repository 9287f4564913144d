"""Process place: where process ids are valid, and whether one of them still names the process that it named."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

#: The largest difference between two readings of a process's start, in seconds: two ticks of the kernel's clock.
_TOLERANCE = 0.02


@cache
def where() -> str:
    """The place of this process: this boot of the kernel, and the PID namespace; "" when that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{boot}/{namespace()}" if boot and namespace() else ""


def namespace() -> int:
    """The inode of the PID namespace; 0 when it cannot be known."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def runs(pid: int, since: float) -> bool:
    """Whether a process of this place is alive, by its id and when it started, as `start_time` returns it."""
    import psutil

    try:
        process = psutil.Process(pid)
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead and abs(start_time(pid) - since) <= _TOLERANCE
    except psutil.NoSuchProcess:
        return False


def start_time(pid: int) -> float:
    """When a process started, in seconds since the machine booted.

    psutil's time of day shifts for a living process when the clock is set. After a reboot, another process could have
    the same process id and have started in the same hundredth of a second. That is unlikely enough to be accepted: the
    run would count as driven until that process ends, or until it is taken with --force.

    Source: proc_pid_stat(5), field 22. Without /proc it is psutil's time of day.
    """
    try:
        stat = Path("/proc", str(pid), "stat").read_bytes()
    except OSError:
        import psutil

        return psutil.Process(pid).create_time()
    after_name = stat.rpartition(b")")[2].split()  # the name may contain spaces and parentheses; field 3 is next
    return int(after_name[22 - 3]) / os.sysconf("SC_CLK_TCK")


def mark() -> str:
    """A text that names this process for all processes, wherever they are."""
    return f"{os.getpid()} {start_time(os.getpid())!r} {where()}\n"


def is_gone(marked: str) -> bool:
    """Whether the process of a mark is known to be gone; only a process in its place can know that."""
    try:
        pid, since, place = marked.split()
        return place == where() and not runs(int(pid), float(since))
    except ValueError:
        return False

"""Stragglers: finds surviving processes of ours by the marker in their environment, and reaps ended orphans."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from retake_flow.studio.processes.process import watched
from retake_flow.tasks import beside, time_limit

if TYPE_CHECKING:
    import psutil

#: How often a process without an environment is looked at, since most of those are about to have one.
_LOOKS = 50
#: How long (seconds) a search waits in all for programs that are still being loaded, which a slow disk may delay.
_LOADED_WITHIN: Final = 1.0
#: The processes that were given up after that, by id and start; no other search waits for them.
_given_up: Final[set[tuple[str, bytes]]] = set()

_GONE_WITHIN: Final = 10.0  # seconds
_REAPED_EVERY: Final = 5.0  # seconds


def find_marked(marks: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Each process of this user that was started with all of `marks` in its environment."""
    me = os.getuid()
    for pid in _marked_pids(marks):
        # Imported here, since the import takes longer than a search, and most searches find nothing.
        import psutil

        with suppress(psutil.Error):  # it may have ended
            process = psutil.Process(pid)
            if process.uids().real == me:
                yield process


def _marked_pids(marks: Mapping[str, str]) -> Iterator[int]:
    sought = {os.fsencode(f"{name}={value}") for name, value in marks.items()}
    deadline = time.monotonic() + _LOADED_WITHIN
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):  # it has ended, or its environment may not be read
            if sought <= set(_environment(Path("/proc", pid), deadline).split(b"\0")):
                yield int(pid)


def _environment(process: Path, deadline: float) -> bytes:
    """The environment of a process; during exec it has memory, and neither arguments nor environment yet."""
    looks = 0
    while True:
        found = (process / "environ").read_bytes()
        if found or looks == _LOOKS or (process / "statm").read_bytes().startswith(b"0 "):
            return found
        if (process / "cmdline").read_bytes() or (process.name, started := _start(process)) in _given_up:
            looks += 1
            os.sched_yield()
        elif time.monotonic() < deadline:
            time.sleep(0.001)
        else:
            _given_up.add((process.name, started))


def _start(process: Path) -> bytes:
    """When a process started, in clock ticks since boot (proc(5)); it tells the process from a later one of its id."""
    return (process / "stat").read_bytes().rpartition(b")")[2].split()[19]


def kill(marks: Mapping[str, str]) -> list[psutil.Process]:
    """Kill each process of this user that was started with all of `marks` in its environment.

    It awaits nothing, so nothing can come between. This process and its parents are spared.

    Returns:
        The processes that were killed.
    """
    killed: list[psutil.Process] = []
    seen: set[int] = set()
    # A process may fork during the search, so it is repeated until nothing new turns up.
    while found := [process for process in find_marked(marks) if process.pid not in seen]:
        import psutil

        spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        for process in found:
            seen.add(process.pid)
            if process.pid not in spared:
                with suppress(psutil.Error):
                    process.kill()
                    killed.append(process)
    return killed


async def wait_gone(processes: Sequence[psutil.Process]) -> None:
    """Wait until killed processes are gone, but not for ever."""
    with suppress(TimeoutError):
        async with time_limit(_GONE_WITHIN):
            for process in processes:
                while True:
                    if not _alive(process):
                        break
                    await asyncio.sleep(0.005)


def _alive(process: psutil.Process) -> bool:
    import psutil

    try:
        # We cannot control who reaps an orphan, so a zombie counts as gone.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


@asynccontextmanager
async def reaping(every: float = _REAPED_EVERY) -> AsyncIterator[None]:
    """While this lasts, no orphan that becomes our child stays in the process table as a zombie.

    Our own children are left to the code that started them: the launcher, and the operator's functions, whose children
    share our session. A zombie is only reaped when it is still there at the second look.
    """
    async with beside(_reap(every), "reaping"):
        yield


async def _reap(every: float) -> None:
    before: set[int] = set()
    while True:
        await asyncio.sleep(every)
        now = set(_ended_orphans())
        _take_leave(before & now)
        before = now - before


def _take_leave(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _ended_orphans() -> Iterator[int]:
    with suppress(ChildProcessError):
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            yield from _find_orphans()


def _find_orphans() -> Iterator[int]:
    mine = str(os.getsid(0))
    for pid in _children():
        with suppress(OSError, ValueError):
            # After the name, which may hold spaces and parentheses: state, parent, process group, session (proc(5)).
            state, _, _, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
            if state == "Z" and session != mine and pid not in watched:
                yield pid


def _children() -> list[int]:
    found: list[int] = []
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found

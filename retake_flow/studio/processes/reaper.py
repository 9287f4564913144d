"""Reaper: collects ended orphans when nothing else does, as in the first process of a container."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from retake_flow.studio.processes.process import watched

EVERY: Final = 5.0  # seconds


@asynccontextmanager
async def reaping(every: float = EVERY) -> AsyncIterator[None]:
    """While this lasts, no orphan that becomes our child stays in the process table as a zombie.

    Our own children are left to the code that started them: the launcher, and the operator's functions, whose children
    share our session. A zombie is only reaped when it is still there at the second look.
    """
    work = asyncio.create_task(_reap(every))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.wait([work])


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

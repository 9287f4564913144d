"""Stragglers: our processes that got away, found by the marker in their environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

#: How often a process without an environment is looked at, since most of those are about to have one.
_LOOKS = 50


def find_marked(marks: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Each process of this user that was started with all of `marks` in its environment."""
    me = os.getuid()
    for pid in _suspects(marks):
        # Imported here, since the import takes longer than a search, and most searches find nothing.
        import psutil

        try:
            process = psutil.Process(pid)
            if process.uids().real == me and marks.items() <= process.environ().items():
                yield process
        except (psutil.Error, OSError):
            continue  # it has ended, or its environment may not be read


def _suspects(marks: Mapping[str, str]) -> Iterator[int]:
    """The processes with all of `marks` somewhere in their environment, as far as it can be read."""
    sought = [os.fsencode(f"{name}={value}\0") for name, value in marks.items()]
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            environment = _environment(Path("/proc", pid))
            if all(mark in environment for mark in sought):
                yield int(pid)


def _environment(process: Path) -> bytes:
    """The environment of a process; in the middle of exec it has memory and no environment yet."""
    for _ in range(_LOOKS):
        found = (process / "environ").read_bytes()
        if found or (process / "statm").read_bytes().startswith(b"0 "):
            return found
        os.sched_yield()
    return b""


def kill(marks: Mapping[str, str]) -> list[psutil.Process]:
    """Kill each process of this user that was started with all of `marks` in its environment.

    It does not wait, so nothing can come between. This process and its parents are spared.

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


async def wait_gone(processes: Sequence[psutil.Process], within: float = 3.0) -> None:
    """Wait until killed processes are gone, at most `within` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            for process in processes:
                await _wait_gone(process)


async def _wait_gone(process: psutil.Process) -> None:
    while True:
        if not _alive(process):
            return
        await asyncio.sleep(0.005)


def _alive(process: psutil.Process) -> bool:
    import psutil

    try:
        # We cannot control who reaps an orphan, so a zombie counts as gone.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False

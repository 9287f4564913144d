"""Processes of ours that got away, recognised by the marker in their environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import psutil


def marked(marks: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Each process of this user that was started with all of `marks` in its environment."""
    me = os.getuid()
    for process in psutil.process_iter():
        try:
            if process.uids().real == me and marks.items() <= process.environ().items():
                yield process
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or it is not ours to read


def kill(marks: Mapping[str, str]) -> list[psutil.Process]:
    """Kill each process of this user that was started with all of `marks` in its environment.

    It does not wait, so nothing can come between. This process and its parents are spared.

    Returns:
        The processes that were killed.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    killed: list[psutil.Process] = []
    # A process may fork while it is being looked for, hence again until nothing new turns up.
    while found := [process for process in marked(marks) if process.pid not in spared]:
        for process in found:
            spared.add(process.pid)
            try:
                process.kill()
            except psutil.Error:
                continue
            killed.append(process)
    return killed


async def gone(processes: Sequence[psutil.Process], within: float = 3.0) -> None:
    """Wait until killed processes have left, at most `within` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            for process in processes:
                await _gone(process)


async def _gone(process: psutil.Process) -> None:
    while True:
        if not _alive(process):
            return
        await asyncio.sleep(0.005)


def _alive(process: psutil.Process) -> bool:
    try:
        # Who reaps an orphan is not up to us: a zombie counts as gone.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False

"""The living programs of a run: neither zombies, nor any that vanish while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import psutil

from retake_flow.studio.processes.launcher import RUN_VARIABLE


def programs(run: str, name: str = "", word: str = "") -> list[psutil.Process]:
    """Those that bear a run's mark, by their name and a word of their command line."""
    return living(processes(), lambda one: one.environ().get(RUN_VARIABLE) == run and _is(one, name, word))


def processes() -> Iterator[psutil.Process]:
    """All of this machine: unlike those of `psutil.process_iter`, never an earlier one of the same id."""
    for pid in psutil.pids():
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def program(run: str, name: str, word: str = "") -> psutil.Process | None:
    """One of them, if there is one."""
    return next(iter(programs(run, name, word)), None)


def children(pid: int, name: str = "", word: str = "", recursive: bool = False) -> list[psutil.Process]:
    """The children of a process, for programs that hide their environment, as Chromium does."""
    return living(psutil.Process(pid).children(recursive), lambda one: _is(one, name, word))


def lives(process: psutil.Process) -> bool:
    """Whether a process has not ended."""
    return bool(living([process], psutil.Process.is_running))


def living(processes: Iterable[psutil.Process], wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Those of some processes that are as wanted."""
    found = []
    for process in processes:
        try:
            if wanted(process) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _is(process: psutil.Process, name: str, word: str) -> bool:
    return name in ("", process.name()) and (not word or word in " ".join(process.cmdline()))

"""Finds what a run left behind, for the tests of the studio."""

from __future__ import annotations

import psutil

from retake_flow.studio.processes.launcher import RUN_VARIABLE


def left(marker: str) -> list[str]:
    """The living programs whose environment carries a run's marker."""
    names = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(RUN_VARIABLE) == marker:
                names.append(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue
    return names

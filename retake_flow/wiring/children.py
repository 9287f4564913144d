"""Children: finds the programs of a run by the mark in their environment."""

from __future__ import annotations

from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.processes import stragglers
from retake_flow.studio.processes.launcher import RUN_VARIABLE, sweep

__all__ = ["Child", "find_marked", "sweep"]


@dataclass(frozen=True, slots=True)
class Child:
    """A program of a run.

    Attributes:
        pid: Its process id.
        name: The program, without its arguments, which may hold a stream key.
        started: When it was started, in seconds since the epoch.
    """

    pid: int
    name: str
    started: float


def find_marked(marker: str) -> list[Child]:
    """The living processes of this user that a run started, the oldest first, without this process.

    Args:
        marker: The id of the run.
    """
    import psutil

    found: list[Child] = []
    me = psutil.Process()
    for process in stragglers.find_marked({RUN_VARIABLE: marker}):
        try:
            if process != me and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Child(process.pid, process.name(), process.create_time()))
        except psutil.Error:
            continue  # it has ended meanwhile
    return sorted(found, key=lambda child: (child.started, child.pid))

"""Process load: the memory and the computing time of processes with all their descendants."""

from __future__ import annotations

from collections.abc import Mapping

from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """The resources that a process and its descendants use.

    Attributes:
        rss: Their resident memory, in bytes.
        cpu: The seconds that they and their ended children have computed.
    """

    rss: int
    cpu: float


def loads(roots: Mapping[str, int]) -> Mapping[str, Load]:
    """The load of some processes with their descendants, in one look at all processes.

    Args:
        roots: Process ids by any key; one that is gone is left out.
    """
    import psutil

    parents = {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found = {}
    for key, root in roots.items():
        rss, cpu = 0, 0.0
        waiting = [root] if root in parents else []
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, ())
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    rss += process.memory_info().rss
                    times = process.cpu_times()
                    cpu += times.user + times.system + times.children_user + times.children_system
            except psutil.Error:
                continue  # it has ended meanwhile
        if rss:
            found[key] = Load(rss, round(cpu, 2))
    return found

"""Readings: how the runs on this host stand, what their processes use, and what a worker counts itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from retake_flow.errors import RetakeFlowError, StoreAway
from retake_flow.ports.runs import Holder, ReadableRuns, Stored, Summary
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.errors import Fenced, LeaseExpired
from retake_flow.run.figures import Figures
from retake_flow.run.run import Phase

#: The phases of runs that have not ended.
_GOING: Final = (Phase.PENDING, Phase.RUNNING, Phase.WAITING, Phase.SUSPENDED)


@dataclass(frozen=True, slots=True)
class RunReading:
    """How one run stands.

    Attributes:
        summary: The run.
        health: The vitals of its stream; see `Vitals.data`.
        stats: The figures of its streams; see `Stats.figures`.
        figures: The figures of its journal.
        asked: When its oldest open question was asked, in seconds since the epoch; None without one.
    """

    summary: Summary
    health: Mapping[str, Any]
    stats: Mapping[str, Any]
    figures: Figures
    asked: float | None


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """The figures that all hosts of a store share.

    Attributes:
        waiting: How many runs wait for a host.
        oldest_waiting: For how many seconds the oldest of them has waited.
        hosts: How many hosts there are in each state.
    """

    waiting: int = 0
    oldest_waiting: float = 0.0
    hosts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How everything stands.

    Attributes:
        runs: The runs that are driven here.
        leases_expired: How many runs have not ended although the lease of their process has.
        fleet: The figures of all hosts, by name; see `FleetFigures`.
    """

    runs: Sequence[RunReading] = ()
    leases_expired: int = 0
    fleet: FleetFigures | None = None


class Reader:
    """Reads the status of the runs that are `mine`; a run that was not written since is not read again.

    It is for one thread.
    """

    def __init__(
        self, store: ReadableRuns, mine: Callable[[str, Holder], bool], fleet: Callable[[], FleetFigures] | None = None
    ) -> None:
        self._store = store
        self._mine = mine
        self._fleet = fleet
        self._known: dict[str, tuple[float, Stored, Figures]] = {}

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def read(self) -> Reading:
        """Read how everything stands now.

        Raises:
            StoreError: The store cannot be read.
        """
        going = [one for one in self._store.summaries(phases=_GOING) if not one.damage]
        ours = [one for one in going if one.holder is not None and self._mine(one.id, one.holder)]
        self._known = {one.id: self._known[one.id] for one in ours if one.id in self._known}
        runs = [run for one in ours if (run := self._run(one)) is not None]
        expired = sum(one.holder is not None and (one.holder.lease or 0.0) < 0 for one in going)
        fleet = None if self._fleet is None else self._fleet()
        return Reading(runs, expired, fleet)

    def _run(self, summary: Summary) -> RunReading | None:
        known = self._known.get(summary.id)
        if known is None or known[0] != summary.updated:
            try:
                stored = self._store.load(summary.id)
                stored.figures.count(self._store.journal(summary.id, stored.figures.number))
            except StoreAway:
                raise
            except RetakeFlowError:  # it is damaged, or was pruned just now
                return None
            known = self._known[summary.id] = summary.updated, stored, stored.figures
        _, stored, figures = known
        now = time.time()
        asked = min((gate.opened_at for gate in stored.run.gates.values()), default=None) if summary.gates else None
        health = figures.vitals.data(now + stored.run.ahead)
        return RunReading(summary, health, stored.run.stats.figures(now), figures, asked)


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
    """The load of some processes with their descendants; a process that is gone is left out."""
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


@dataclass
class Durations:
    """How many durations there were, and their sum in seconds."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self.seconds += seconds


@dataclass
class WorkerFigures:
    """The figures of one process, for any thread.

    Attributes:
        capacity: The cores that it may give to runs; None for a process that drives one run.
        used: The cores that its runs take.
        accepting: Whether it takes another run.
        draining: Whether it hands its runs over and takes nothing new.
        store_away: Whether its last look at the store failed, so that it starts nothing.
        beat: When it was last seen to be alive, by the monotonic clock; None when nothing shows it.
        starts: How many runs it has started, by `fleet.Why`.
        start: The times from when a run was wanted to its start.
        exits: How many drivers have ended, by exit code.
        fenced: How many drivers ended since another process had taken their run.
        self_fences: How many drivers gave a run up because they could not renew its lease.
    """

    capacity: float | None = None
    used: float = 0.0
    accepting: bool = True
    draining: bool = False
    store_away: bool = False
    beat: float | None = None
    starts: Counter[str] = field(default_factory=Counter)
    start: Durations = field(default_factory=Durations)
    exits: Counter[str] = field(default_factory=Counter)
    fenced: int = 0
    self_fences: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count_start(self, why: str, after: float | None = None) -> None:
        """Count a start.

        Args:
            why: See `fleet.Why`.
            after: The seconds since the run was wanted, if known.
        """
        with self.lock:
            self.starts[why] += 1
            if after is not None:
                self.start.add(max(0.0, after))

    def count_exit(self, code: int, kind: str = "") -> None:
        """Count the end of a driver.

        Args:
            code: Its exit code; negative for a signal.
            kind: The kind of the error that ended it, if any.
        """
        with self.lock:
            self.exits[str(code)] += 1
            self.fenced += kind == Fenced.kind
            self.self_fences += kind == LeaseExpired.kind

    @property
    def full(self) -> bool:
        """Whether there is no room for another run."""
        return self.capacity is not None and self.used >= self.capacity

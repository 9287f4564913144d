"""Worker figures: what a process that drives runs, or has them driven, counts itself."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from retake_flow.run.errors import Fenced, LeaseExpired


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
        beat: When it was last seen to be alive, by the monotonic clock; None when nothing shows it.
        starts: How many runs it has started, by why.
        start: How long it took from when a run was wanted to its start.
        exits: How many drivers have ended, by exit code.
        fenced: How many drivers ended since another process had taken their run.
        self_fences: How many drivers gave a run up because they could not renew its lease.
    """

    capacity: float | None = None
    used: float = 0.0
    accepting: bool = True
    draining: bool = False
    beat: float | None = None
    starts: Counter[str] = field(default_factory=Counter)
    start: Durations = field(default_factory=Durations)
    exits: Counter[str] = field(default_factory=Counter)
    fenced: int = 0
    self_fences: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def started(self, why: str, after: float | None = None) -> None:
        """Count a start.

        Args:
            why: See `fleet.Why`.
            after: The seconds since the run was wanted, if known.
        """
        with self.lock:
            self.starts[why] += 1
            if after is not None:
                self.start.add(max(0.0, after))

    def exited(self, code: int, kind: str = "") -> None:
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

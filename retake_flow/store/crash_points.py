"""Crash points: end the process on purpose at one write of the journal, so that a test can try a crash there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from retake_flow.ports.runs import RunStore
from retake_flow.run.records import Record
from retake_flow.run.run import Run


def _kill_ourselves() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Boundaries:
    """Store whose process dies just before or just after a certain write.

    Args:
        store: Where runs are written.
        die_at: `7-` is before the seventh write of this process, `7+` after it; "" is never.
        die: Ends the process; called again at each later boundary, so that code left running writes nothing more.

    Attributes:
        writes: The number of writes so far.
    """

    def __init__(self, store: RunStore, die_at: str, die: Callable[[], None] = _kill_ourselves) -> None:
        self.writes = 0
        self._store = store
        self._die_at = die_at
        self._die = die
        self._dead = False

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the present run and the records."""
        self.writes += 1
        self._pass("-")
        self._store.write(run, records)
        self._pass("+")

    def _pass(self, side: str) -> None:
        if self._dead or f"{self.writes}{side}" == self._die_at:
            self._dead = True
            self._die()

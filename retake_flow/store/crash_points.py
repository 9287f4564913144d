"""Dying on purpose at one boundary of the journal, so that a test can try what a crash there does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from retake_flow.ports.journal import RunStore
from retake_flow.run.records import Record
from retake_flow.run.run import Run


def _kill_ourselves() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Boundaries:
    """A store with which its process dies just before or just after a certain write.

    Args:
        store: Where runs are written.
        die_at: `7-` is before the seventh write of this process, `7+` after it; "" is never.
        die: Ends the process; what it may leave to go on writes nothing more.

    Attributes:
        writes: How many writes there were.
    """

    def __init__(self, store: RunStore, die_at: str, die: Callable[[], None] = _kill_ourselves) -> None:
        self.writes = 0
        self._store = store
        self._die_at = die_at
        self._die = die
        self._dead = False

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Keep the run as it is now, and what happened."""
        self.writes += 1
        self._pass("-")
        self._store.write(run, records)
        self._pass("+")

    def _pass(self, side: str) -> None:
        if self._dead or f"{self.writes}{side}" == self._die_at:
            self._dead = True
            self._die()

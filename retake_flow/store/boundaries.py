"""Dying on purpose at one boundary of the journal, so that a test can try what a crash there does."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from retake_flow.errors import SettingsError
from retake_flow.ports.journal import RunStore
from retake_flow.run.records import Record
from retake_flow.run.run import Run


def boundaries(store: RunStore, die_at: str) -> RunStore:
    """The store itself; or one with which this process kills itself just before or just after a certain write.

    Args:
        store: Where runs are written.
        die_at: `7-` is before the seventh write of this process, `7+` after it; "" is never.

    Raises:
        SettingsError: It is neither.
    """
    if not die_at:
        return store
    number, side = die_at[:-1], die_at[-1]
    if not number.isdecimal() or side not in "-+":
        raise SettingsError(f"RETAKE_FLOW_DIE_AT is {die_at!r}; it takes `7-` or `7+`")
    return _Boundaries(store, int(number), side)


class _Boundaries:
    def __init__(self, store: RunStore, number: int, side: str) -> None:
        self._store = store
        self._number = number
        self._side = side
        self._writes = 0

    def write(self, run: Run, records: Sequence[Record]) -> None:
        self._writes += 1
        self._die("-")
        self._store.write(run, records)
        self._die("+")

    def _die(self, side: str) -> None:
        if self._writes == self._number and self._side == side:
            os.kill(os.getpid(), signal.SIGKILL)

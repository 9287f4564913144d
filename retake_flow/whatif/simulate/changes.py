"""Tracks what happens in a simulated run between two lines of the script."""

from __future__ import annotations

from collections.abc import Callable

from retake_flow.flow.expressions.sandbox import work_done
from retake_flow.ports.clock import Clock
from retake_flow.run.records import Record

#: The most records at one moment before the run counts as looping.
MOST_AT_ONCE = 10_000
CIRCLES = f"more than {MOST_AT_ONCE} things happened without any time passing: the run goes round in a circle"
#: The most records within one line of the script; a stream of a day has fewer.
MOST_IN_A_LINE = 50_000
ENDLESS = f"more than {MOST_IN_A_LINE} things happened within one line: advance by less"
_MOST_WORK = 10_000_000  # by expressions within one line: half a second
LABORIOUS = "the expressions of the flow are more work than a simulation can be"


class Track:
    """Listens to the records of the run: which states are entered and left, and whether it loops.

    Attributes:
        reason: Why the run was ended, if it loops; otherwise "".
    """

    def __init__(self, clock: Clock, end: Callable[[], None]) -> None:
        self.reason = ""
        self._clock = clock
        self._end = end
        self._entered: list[str] = []
        self._exited: list[str] = []
        self._at = 0.0
        self._count = self._in_line = 0
        self._work = work_done()

    def on_record(self, record: Record) -> None:
        """Handle a record."""
        if record["event"] == "state_entered":
            self._entered.append(record["state"])
        elif record["event"] == "state_left":
            self._exited.append(record["state"])
        now = self._clock.now()
        if now != self._at:
            self._count = -1
        self._count += 1
        self._at = now
        self._in_line += 1
        if not self.reason and (reason := self._endless()):
            self.reason = reason
            self._end()

    def _endless(self) -> str:
        if self._count >= MOST_AT_ONCE:
            return CIRCLES
        if self._in_line >= MOST_IN_A_LINE:
            return ENDLESS
        return LABORIOUS if work_done() - self._work > _MOST_WORK else ""

    def take(self) -> tuple[list[str], list[str]]:
        """The states entered and left since the last call."""
        self._in_line, self._work = 0, work_done()
        taken = self._entered, self._exited
        self._entered, self._exited = [], []
        return taken

"""What happens in a simulated run between two lines of the script."""

from __future__ import annotations

from collections.abc import Callable

from retake_flow.ports.clock import Clock
from retake_flow.run.records import Record

#: How much may happen at one moment before the run counts as going round in a circle.
MOST_AT_ONCE = 10_000
CIRCLES = f"more than {MOST_AT_ONCE} things happened without any time passing: the run goes round in a circle"


class Track:
    """Hears the records of the run: what is entered and left, and whether it goes round in a circle.

    Attributes:
        circles: Whether it does; then it was ended.
    """

    def __init__(self, clock: Clock, end: Callable[[], None]) -> None:
        self.circles = False
        self._clock = clock
        self._end = end
        self._entered: list[str] = []
        self._exited: list[str] = []
        self._at = 0.0
        self._count = 0

    def heard(self, record: Record) -> None:
        """Take notice of a record."""
        if record["event"] == "state_entered":
            self._entered.append(record["state"])
        elif record["event"] == "state_left":
            self._exited.append(record["state"])
        now = self._clock.now()
        self._count = self._count + 1 if now == self._at else 0
        self._at = now
        if self._count == MOST_AT_ONCE:
            self.circles = True
            self._end()

    def taken(self) -> tuple[list[str], list[str]]:
        """What was entered and left since this was asked last."""
        taken = self._entered, self._exited
        self._entered, self._exited = [], []
        return taken

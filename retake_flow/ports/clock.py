"""Port for time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The clock of a run: steady, even when the wall clock is set.

    It measures every duration, deadline and pace, and is `now` in a flow. The wall clock is for dates only: those in
    the journal, and those in data stored for other processes.
    """

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def ahead(self) -> float:
        """Seconds ahead of the wall clock; 0 unless the wall clock was set while a process drove the run."""
        ...

    async def sleep_until(self, due: float) -> None:
        """Wait until `due` (seconds since the epoch); returns at once when that is past."""
        ...

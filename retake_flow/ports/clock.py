"""Port for time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells and waits for the times of a run: steady, whatever happens to the wall clock.

    Every duration, deadline and pace is counted by it, and `now` in a flow is its time. The wall clock is for dates:
    those in the journal, and those of what is stored for other processes.
    """

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def ahead(self) -> float:
        """How many seconds it is ahead of the wall clock; 0 unless that was set while a process drove the run."""
        ...

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due` (seconds since the epoch), at once when that is past."""
        ...

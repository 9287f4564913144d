"""Clock: the time of this machine, steady for the life of a process."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: How far the wall clock must move, in seconds, to count as a step.
STEP: Final = 1.0
_LONGEST_NAP = 30.0
# This clock keeps running while the machine is suspended, as people's time does; the monotonic clock stops.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Real time, unaffected by steps of the wall clock in either direction.

    It starts `ahead` seconds ahead of the wall clock, and follows the kernel's clock since boot. Time in suspension
    counts, so `sleep_until` sleeps in short naps and soon notices that it is overdue.
    """

    def __init__(self, ahead: float = 0.0) -> None:
        self._ahead = ahead
        self._began = time.time() + ahead - _seconds_since_boot()

    def now(self) -> float:
        """Seconds since the epoch, if the wall clock was right at the start."""
        return self._began + _seconds_since_boot()

    @property
    def ahead(self) -> float:
        """Seconds by which this clock is ahead of the wall clock; changes when the wall clock is set."""
        ahead = self.now() - time.time()
        if abs(ahead - self._ahead) >= STEP:
            self._ahead = round(ahead, 3)
        return self._ahead

    async def sleep_until(self, due: float) -> None:
        """Wait until `due`."""
        left = due - self.now()
        while left > 0:
            await asyncio.sleep(min(left, _LONGEST_NAP))
            left = due - self.now()


def _seconds_since_boot() -> float:
    return time.clock_gettime(_STEADY)

"""Clock: the time of this machine, steady for the life of a process."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: How far the wall clock has to be moved, in seconds, for that to count as a step.
STEP: Final = 1.0
_LONGEST_NAP = 30.0
# Goes on while the machine is suspended, as people's time does; the monotonic clock stands still meanwhile.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """Real time that no step of the wall clock moves, neither back nor forward.

    It begins at the wall clock's time and counts by the kernel's clock since boot. Time in which the machine was
    suspended counts, so `sleep_until` sleeps in naps and notices soon after that it is overdue.

    Args:
        ahead: How many seconds it is ahead of the wall clock from the beginning.
    """

    def __init__(self, ahead: float = 0.0) -> None:
        self._ahead = ahead
        self._began = time.time() + ahead - _elapsed()

    def now(self) -> float:
        """Seconds since the epoch, as far as the wall clock was right at the beginning."""
        return self._began + _elapsed()

    @property
    def ahead(self) -> float:
        """How many seconds this clock is ahead of the wall clock; it changes when that is set."""
        ahead = self.now() - time.time()
        if abs(ahead - self._ahead) >= STEP:
            self._ahead = round(ahead, 3)
        return self._ahead

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due`."""
        left = due - self.now()
        while left > 0:
            await asyncio.sleep(min(left, _LONGEST_NAP))
            left = due - self.now()


def _elapsed() -> float:
    return time.clock_gettime(_STEADY)

"""The time of the machine we run on."""

from __future__ import annotations

import asyncio
import time

_LONGEST_NAP = 30.0


class SystemClock:
    """Real time. Sleeps in naps, so that a machine that was suspended notices an overdue time soon after."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due`."""
        left = due - time.time()
        while left > 0:
            await asyncio.sleep(min(left, _LONGEST_NAP))
            left = due - time.time()

"""Polling: how a process waits for what another one writes into the store."""

from __future__ import annotations

import time

EVERY = 0.2  # seconds between two looks


class Polling:
    """Paces the looks of somebody who waits.

    Args:
        within: Seconds for which to look.
        every: Seconds between two looks.
    """

    def __init__(self, within: float, every: float = EVERY) -> None:
        self._deadline = time.monotonic() + within
        self._every = every

    def again(self) -> bool:
        """Wait until it is time for another look; False at once when the time for looking is over."""
        if time.monotonic() >= self._deadline:
            return False
        time.sleep(self._every)
        return True

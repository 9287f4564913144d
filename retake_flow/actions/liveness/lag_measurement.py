"""Measurement of the lag of one push, from looks at the stream status while it begins and soon after.

All times are seconds since the first frames were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf

from retake_flow.actions.liveness.lag import PRECISE, Lag, trusted

_CLOCKS_AGREE = 60.0  # seconds on air after which the platform's clock and ours may have come apart


class Measurement:
    """What is known of the lag of one push.

    Args:
        began: When its encoder was started, which is before 0.
        known: The lags of earlier pushes, the newest last.

    Attributes:
        lag: What follows from all looks so far; None until one has found the stream live.
    """

    def __init__(self, began: float, known: Sequence[Lag]) -> None:
        self.lag: Lag | None = None
        self._began = began
        self._known = trusted(known)
        self._looks = Lag(began, inf)
        self._trip = 0.0  # seconds from a question to its answer
        self._counts = not any(lag.source == "contradicted" for lag in known)

    def missed(self, asked: float) -> None:
        """Take note of a look, asked for then, that has not found the stream live."""
        if self.lag is None:
            self._looks = Lag(asked, inf)

    def found(self, asked: float, answered: float, uptime: int) -> None:
        """Take note of a look that has found the stream live, for so many whole seconds."""
        first, self._trip = self.lag is None, answered - asked
        if first:
            self.lag = self._looks = Lag(self._looks.after, answered)
        if self._counts and answered - self._looks.by < _CLOCKS_AGREE:
            self._count(Lag(asked - uptime - 1, answered - uptime, "uptime"))
        if first:
            self._compare()

    def telling(self, earliest: float) -> float | None:
        """When one more look would tell most, by the uptime that comes with it; None when it would tell nothing.

        Args:
            earliest: When it may be looked again.
        """
        if self.lag is None or not self._counts or self.lag.width <= PRECISE + self._trip:
            return None
        # Just then another second of uptime is full or not yet, so the lag is in one half of what it may be.
        middle = (self.lag.after + self.lag.by) / 2
        return middle + ceil(max(0.0, earliest - middle))

    def _count(self, told: Lag) -> None:
        """Take the uptime into account, unless it counts from something else than this push being shown live."""
        if told.by < self._began - 1:
            self._counts = False  # an earlier push
        elif told.by <= self._looks.after or told.after >= self._looks.by:
            self._counts = False
            self.lag = Lag(self._looks.after, self._looks.by, "contradicted")
        elif self.lag is not None:
            self.lag = self.lag.within(told) or self.lag

    def _compare(self) -> None:
        """Take what an earlier stream tells more exactly, where it tells the same."""
        if self.lag is not None and self.lag.source != "contradicted":
            closer = (self.lag.within(known) for known in reversed(self._known) if known.width < self.lag.width)
            self.lag = next((both for both in closer if both is not None), self.lag)

"""Lag measurement: the lag of one push, from polls of the stream status as it begins and soon after.

All times are seconds since the first frames were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf

from retake_flow.actions.liveness.lag import PRECISE, Lag, trustworthy

_CLOCKS_AGREE = 60.0  # seconds on air after which the platform's clock and this machine's may have drifted apart


class Measurement:
    """The measured lag of one push.

    Args:
        began: When its encoder was started, which is before 0.
        known: The lags of earlier pushes, newest last.

    Attributes:
        lag: The result of all polls so far; None until one has found the stream live.
    """

    def __init__(self, began: float, known: Sequence[Lag]) -> None:
        self.lag: Lag | None = None
        self._began = began
        self._known = trustworthy(known)
        self._looks = Lag(began, inf)
        self._trip = 0.0  # seconds from a request to its response
        self._counts = not any(lag.source == "contradicted" for lag in known)

    def add_miss(self, asked: float) -> None:
        """Note a poll, requested at this time, that did not find the stream live."""
        if self.lag is None:
            self._looks = Lag(asked, inf)

    def add_hit(self, asked: float, answered: float, uptime: int) -> None:
        """Note a poll that found the stream live, for this many full seconds."""
        first, self._trip = self.lag is None, answered - asked
        if first:
            self.lag = self._looks = Lag(self._looks.after, answered)
        if self._counts and answered - self._looks.by < _CLOCKS_AGREE:
            self._count(Lag(asked - uptime - 1, answered - uptime, "uptime"))
        if first:
            self._compare()

    def is_informative(self, earliest: float) -> float | None:
        """When one more poll would be most informative, by its uptime; None if it would show nothing new.

        Args:
            earliest: The earliest time of the next poll.
        """
        if self.lag is None or not self._counts or self.lag.width <= PRECISE + self._trip:
            return None
        # At that moment one more second of uptime is either full or not, which halves the possible range of the lag.
        middle = (self.lag.after + self.lag.by) / 2
        return middle + ceil(max(0.0, earliest - middle))

    def _count(self, told: Lag) -> None:
        """Use the uptime, unless it counts from another moment than the start of being live."""
        if told.by < self._began - 1:
            self._counts = False  # it counts an earlier push
        elif told.by <= self._looks.after or told.after >= self._looks.by:
            self._counts = False
            self.lag = Lag(self._looks.after, self._looks.by, "contradicted")
        elif self.lag is not None:
            self.lag = self.lag.within(told) or self.lag

    def _compare(self) -> None:
        """Adopt the more exact lag of an earlier stream, if the two agree."""
        if self.lag is not None and self.lag.source != "contradicted":
            closer = (self.lag.within(known) for known in reversed(self._known) if known.width < self.lag.width)
            self.lag = next((both for both in closer if both is not None), self.lag)

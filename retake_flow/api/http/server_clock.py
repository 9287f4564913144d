"""Server clock: estimates the platform's clock from the `Date` of its answers. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Final

from retake_flow.api.responses import http_date

_SAMPLES: Final = 16
# A `Date` has whole seconds, and an answer may take its time: samples of one clock differ by no more than that.
_SPREAD: Final = 1.5


class ServerClock:
    """How far the platform's clock is ahead of a monotonic clock here.

    An answer is made before it arrives, so its `Date` is a lower bound of the platform's clock; the highest of the last
    ones comes closest. A cached answer is older, and raises nothing. One that is far ahead of most others comes from a
    machine whose clock is wrong.
    """

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=_SAMPLES)

    def observe(self, headers: Mapping[str, str], now: float) -> None:
        """Add the sample of an answer.

        Args:
            headers: The headers of the answer, their names in lower case.
            now: When it arrived, in seconds of the monotonic clock.
        """
        date = http_date(headers.get("date", ""))
        if date is not None and headers.get("age", "0").strip() in ("", "0"):
            self._ahead.append(date.timestamp() - now)

    @property
    def ahead(self) -> float | None:
        """How many seconds the platform's clock is ahead at least; None before any answer with a date."""
        if not self._ahead:
            return None
        likely = median(self._ahead) + _SPREAD
        return max(ahead for ahead in self._ahead if ahead <= likely)

"""The platform's clock, as far as the `Date` of its answers tells. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Final

from retake_flow.api.responses import http_date

_SAMPLES: Final = 16
# A `Date` tells whole seconds, and an answer may take its time: samples of one clock differ by no more than that.
_SPREAD: Final = 1.5


class ServerClock:
    """How far the platform's clock is ahead of one that is steady here.

    An answer was made before it came, so its `Date` says what the platform's clock shows at least; the highest of the
    last ones comes closest. One of a cache is older, and raises nothing; one that is far ahead of most others is of a
    machine whose clock is wrong.
    """

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=_SAMPLES)

    def heard(self, headers: Mapping[str, str], now: float) -> None:
        """Take an answer into account.

        Args:
            headers: Of the answer, their names in lower case.
            now: When it came, in seconds by the clock that is steady here.
        """
        date = http_date(headers.get("date", ""))
        if date is not None and headers.get("age", "0").strip() in ("", "0"):
            self._ahead.append(date.timestamp() - now)

    @property
    def ahead(self) -> float | None:
        """How many seconds it is ahead at least; None when no answer has told."""
        if not self._ahead:
            return None
        likely = median(self._ahead) + _SPREAD
        return max(ahead for ahead in self._ahead if ahead <= likely)

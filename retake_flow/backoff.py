"""Backoff: how long to wait after each failure in a row."""

from __future__ import annotations

from math import inf

from retake_flow.quick_dataclasses import dataclass

_MOST_GROWTHS = 64  # beyond that, a power may no longer be a number


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow with each failure; in seconds.

    Attributes:
        first: The wait after the first failure.
        rate: By what factor each further wait is longer.
        cap: The longest wait.
        jitter: By how large a part of itself a wait is shortened at most, so that many do not retry in step.
    """

    first: float
    rate: float = 2.0
    cap: float = inf
    jitter: float = 0.0

    def wait(self, failures: int, at_least: float | None = None, spread: float = 0.0) -> float:
        """The wait after a number of failures in a row.

        Args:
            failures: How many there were, from 1.
            at_least: The wait that the other side asks for (Retry-After), which may exceed the cap.
            spread: How much of the jitter to apply, in [0, 1).
        """
        grown = min(self.cap, self.first * self.rate ** min(failures - 1, _MOST_GROWTHS))
        return max(at_least or 0.0, grown * (1 - self.jitter * spread))

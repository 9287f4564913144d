"""When a failed call is sent again, and after how long."""

from __future__ import annotations

import random

from retake_flow.errors import PlatformError
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The short second and third try inside one call; longer patience is a flow's own `retry`.

    Attributes:
        retries: How often at most.
        first: The first wait, before jitter takes up to half of it away; seconds.
        rate: How much longer each further wait is.
        patience: All waits of one call together stay below this; seconds.
    """

    retries: int = 2
    first: float = 0.5
    rate: float = 3.0
    patience: float = 60.0

    def wait(self, error: PlatformError, *, retry: int, waited: float, pace: float, rng: random.Random) -> float | None:
        """Seconds to wait before the next try; None when the error is final.

        A platform that asks for more than our patience is not asked sooner: its error is final here, and carries
        `retry_after`.

        Args:
            error: What the last try ended with.
            retry: How many retries there were.
            waited: How long they waited altogether, in seconds.
            pace: The shortest time between two such calls, in seconds.
            rng: Where jitter comes from.
        """
        if not error.may_repeat or retry >= self.retries:
            return None
        wait = self.first * self.rate**retry * rng.uniform(0.5, 1.0)
        wait = max(wait, pace, error.retry_after or 0.0)
        return wait if waited + wait <= self.patience else None

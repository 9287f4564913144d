"""Failures: when a run whose driver failed is tried again, and when it is held for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from retake_flow.backoff import Backoff

#: So many failures within so many seconds hold a run.
MOST: Final = 5
WITHIN: Final = 600.0

_AGAIN: Final = Backoff(1.0, cap=60.0)


def counting(earlier: Sequence[float], now: float) -> tuple[float, ...]:
    """The failures that count, with one that happens now."""
    return (*(at for at in earlier if now - WITHIN < at <= now), now)


def wait_after(failures: Sequence[float]) -> float | None:
    """Seconds until a run is tried again after these failures; None when it is held.

    The first is not waited for: viewers look at a picture that stands still.
    """
    if len(failures) >= MOST:
        return None
    return 0.0 if len(failures) < 2 else _AGAIN.wait(len(failures) - 1)

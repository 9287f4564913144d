"""The time of the machine."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from retake_flow.engine import clock
from retake_flow.engine.clock import SystemClock


def test_now_is_the_time_of_the_machine() -> None:
    """The clock tells seconds since the epoch."""
    assert SystemClock().now() == pytest.approx(time.time(), abs=5)


def test_what_is_overdue_does_not_wait() -> None:
    """A time that is past returns at once."""

    async def scene() -> None:
        await asyncio.wait_for(SystemClock().sleep_until(time.time() - 1e6), 1)

    asyncio.run(scene())


def test_a_jump_of_the_time_is_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a machine was suspended, what fell due meanwhile is noticed within one nap, not slept through again."""
    now, naps = [1000.0], list[float]()

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        now[0] += 7200.0 if len(naps) == 2 else seconds  # the second nap is the one in which the lid was closed

    class Time:
        @staticmethod
        def time() -> float:
            return now[0]

    async def scene() -> None:
        await SystemClock().sleep_until(1000.0 + 3600.0)

    monkeypatch.setattr(clock, "time", Time)
    real: Any = asyncio.sleep
    monkeypatch.setattr(clock.asyncio, "sleep", nap)
    asyncio.run(scene())
    monkeypatch.setattr(clock.asyncio, "sleep", real)
    assert naps == [clock._LONGEST_NAP] * 2

"""Virtual time: it passes when everybody waits, and only then."""

from __future__ import annotations

import asyncio
import time

import pytest

from retake_flow.testing.virtual_time import EPOCH, Deadlock, VirtualClock, run


def test_hours_pass_at_once():
    """A long sleep takes its virtual time and next to no real time."""

    async def main():
        clock = VirtualClock()
        await clock.sleep_until(clock.now() + 12 * 3600)
        return clock.now()

    began = time.monotonic()
    assert run(main()) == EPOCH + 12 * 3600
    assert time.monotonic() - began < 5


def test_timers_fire_in_their_order():
    """Who waits for less goes first, and timeouts cut what is longer."""
    order = []

    async def nap(seconds):
        await asyncio.sleep(seconds)
        order.append(seconds)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.gather(nap(3), nap(1), nap(2))

    run(main())
    assert order == [1, 2]


def test_waiting_for_nothing_is_an_error():
    """What would wait for ever is told, instead of hanging the tests."""

    async def main():
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main())


def test_a_time_that_is_past_is_not_waited_for():
    """An overdue time comes at once."""

    async def main():
        clock = VirtualClock()
        await clock.sleep_until(clock.now() - 5)
        return clock.now()

    assert run(main()) == EPOCH

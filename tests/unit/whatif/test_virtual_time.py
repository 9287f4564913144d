"""Virtual time: it passes when everybody waits, and only then; a stepped loop goes as far as it is told to."""

from __future__ import annotations

import asyncio
import time

import pytest

from retake_flow.whatif.virtual_time import EPOCH, Deadlock, SteppedClock, SteppedLoop, VirtualClock, run


def test_hours_pass_at_once():
    """A long sleep takes its virtual time and next to no real time."""

    async def main():
        clock = VirtualClock()
        await clock.sleep_until(clock.now() + 12 * 3600)
        return clock.now()

    began = time.monotonic()
    assert run(main()) == EPOCH + 12 * 3600
    assert time.monotonic() - began < 30


def test_years_pass_too():
    """Where the difference between two moments is more than a nanosecond, as after half a year."""
    stepped = SteppedLoop()
    woken = []
    for years in (1, 10, 999):
        stepped.call_later(years * 31_557_600.0, woken.append, years)
    stepped.run_until(1000 * 31_557_600.0)
    stepped.close()
    assert woken == [1, 10, 999]


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


def test_it_stops_where_it_was_told_to():
    """What is due later waits; time stands where it was asked to go, also with nothing to do."""
    loop = SteppedLoop()
    came: list[float] = []
    for after in (3.0, 1.0, 2.0):
        loop.call_later(after, came.append, after)
    loop.run_until(0.5)
    assert (came, loop.time()) == ([], 0.5)
    loop.run_until(2.0)
    assert (came, loop.time()) == ([1.0, 2.0], 2.0)
    loop.run_until(1_000_000.0)
    assert (came, loop.time()) == ([1.0, 2.0, 3.0], 1_000_000.0)
    loop.close()


def test_what_follows_at_once_happens_at_once():
    """A chain of tasks that need no time is followed to its end before control comes back."""

    async def chain(left: int) -> int:
        await asyncio.sleep(0)
        return left if left == 0 else await asyncio.create_task(chain(left - 1))

    loop = SteppedLoop()
    task = loop.create_task(chain(50))
    loop.run_until(0.0)
    assert task.result() == 0
    assert loop.time() == 0.0
    loop.close()


def test_the_clock_knows_who_sleeps():
    """Who sleeps, and until when, can be asked while the loop stands still; who was woken is forgotten."""
    loop = SteppedLoop()
    clock = SteppedClock(loop)
    task = loop.create_task(clock.sleep_until(clock.now() + 7), name="sleeper")
    loop.run_until(2.0)
    assert clock.pauses == {"sleeper": EPOCH + 7}
    assert clock.now() == EPOCH + 2
    loop.run_until(7.0)
    assert task.done()
    assert clock.pauses == {}
    loop.close()

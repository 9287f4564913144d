"""A stepped loop lets happen what can happen until a time, and no more."""

from __future__ import annotations

import asyncio

from retake_flow.simulation.virtual_time import EPOCH, SteppedClock, SteppedLoop


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

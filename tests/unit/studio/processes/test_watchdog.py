"""Whether a program works."""

from __future__ import annotations

import asyncio
from itertools import count

from retake_flow.studio.processes import watchdog
from retake_flow.whatif.virtual_time import VirtualLoop, run


def after(*beats: watchdog.Beat, within: float = 5.0) -> float:
    """After how many seconds a pulse is lost."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(3600):
            await watchdog.until_stalled(within, *beats)
        return loop.time() - began

    return run(scene())


def test_what_stands_still_is_lost_after_its_time() -> None:
    """Not earlier, and at the next look at the latest."""
    assert 5.0 <= after(lambda: 7) <= 5.5


def test_one_of_several_is_enough() -> None:
    """Frames that are encoded and never sent are no stream."""
    moving = count()
    assert 5.0 <= after(lambda: next(moving), lambda: 0) <= 5.5


def test_what_moves_now_and_then_is_not_lost() -> None:
    """Every move counts anew: so long as each comes in time the pulse goes on."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await watchdog.until_stalled(5.0, lambda: min(loop.time() - began, 60.0) // 4)
        return loop.time() - began

    assert 65.0 <= run(scene()) <= 65.6


def test_a_server_that_answers_now_and_then_is_not_given_up() -> None:
    """Nor is one that is asked and takes its time; one whose last answer never comes is."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def ask() -> bool:
            if loop.time() - began > 30.0:
                await asyncio.Event().wait()
            await asyncio.sleep(1.5)
            return True

        await watchdog.until_unanswered(4.0, ask)
        return loop.time() - began

    assert 34.0 <= run(scene()) <= 36.5


def test_a_server_that_refuses_does_not_answer() -> None:
    """It is asked again and again, and given up after the same time."""
    asked = count()

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def ask() -> bool:
            next(asked)
            return False

        await watchdog.until_unanswered(4.0, ask)
        return loop.time() - began

    assert 4.0 <= run(scene()) <= 4.5
    assert next(asked) >= 4


def test_sleep_of_our_own_is_nobodys_fault() -> None:
    """When this process does not get to look, nothing is missed."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        began = loop.time()
        loop.call_later(1.0, loop.advance, 1000.0)
        await watchdog.until_stalled(5.0, lambda: 0)
        return loop.time() - began

    assert 1004.5 <= run(scene()) <= 1005.5

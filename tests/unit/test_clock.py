"""The clock of a process: steady, whatever becomes of the wall clock."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from retake_flow import clock
from retake_flow.clock import SystemClock

DAY = 86400.0


class Time:
    """The clocks of a machine, as a test sets them."""

    CLOCK_BOOTTIME, CLOCK_MONOTONIC = 7, 1

    def __init__(self) -> None:
        self.wall, self.boot = 1_000_000.0, 50.0

    def time(self) -> float:
        return self.wall

    def clock_gettime(self, which: int) -> float:
        assert which == self.CLOCK_BOOTTIME
        return self.boot

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The clocks of a machine that a test has in its hands."""
    machine = Time()
    monkeypatch.setattr(clock, "time", machine)
    return machine


def test_now_is_the_time_of_the_machine() -> None:
    """The clock tells seconds since the epoch."""
    assert SystemClock().now() == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("step", [-600.0, 2 * DAY, -3 * 365 * DAY, 1.5])
def test_a_step_of_the_wall_clock_moves_nothing(machine: Time, step: float) -> None:
    """However the wall clock is set, time goes on as before, and the difference is known."""
    steady = SystemClock()
    began = steady.now()
    machine.passes(10)
    assert steady.ahead == 0.0
    machine.wall += step
    assert steady.now() - began == pytest.approx(10)
    assert steady.ahead == pytest.approx(-step)
    machine.passes(5)
    assert steady.now() - began == pytest.approx(15)
    assert steady.ahead == pytest.approx(-step)


def test_a_wall_clock_that_is_set_right_again_leaves_no_difference(machine: Time) -> None:
    """Back and forth by the same amount."""
    steady = SystemClock()
    for step in (3600.0, -3600.0):
        machine.wall += step
        assert steady.ahead in (pytest.approx(-step), pytest.approx(0.0))
    assert steady.ahead == pytest.approx(0.0)


def test_what_is_less_than_a_second_is_no_step(machine: Time) -> None:
    """Small corrections are not told; together they are, once they come to a second."""
    steady = SystemClock()
    machine.wall -= 0.6
    assert steady.ahead == 0.0
    machine.wall -= 0.6
    assert steady.ahead == pytest.approx(1.2)


def test_it_goes_on_where_another_process_left_off(machine: Time) -> None:
    """A clock can be ahead from the beginning."""
    assert SystemClock(3600.0).now() == machine.wall + 3600.0
    assert SystemClock(3600.0).ahead == 3600.0


def test_what_is_overdue_does_not_wait() -> None:
    """A time that is past returns at once."""

    async def scene() -> None:
        await asyncio.wait_for(SystemClock().sleep_until(time.time() - 1e6), 1)

    asyncio.run(scene())


def test_a_suspended_machine_is_noticed_soon(machine: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time in which the machine was suspended counts: what fell due meanwhile is noticed within one nap."""
    naps = list[float]()

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        machine.passes(7200.0 if len(naps) == 2 else seconds)  # the second nap is the one with the lid closed

    async def scene() -> None:
        await SystemClock().sleep_until(machine.wall + 3600.0)

    real: Any = asyncio.sleep
    monkeypatch.setattr(clock.asyncio, "sleep", nap)
    asyncio.run(scene())
    monkeypatch.setattr(clock.asyncio, "sleep", real)
    assert naps == [clock._LONGEST_NAP] * 2


def test_a_step_does_not_lengthen_a_sleep(machine: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sleeps for a minute wakes after a minute, though the wall clock was set back by ten meanwhile."""
    naps = list[float]()

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        machine.wall -= 600.0
        machine.passes(seconds)

    async def scene() -> None:
        await SystemClock().sleep_until(machine.wall + 60.0)

    monkeypatch.setattr(clock.asyncio, "sleep", nap)
    asyncio.run(scene())
    assert sum(naps) == pytest.approx(60.0)

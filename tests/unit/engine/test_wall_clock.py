"""A run whose host's clock is set: nothing comes earlier or later for it, and what is written bears right dates."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from stored_run import World, later, play

from retake_flow.run.records import Record, record_to_run_time
from retake_flow.run.run import Phase
from retake_flow.whatif.virtual_time import EPOCH, VirtualClock

DAY = 86400.0
STEPS = pytest.mark.parametrize("step", [-600.0, -3 * DAY, 75.0, 2 * DAY])

TIMED = """
initial: on_air
states:
  on_air:
    activities: {loop: {do: a.work, every: 30s}}
    timeout: 1h
    set: {since: "{{ now }}"}
    transitions: {timeout: {to: z, set: {lasted: "{{ now - vars.since }}"}}}
  z: {final: completed}
"""
ASKING = """
initial: q
states:
  q: {ask: {message: m, timeout: 3h, remind: [1h, 2h], answer: {n: {type: integer}}},
    transitions: {answered: z, timeout: late}}
  late: {final: late}
  z: {final: completed}
"""


class Clock(VirtualClock):
    """Steady, on a host whose wall clock is set by so many seconds in all."""

    def __init__(self, set_by: float = 0.0) -> None:
        self.set_by = set_by

    @property
    def ahead(self) -> float:  # type: ignore[override]
        return -self.set_by

    def set(self, by: float) -> None:
        """Somebody sets the wall clock."""
        self.set_by += by

    @property
    def wall(self) -> float:
        """The wall clock."""
        return self.now() + self.set_by


def now() -> float:
    """The second of virtual time."""
    return round(asyncio.get_running_loop().time(), 3)


def at(record: Record) -> float:
    """The date of a record, in seconds since the beginning."""
    return round(datetime.fromisoformat(record["t"]).timestamp() - EPOCH, 3)


@STEPS
def test_a_deadline_comes_when_it_was_to_come(step: float) -> None:
    """An hour on air lasts an hour, the work beside it goes on every 30 s, and `now` counts real seconds."""

    async def scene() -> None:
        world, clock = World(TIMED), Clock()
        later(600.25, lambda: clock.set(step))
        run = await world.drive(clock=clock)
        assert (run.outcome, now()) == ("completed", 3600)
        assert run.vars["lasted"] == pytest.approx(3600)
        times = [record_to_run_time(record) - EPOCH for record in world.records("activity_result")]
        assert times == pytest.approx([30.0 * number for number in range(120)], abs=0.5)

    play(scene)


@STEPS
def test_a_step_is_written_once_and_dates_follow_the_wall_clock(step: float) -> None:
    """The journal tells by how much; from then on its dates are the wall clock's again, and durations stay right."""

    async def scene() -> None:
        world, clock = World(TIMED), Clock()
        later(600.25, lambda: clock.set(step))
        await world.drive(clock=clock)
        [told] = world.records("clock_stepped")
        assert told["by"] == pytest.approx(step)
        before, after = (world.records(event)[-1] for event in ("run_started", "run_ended"))
        assert (at(before), at(after)) == (0, 3600 + step)
        assert record_to_run_time(after) - record_to_run_time(before) == pytest.approx(3600)
        assert "ahead" not in before

    play(scene)


@STEPS
def test_what_is_stored_comes_due_by_the_wall_clock(step: float) -> None:
    """A question that waits is answered and expires for other processes when it does for the run."""

    async def scene() -> None:
        world, clock = World(ASKING), Clock()
        later(1000.1, lambda: clock.set(step))
        await world.die(1010, clock=clock, wait=True)
        [asked] = world.runs.open_gates()
        assert asked.gate.due == pytest.approx(EPOCH + 3 * 3600 + step)
        assert world.run.timers["q", "remind"] == pytest.approx(EPOCH + 3600 + step)
        assert world.run.gates["q.1"] == asked.gate

    play(scene)


@STEPS
def test_the_next_process_goes_on_by_the_time_of_the_last(step: float) -> None:
    """After a step and a crash, reminders and the deadline of a question come when they were to come."""

    async def scene() -> None:
        world, clock = World(ASKING), Clock()
        later(1000.1, lambda: clock.set(step))
        await world.die(1010, clock=clock, wait=True)
        assert world.run.ahead == pytest.approx(-step)
        run = await world.drive(clock=Clock(step), wait=True)
        assert (run.outcome, now()) == ("late", 3 * 3600)
        reminders = [record_to_run_time(record) - EPOCH for record in world.records("gate_reminder")]
        assert reminders == pytest.approx([3600, 7200])

    play(scene)


def test_a_run_that_nobody_drives_is_overdue_by_the_wall_clock() -> None:
    """A run that was left while it waits is taken up when the wall clock says so, after a step too."""

    async def scene() -> None:
        world, clock = World(ASKING), Clock()
        later(1000.1, lambda: clock.set(-600.0))
        left = asyncio.create_task(world.drive(clock=clock, wait=True))
        await asyncio.sleep(1001)
        world.runner.suspend()
        assert (await left).phase is Phase.SUSPENDED
        assert min(world.run.timers.values()) == pytest.approx(EPOCH + 3600 - 600)

    play(scene)


def test_a_clock_that_nobody_sets_leaves_no_trace() -> None:
    """Nothing is written of clocks, and records have no field for it."""

    async def scene() -> None:
        world = World(TIMED)
        await world.drive()
        assert not world.records("clock_stepped")
        assert not any("ahead" in record for record in world.records())

    play(scene)

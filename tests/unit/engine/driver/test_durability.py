"""A store that is away: a run with nothing on air waits, a stream goes on, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from conversation import Actions, Serves, Takes
from stored_run import World, later, play

from retake_flow.errors import StoreAway
from retake_flow.ports.runs import Claim
from retake_flow.run.errors import LeaseExpired
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.store.steadfast import Steadfast


def now() -> float:
    """The virtual time, in seconds."""
    return asyncio.get_running_loop().time()


class _Away:
    """A claim whose store is away between two times; a lease that runs out fails it until the end."""

    def __init__(self, claim: Claim, since: float, until: float, expires: float) -> None:
        self._claim = claim
        self._times = since, until, expires

    def __getattr__(self, name: str) -> Any:
        return getattr(self._claim, name)

    def write(self, run: Run, records: Sequence[Record]) -> None:
        self._check()
        self._claim.write(run, records)

    def requests(self, *, fresh: bool = False) -> Any:
        self._check()
        return self._claim.requests()

    def answers(self, *, fresh: bool = False) -> Any:
        self._check()
        return self._claim.answers()

    def _check(self) -> None:
        since, until, expires = self._times
        if now() >= expires:
            raise LeaseExpired("the lease has run out", hint="", undo_within=5.0)
        if since <= now() < until:
            error = StoreAway("the store is away")
            error.retry_after = 0.0
            raise error


class Outage(World):
    """A run whose store is away for a while."""

    def __init__(
        self, states: str, since: float, until: float, actions: Actions | None = None, expires: float = 1e9
    ) -> None:
        super().__init__(states, actions)
        self._outage = since, until, expires

    def claim(self) -> Claim:
        """Another process takes the run."""
        claim = super().claim()
        away: Any = _Away(claim, *self._outage)
        return Steadfast(away, self.run, now)


IDLE = """
initial: a
states:
  a: {do: a.work, transitions: {done: b}}
  b: {do: a.other, transitions: {done: z}}
  z: {final: completed}
"""
LIVE = """
initial: o
states:
  o:
    initial: i
    activities: {x: {do: s.one}}
    transitions: {stop: z}
    states:
      i: {do: a.open, undo: a.close, transitions: {done: w}}
      w: {wait: 10s, transitions: {done: v}}
      v: {do: a.work, transitions: {done: t}}
      t: {do: a.once, transitions: {done: rest}}
      rest:
  z: {final: completed}
"""


def test_a_run_with_nothing_on_air_waits_with_its_next_step() -> None:
    """Its steps are recorded before they are taken, once each and in order."""

    async def scene() -> None:
        world = Outage(IDLE, 5, 30, Actions(a_work=[Takes(10)]))
        assert (await world.drive()).outcome == "completed"
        assert 30 <= world.actions.times("a.other")[0] < 31
        entered = [record["state"] for record in world.records("state_entered")]
        assert entered == ["a", "b", "z"]

    play(scene)


def test_a_stream_goes_on_but_for_what_must_not_happen_twice() -> None:
    """It begins once the store is back and it is recorded that it begins."""

    async def scene() -> None:
        world = Outage(LIVE, 5, 60)
        later(90, lambda: world.runner.stop())
        assert (await world.drive()).outcome == "completed"
        assert world.actions.times("a.work")[0] < 12
        assert 60 <= world.actions.times("a.once")[0] < 61
        assert world.actions.words() == ["a.open", "s.one", "a.work", "a.once", "s.one ended", "a.close"]

    play(scene)


@pytest.mark.parametrize(("states", "ends"), [(IDLE, ["a.work"]), (LIVE, ["s.one ended", "a.close"])])
def test_a_stop_is_heeded_while_the_store_is_away(states: str, ends: list[str]) -> None:
    """What waits for the store ends at once, without what it waited for; a stream ends cleanly."""

    async def scene() -> None:
        world = Outage(states, 5, 1000, Actions(a_work=[Takes(10)]))
        later(40, lambda: world.runner.stop())
        if states == IDLE:
            with pytest.raises(StoreAway):
                await world.drive()
        else:
            with pytest.raises(StoreAway, match="records of its journal are lost"):
                await world.drive()
        assert now() < 42
        assert world.actions.words()[-len(ends) :] == ends
        assert "a.once" not in world.actions.words()

    play(scene)


def test_a_lease_that_runs_out_ends_the_encoder_first_and_bounds_the_undos() -> None:
    """Whatever the run does at the moment is broken off."""

    async def scene() -> None:
        world = Outage(LIVE, 5, 1000, Actions(s_one=[Serves(ends_in=1)], a_close=[Takes(60)]), expires=30)
        with pytest.raises(LeaseExpired):
            await world.drive()
        assert now() <= 30 + 0.4 + 5.1
        assert world.actions.words()[-3:] == ["s.one ended", "a.close", "a.close broken off"]
        assert world.run.undos

    play(scene)

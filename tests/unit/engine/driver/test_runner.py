"""The driver, in virtual time: what is started ends, in order, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import StoreError, Unavailable
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import Secret
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.whatif.virtual_time import VirtualClock, run

FLOW = """
flow: sample
initial: scope
states:
  scope:
    initial: open
    activities:
      first: {do: s.first}
      second: {do: s.second, needs: first, retry: {max: 2, interval: 1s}}
    transitions: {stop: over, error: bad, first.exited: bad, second.exited: bad}
    states:
      open: {do: a.open, undo: a.close, transitions: {done: rest}}
      rest:
        activities: {loop: {do: a.loop, every: 3s, quiet: 8s}}
        timeout: 1m
        transitions: {timeout: over}
  over: {final: completed}
  bad: {final: failed}
"""
CATALOGUE = {
    spec.name: spec
    for spec in (
        *(ActionSpec(name, "") for name in ("a.open", "a.close", "a.loop")),
        *(ActionSpec(name, "", outcomes=("ready", "exited"), service=True) for name in ("s.first", "s.second")),
    )
}


class Kept:
    """A store that keeps all records, by the run's id."""

    def __init__(self) -> None:
        self.journals: dict[str, list[Record]] = {}

    def write(self, run: Run, records: Sequence[Record]) -> None:
        self.journals.setdefault(run.id, []).extend(records)


class Actor:
    """Performs actions as it is told, and notes what happens."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []
        self.alive: set[str] = set()
        self.dies_after: dict[str, float] = {}
        self.takes: dict[str, float] = {}
        self.raises: dict[str, Exception] = {}
        self.outcome = "done"
        self.value: Mapping[str, Any] = {}

    def say(self, what: str) -> None:
        self.said.append((round(asyncio.get_running_loop().time(), 3), what))

    async def perform(self, call: Call) -> Completion:
        self.say(call.do)
        await asyncio.sleep(self.takes.get(call.do, 0.1))
        if call.do in self.raises:
            raise self.raises[call.do]
        return Completion(self.outcome if call.do == "a.loop" else "done", self.value)

    @asynccontextmanager
    async def serve(self, call: Call) -> AsyncIterator[Any]:
        await asyncio.sleep(0.5)
        self.alive.add(call.do)
        actor = self

        class Running:
            value: Mapping[str, Any] = {}

            async def wait(self) -> str:
                await asyncio.sleep(actor.dies_after.get(call.do, 1e9))
                return "it died"

        try:
            yield Running()
        finally:
            self.alive.discard(call.do)
            self.say(f"end {call.do}")

    def times(self, what: str) -> list[float]:
        return [at for at, said in self.said if said == what]


def drive(actor: Actor, *, stop_at: float | None = None, kill_at: float | None = None, store: Any = None) -> Any:
    """Drive a run to its end and give it, with its records."""
    kept = store or Kept()

    async def scene() -> Run:
        runner = Runner(
            Machine(load_flow(FLOW, "f")),
            Run("r", "sample", "", {}),
            catalogue=CATALOGUE,
            actions=actor,
            store=kept,
            clock=VirtualClock(),
        )
        loop = asyncio.get_running_loop()
        if stop_at is not None:
            loop.call_later(stop_at, runner.stop)
        if kill_at is not None:
            loop.call_later(kill_at, runner.kill)
        ended = await runner.drive()
        assert len(asyncio.all_tasks()) == 1, "something is left running"
        return ended

    return run(scene()), kept


def records(kept: Any) -> list[Record]:
    """The journal of the run."""
    return list(kept.journals["r"])


def test_a_run_ends_with_everything_it_started() -> None:
    """After the timeout of its state the run is completed, its services are gone and its undo is done."""
    actor = Actor()
    ended, kept = drive(actor)
    assert ended.outcome == "completed"
    assert actor.alive == set()
    assert [what for _, what in actor.said][-3:] == ["end s.second", "end s.first", "a.close"]
    assert records(kept)[0]["event"] == "run_started"
    assert records(kept)[-1] == {**records(kept)[-1], "event": "run_ended", "outcome": "completed", "state": "over"}


def test_a_loop_pauses_longer_when_there_is_nothing_to_do() -> None:
    """`every` is the pause between rounds, and `quiet` takes its place after the outcome idle."""
    busy, idle = Actor(), Actor()
    idle.outcome = "idle"
    drive(busy)
    drive(idle)
    assert busy.times("a.loop")[1] - busy.times("a.loop")[0] == pytest.approx(3.1)
    assert idle.times("a.loop")[1] - idle.times("a.loop")[0] == pytest.approx(8.1)


def test_a_failing_loop_goes_on_more_and_more_slowly() -> None:
    """A repeated task that fails is repeated all the same, with doubled pauses."""
    actor = Actor()
    actor.raises["a.loop"] = Unavailable("down")
    ended, _ = drive(actor)
    times = actor.times("a.loop")
    gaps = [round(later - earlier, 1) for earlier, later in pairwise(times)]
    assert gaps[:2] == [6.1, 12.1]
    assert ended.outcome == "completed"


def test_a_service_is_started_again_as_its_retry_says() -> None:
    """A service that keeps dying is started anew so often, and then its exit is routed."""
    actor = Actor()
    actor.dies_after["s.second"] = 1.0
    ended, _ = drive(actor)
    assert len(actor.times("end s.second")) == 3
    assert ended.outcome == "failed"
    assert actor.alive == set()


def test_a_stop_in_the_middle_of_an_action_takes_it_back() -> None:
    """A stop breaks the action off, ends the services and performs the undo."""
    actor = Actor()
    actor.takes["a.open"] = 30.0
    ended, _ = drive(actor, stop_at=5.0)
    assert ended.outcome == "completed"
    assert actor.times("a.close") == [5.0]


def test_an_undo_that_hangs_has_a_deadline() -> None:
    """An undo that never ends is given up and recorded, and the run ends as it would have."""
    actor = Actor()
    actor.takes["a.close"] = 1e6
    ended, kept = drive(actor, stop_at=5.0)
    assert ended.outcome == "completed"
    assert [r["outcome"] for r in records(kept) if r["event"] == "undo_finished"] == ["error.timeout"]


def test_an_undo_that_fails_hides_nothing() -> None:
    """The error of an undo is recorded; the outcome is that of the run."""
    actor = Actor()
    actor.raises["a.close"] = Unavailable("down")
    ended, kept = drive(actor, stop_at=5.0)
    assert ended.outcome == "completed"
    assert [r["outcome"] for r in records(kept) if r["event"] == "undo_finished"] == ["error.unavailable"]


def test_a_kill_ends_programs_and_skips_undos() -> None:
    """After a kill nothing is alive, no undo was performed, and the journal says so."""
    actor = Actor()
    ended, kept = drive(actor, kill_at=5.0)
    assert ended.outcome == "killed"
    assert actor.alive == set()
    assert actor.times("a.close") == []
    assert records(kept)[-1]["outcome"] == "killed"


def test_a_kill_breaks_off_an_undo_that_hangs() -> None:
    """The second interruption does not wait for what the first one began."""
    actor = Actor()
    actor.takes["a.close"] = 1e6
    ended, _ = drive(actor, stop_at=5.0, kill_at=6.0)
    assert ended.ended
    assert actor.alive == set()


def test_a_defect_of_an_action_is_an_error_like_others() -> None:
    """An action that raises what it should not is routed as an internal error, and the driver lives."""
    actor = Actor()
    actor.raises["a.open"] = ZeroDivisionError("oops")
    ended, kept = drive(actor)
    assert (ended.outcome, ended.state) == ("failed", "bad")
    assert any("ZeroDivisionError" in r.get("message", "") for r in records(kept))


def test_a_store_that_fails_leaves_nothing_running() -> None:
    """When the run cannot be written down, everything is ended and the error is raised."""

    class Full(Kept):
        def write(self, run: Run, records: Sequence[Record]) -> None:
            super().write(run, records)
            if len(self.journals["r"]) > 8:
                raise StoreError("the disk is full")

    actor = Actor()
    with pytest.raises(StoreError):
        drive(actor, store=Full())
    assert actor.alive == set()


def test_no_secret_is_ever_written() -> None:
    """A secret in a result is masked in every record."""
    actor = Actor()
    actor.value = {"key": Secret("sk_very_secret_value")}
    _, kept = drive(actor)
    text = repr(records(kept))
    assert "sk_very_secret_value" not in text
    assert "•••" in text

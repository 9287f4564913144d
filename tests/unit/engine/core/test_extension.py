"""The time of a state is extended while it is active."""

from __future__ import annotations

import asyncio

import pytest
from stored_run import World, later, play
from talk import Talk

from retake_flow.engine.core.external_events import accepted, read_data
from retake_flow.flow.load.load import load_flow
from retake_flow.run import events
from retake_flow.run.errors import EventRefused

SHOW = """
show:
  initial: a
  timeout: 60s
  entry: {raise: [{event: ending, after: 50s}, {event: other, after: 9s, scope: flow}]}
  transitions: {timeout: over, tick: {raise: {event: ticked, after: 9s}}, ticked: {set: {n: 1}}}
  states: {a: {timeout: 70s, transitions: {timeout: b}}, b: }
over: {final: completed}
"""


def extend(talk: Talk, **data: object) -> list[tuple[str, str, float]]:
    """The timers that it sets."""
    return talk.tell(events.Raised("extend", data)).timers()


def test_the_outermost_timeout_comes_later_with_what_its_entry_raises() -> None:
    """Other times of the state, of states inside and of the whole flow stay."""
    talk = Talk(SHOW, "show")
    talk.now += 5
    talk.tell(events.Raised("tick", {}))
    assert extend(talk, by="30m") == [("show", "timeout", 55 + 1800.0), ("show", "raise.1", 45 + 1800.0)]
    assert talk.notes("extended") == [{"state": "show", "by": 1800.0}]
    assert talk.run.timers["show", "raise.2"] == talk.now + 9
    assert extend(talk, by=5, state="a") == [("show/a", "timeout", 70.0)]
    assert extend(talk, by="1s", state="show/a") == [("show/a", "timeout", 71.0)]


def test_the_time_that_was_set_before_does_not_come() -> None:
    """Its timer fires in vain; the new one is kept when another process resumes the run."""
    talk = Talk(SHOW, "show")
    was = talk.run.timers["show", "timeout"]
    extend(talk, by="30m")
    talk.now += 60
    assert talk.tell(events.TimerFired("show", 1, "timeout", was)).late()
    assert ("show", "timeout", 1800.0) in talk.resume().timers()
    talk.now += 1800
    assert talk.tell(events.TimerFired("show", 1, "timeout", was + 1800)).run.outcome == "completed"


@pytest.mark.parametrize("data", [{}, {"by": "soon"}, {"by": "{{ 1 }}"}, {"by": "1m", "state": "b"}])
def test_what_cannot_be_extended_changes_nothing(data: dict[str, object]) -> None:
    """No duration, or a state that is not active."""
    talk = Talk(SHOW, "show")
    before = talk.run
    assert extend(talk, **data) == []
    assert talk.run == before


def test_a_flow_may_have_an_event_of_that_name() -> None:
    """Then it means what the flow makes of it; without any timeout there is nothing to extend."""
    own = "flow: f\nevents: [extend]\ninitial: a\nstates: {a: {timeout: 1m, transitions: {timeout: b}}, b: {final: ok}}"
    assert accepted(load_flow(own, "f")) == {"extend": {}}
    none = load_flow("flow: f\ninitial: a\nstates: {a: {final: ok}}", "f")
    with pytest.raises(EventRefused):
        read_data(none, "extend", {"by": "1m"})
    with pytest.raises(EventRefused, match="'by' does not fit"):
        read_data(load_flow(own.replace("events: [extend]\n", ""), "f"), "extend", {"by": "long"})


def test_a_run_that_is_extended_lasts_longer_over_a_crash() -> None:
    """The process that extended it dies, and the next one keeps the time; what is not active is refused."""

    async def scene() -> None:
        world = World(f"initial: show\nstates:\n{''.join(f'  {line}' for line in SHOW.strip().splitlines(True))}\n")
        later(2, lambda: world.runs.request("r", "event", {"name": "extend", "data": {"by": "30s"}, "by": "ann"}))
        later(3, lambda: world.runs.request("r", "event", {"name": "extend", "data": {"by": "1m", "state": "b"}}))
        began = asyncio.get_running_loop().time()
        await world.die(10)
        run = await world.drive()
        assert (run.outcome, round(asyncio.get_running_loop().time() - began)) == ("completed", 90)
        assert [record["kind"] for record in world.records("event_refused")] == ["not_now"]

    play(scene)

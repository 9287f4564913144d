"""Retries of states that contain states, and the event that extends a timeout."""

from __future__ import annotations

import asyncio

import pytest
from flow_samples import codes
from stored_run import World, later, play
from talk import Talk

from retake_flow.engine.core.external_events import accepted_events, read_data
from retake_flow.flow.load.load import load_flow
from retake_flow.run import commands, events
from retake_flow.run.errors import EventRefused
from retake_flow.run.run import Phase, Retried

TRIES = """
a:
  initial: x
  retry: {max: 2, interval: 10s, rate: 1, on: [unavailable, failed]}
  entry: {set: {entered: "{{ vars.entered|default(0) + 1 }}", by: "{{ event.name|default('') }}"}}
  transitions: {done: z, error: {to: bad, set: {why: "{{ event.message }}"}}, stop: z}
  states:
    x: {do: a.work, undo: a.undo, transitions: {done: y, error.rejected: y}}
    y: {do: a.work, retry: {max: 1, interval: 1s}}
z: {}
bad: {}
"""


def again(talk: Talk) -> Talk:
    """The wait of the state is over."""
    [(_, _, after)] = [timer for timer in talk.timers() if timer[1] == "retry"]
    assert 9 <= after <= 10
    return talk.fire("retry", "a", later=after)


def test_a_state_is_entered_anew_after_an_error_that_nothing_inside_routes() -> None:
    """After its wait, and before its own routes are asked; what it has started is ended and undone."""
    talk = Talk(TRIES).fail()
    assert (talk.run.state, talk.notes("retry_scheduled")[0]["failures"]) == ("a/x", 1)
    again(talk)
    assert (talk.run.state, talk.run.vars, talk.started()) == ("a/x", {"entered": 2, "by": "retry"}, ["a.work"])
    assert [(wish.state, len(wish.undos)) for wish in talk.wished(commands.Leave)] == [("a/x", 0), ("a", 1)]
    again(talk.fail())
    assert talk.run.retries["a"].times == 2
    talk.fail()
    assert (talk.run.state, talk.run.vars["why"], talk.run.retries) == ("bad", "it is unavailable", {})


def test_errors_that_are_routed_inside_or_cannot_pass_are_not_retried() -> None:
    """Nor those of other kinds, nor what may have been done already, nor what a process has left open."""
    assert Talk(TRIES).fail("rejected").run.state == "a/y"
    assert Talk(TRIES).fail("rate_limited").run.state == "bad"
    assert Talk(TRIES).fail(permanent=True).run.state == "bad"
    once = TRIES.replace("x: {do: a.work", "x: {do: a.once").replace("on: [unavailable, failed]", "on: [interrupted]")
    assert Talk(once).resume().run.state == "bad"


def test_the_retries_of_an_action_come_first() -> None:
    """Only what it gives up is an error of the state."""
    talk = Talk(TRIES).finish()
    talk.fail()
    assert [timer[:2] for timer in talk.timers()] == [("a/y", "again")]
    talk.fire("again", later=1.0)
    assert again(talk.fail()).run.state == "a/x"


def test_what_happens_meanwhile_is_taken() -> None:
    """A transition out of the state ends its retries; they are counted anew afterwards."""
    talk = Talk(TRIES).fail().tell(events.StopRequested())
    assert (talk.run.state, talk.run.retries, talk.run.timers) == ("z", {}, {})


def test_a_process_that_dies_meanwhile_loses_nothing() -> None:
    """The next one waits for what is left, and counts on."""
    talk = Talk(TRIES).fail()
    due = talk.run.timers["a", "retry"]
    talk.resume(later=4.0)
    assert ("a", "retry", due - talk.now) in talk.timers()
    assert talk.fire("retry", "a", later=6.0).run.retries == {"a": Retried(1, 1000.0)}


def test_an_activity_that_fails_for_good_is_an_error_of_its_state() -> None:
    """So the state is entered anew, with the activity; meanwhile what is inside goes on."""
    states = TRIES.replace("  states:", "  activities: {p: {do: s.x}}\n  states:")
    talk = Talk(states).tell(events.ActivityFailed("a:p", 1, "unavailable", "it broke"))
    talk.finish()
    assert talk.run.state == "a/y"
    talk.fire("retry", "a", later=10.0)
    assert (talk.run.state, sorted(talk.started())) == ("a/x", ["a.work", "s.x"])


@pytest.mark.parametrize(("end", "state"), [("failed", "a/s"), ("no", "bad")])
def test_a_sub_flow_that_fails_is_entered_anew(end: str, state: str) -> None:
    """Its kind is its outcome; other outcomes are routed at once."""
    inner = (
        "flow: inner\ninitial: s\nstates:\n  s: {do: a.work, transitions: {done: e, error: e}}\n"
        f"  e: {{final: {end}, reason: so}}\n"
    )
    states = "a: {flow: inner, retry: {max: 1, interval: 10s}, transitions: {failed: bad, no: bad}}\nbad: {}"
    talk = Talk(states, subs={"inner": inner}).finish()
    if state != "bad":
        assert (talk.run.state, talk.run.phase) == ("a/e", Phase.RUNNING)
        talk.fire("retry", "a", later=10.0)
    assert talk.run.state == state
    assert talk.run.state == "bad" or talk.finish().run.state == "bad"


def test_the_time_of_all_tries_may_be_limited() -> None:
    """It counts from the first error."""
    talk = Talk(TRIES.replace("max: 2", "max: 9, within: 25s"))
    for _ in range(2):
        again(talk.fail())
    assert talk.fail().run.state == "bad"


END = "\nz: {final: ok}"


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (
            "{initial: b, retry: {max: 1}, transitions: {error: z}, states: {b: {do: a.work, transitions: {done: z}}}}",
            [],
        ),
        ("{initial: b, retry: {max: 1, per_try: 1s}, states: {b: {do: a.work, transitions: {done: z}}}}", ["RF013"]),
        ("{initial: b, retry: {max: 1, on: [odd]}, states: {b: {do: a.work, transitions: {done: z}}}}", ["RF055"]),
        ("{initial: b, retry: {max: '{{ inputs.n }}'}, states: {b: {do: a.work, transitions: {done: z}}}}", ["RF031"]),
        ("{wait: 1s, retry: {max: 1}, transitions: {done: z}}", ["RF011"]),
    ],
)
def test_what_a_retry_needs_is_checked(state: str, found: list[str]) -> None:
    """It belongs to an action, or to what contains states."""
    assert codes(f"a: {state}" + END) == found


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


def test_a_timeout_is_at_most_ten_years_ahead() -> None:
    """However often it is extended."""
    talk = Talk(SHOW, "show")
    before = talk.run.timers["show", "timeout"]
    assert extend(talk, by="3600d") == [
        ("show", "timeout", 60 + 3600 * 86400.0),
        ("show", "raise.1", 50 + 3600 * 86400.0),
    ]
    assert extend(talk, by="3600d") == []
    assert talk.run.timers["show", "timeout"] == before + 3600 * 86400.0


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
    assert accepted_events(load_flow(own, "f")) == {"extend": {}}
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

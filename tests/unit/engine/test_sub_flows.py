"""What becomes of a sub-flow when the state that it runs in is left: by its deadline, by a stop, by an event around."""

from __future__ import annotations

import pytest
from talk import Talk, written

from retake_flow.run import commands, events

#: A program, something that is taken back, a question beside, and at last a question, two sub-flows deep.
DEEPER = written(
    "o: {initial: d, activities: {p: {do: s.x}, w: {ask: {message: which}}}, transitions: {p.exited: y}, states: {\n"
    "  d: {do: a.work, undo: a.undo, timeout: 5h, transitions: {done: q, timeout: y}},\n"
    "  q: {ask: {message: well, timeout: 9h}, transitions: {answered: y, timeout: y}}}}\n"
    "y: {final: ok}",
    "o",
)
MIDDLE = written("m: {flow: deeper, transitions: {ok: y}}\ny: {final: ok}", "m")
OUTER = """
a: {flow: middle, timeout: 1h, activities: {h: {do: s.y}},
    transitions: {ok: z, timeout: late, stop: stopped, h.exited: gone}}
z: {final: ok}
late: {final: late}
stopped: {final: stopped_in_order}
gone: {final: gone}
"""


def at_the_question(states: str = OUTER) -> Talk:
    """A run that asks, two sub-flows deep."""
    talk = Talk(states, subs={"middle": MIDDLE, "deeper": DEEPER}).finish()
    assert talk.run.state == "a/m/o/q"
    assert sorted(talk.run.gates) == ["a/m/o/q.1", "a/m/o:w.1"]
    return talk


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (events.TimerFired("a", 1, "timeout"), "late"),
        (events.StopRequested(""), "stopped_in_order"),
        (events.ActivityExited("a:h", 1, "it died"), "gone"),
    ],
    ids=["deadline", "stop", "event"],
)
def test_whatever_ends_the_state_around_ends_all_inside_in_order(event: events.Event, outcome: str) -> None:
    """Innermost first; programs end with their states, what is owed is taken back, questions and timers are gone."""
    talk = at_the_question().tell(event)
    left = talk.wished(commands.Leave)
    assert [leave.state for leave in left] == ["a/m/o/q", "a/m/o", "a/m", "a"]
    assert [(leave.state, [undo.do for undo in leave.undos]) for leave in left if leave.undos] == [
        ("a/m/o", ["a.undo"])
    ]
    assert (talk.run.outcome, talk.run.gates, talk.run.timers, talk.run.locals) == (outcome, {}, {}, {})
    assert talk.run.activities == {}


def test_the_deadline_of_the_state_around_is_no_timeout_of_what_is_inside() -> None:
    """States of the sub-flow that route a timeout of their own do not hear of it, and theirs is not heard outside."""
    talk = Talk(OUTER, subs={"middle": MIDDLE, "deeper": DEEPER})
    assert talk.run.state == "a/m/o/d"
    talk.tell(events.TimerFired("a", 1, "timeout"))
    assert talk.run.outcome == "late"
    talk = Talk(OUTER, subs={"middle": MIDDLE, "deeper": DEEPER})
    talk.tell(events.TimerFired("a/m/o/d", 1, "timeout"))
    assert talk.run.outcome == "ok"


def test_the_deadline_counts_from_the_entry_of_the_state_around() -> None:
    """Whatever the sub-flow does meanwhile, and anew when the state is entered anew."""
    talk = Talk(OUTER.replace("ok: z", "ok: a"), subs={"middle": MIDDLE, "deeper": DEEPER})
    due = talk.run.timers["a", "timeout"]
    talk.now += 60
    talk.finish()
    assert talk.run.timers["a", "timeout"] == due
    talk.answer("a/m/o/q.1")
    assert talk.run.state == "a/m/o/d"
    assert talk.run.timers["a", "timeout"] == due + 60


def test_a_stop_that_a_sub_flow_routes_is_its_own() -> None:
    """It ends in its own way, and the flow around goes on from how it ended."""
    middle = written("m: {do: a.work, transitions: {done: y, stop: n}}\ny: {final: ok}\nn: {final: stopped}", "m")
    states = "a: {flow: middle, transitions: {ok: z, stopped: w, stop: x}}\nz: {final: z}\nw: {final: w}\nx: {final: x}"
    assert Talk(states, subs={"middle": middle}).tell(events.StopRequested("")).run.outcome == "w"

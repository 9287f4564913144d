"""What a sub-flow sees, what is seen of it, and how it ends, in the pure half of the engine."""

from __future__ import annotations

from typing import Any

import pytest
from talk import Talk, written

from retake_flow.run import commands, events
from retake_flow.run.run import Local, Phase

INNER = written(
    """
b: {do: a.work, set: {n: "{{ inputs.start }}"}, transitions: {done: {to: c, set: {n: "{{ vars.n + 1 }}"}}}}
c: {do: a.say, with: {text: "{{ [vars.n, inputs.who, outputs.b.x, visits.b] }}"}, transitions: {done: [
    {when: result.again, to: b}, {when: result.bad, to: f}, {to: y}]}}
y: {final: ok}
f: {final: failed, reason: "{{ inputs.who }} got {{ vars.n }}"}
""",
    "b",
    "inputs: {who: {type: string}, start: {type: integer, default: 10}}\n",
)
OUTER = """
a: {flow: inner, with: {who: "{{ vars.n }}"}, set: {n: outer}, transitions: {ok: next, failed: {to: lost, set: {
    why: "{{ event.reason }}"}}}}
next: {do: a.say, with: {text: "{{ [outputs.a.b.x, vars.n, visits.a] }}"}, transitions: {done: a, stop: z}}
lost: {final: failed, reason: "{{ vars.why }}"}
z: {final: ok}
"""


def nested(states: str = OUTER, initial: str = "a", **inputs: Any) -> Talk:
    """A run of a flow with a sub-flow."""
    return Talk(states, initial, subs={"inner": INNER}, **inputs)


def said(talk: Talk) -> Any:
    """What the action that was begun last says."""
    [start] = talk.wished(commands.StartAction)
    return start.inputs["text"]


def test_a_sub_flow_gets_its_inputs_and_its_own_variables() -> None:
    """Inputs are filled in by the flow around, with defaults; variables of the same name stay apart."""
    talk = nested()
    assert talk.run.state == "a/b"
    assert talk.run.locals == {"a": Local({"who": "outer", "start": 10}, {"n": 10})}
    talk.finish(x=7)
    assert said(talk) == [11, "outer", 7, 1]
    assert talk.run.vars == {"n": "outer"}
    assert talk.run.locals["a"].vars == {"n": 11}


def test_the_end_of_a_sub_flow_is_an_event_with_its_results() -> None:
    """A final state ends the sub-flow, not the run; its states' results are the result, and what it had is gone."""
    talk = nested().finish(x=7).finish(again=False, bad=False)
    assert (talk.run.state, talk.run.outcome) == ("next", None)
    assert said(talk) == [7, "outer", 1]
    assert talk.run.outputs["a"] == {"b": {"x": 7}, "c": {"again": False, "bad": False}}
    assert talk.run.locals == {}


def test_the_reason_of_an_end_goes_along() -> None:
    """What a final state of a sub-flow says is `event.reason` outside; `failed` is an outcome like others."""
    talk = nested().finish(x=7).finish(again=False, bad=True)
    assert (talk.run.outcome, talk.run.phase, talk.run.reason) == ("failed", Phase.FAULTED, "outer got 11")


def test_a_sub_flow_that_is_entered_anew_begins_anew() -> None:
    """Results and variables of its last visit are gone; visits count on, so that what is late shows."""
    talk = nested().finish(x=7).finish(again=False, bad=False).finish()
    assert talk.run.state == "a/b"
    assert {path for path in talk.run.outputs if path.startswith("a/")} == set()
    assert talk.run.locals["a"].vars == {"n": 10}
    assert talk.run.visits["a/b"] == 2
    talk.tell(events.ActionFinished("a/b", 1, 1, "done", {}))
    assert talk.late()


def test_states_of_a_sub_flow_count_their_own_visits() -> None:
    """`visits` and guards inside are those of the sub-flow's states."""
    talk = nested().finish(x=7).finish(again=True).finish(x=8)
    assert said(talk) == [11, "outer", 8, 2]


def test_a_stop_goes_outwards() -> None:
    """A stop that the sub-flow does not route is routed by the flow around; the sub-flow is left in order."""
    states = OUTER.replace("transitions: {ok: next", "transitions: {stop: z, ok: next")
    talk = nested(states).tell(events.StopRequested("enough"))
    assert talk.run.outcome == "ok"
    assert [wish.state for wish in talk.wished(commands.Leave)] == ["a/b", "a"]
    talk = nested().tell(events.StopRequested("enough"))
    assert (talk.run.outcome, talk.run.reason) == ("stopped", "enough")


def test_an_error_goes_outwards() -> None:
    """An error that the sub-flow does not route is one of the flow around."""
    states = OUTER.replace("transitions: {ok: next", "transitions: {error.unavailable: z, ok: next")
    assert nested(states).fail().run.outcome == "ok"
    assert nested().fail().run.reason == "it is unavailable"


def test_the_events_of_an_activity_of_the_flow_around_go_outwards() -> None:
    """They are routed by the flow around, whatever the sub-flow in it does."""
    inner = written("b: {do: a.work, transitions: {done: y}}\ny: {final: ok}", "b")
    states = "a: {flow: inner, activities: {p: {do: s.x}}, transitions: {ok: z, p.exited: lost}}\nz: {final: ok}"
    states += "\nlost: {final: lost}"
    talk = Talk(states, subs={"inner": inner})
    talk.ready("a:p", at=1)
    assert talk.tell(events.ActivityExited("a:p", 1, "it died")).run.outcome == "lost"


def test_an_activity_of_the_flow_around_is_not_the_one_that_is_needed_inside() -> None:
    """A state or an activity of a sub-flow waits for the activity of that flow, whatever else has the same name."""
    inner = written(
        "b: {activities: {p: {do: s.y}, q: {do: s.x, needs: p}}, initial: c, transitions: {stop: y}, states: "
        "{c: {do: a.work, needs: p, transitions: {done: y}}}}\ny: {final: ok}",
        "b",
    )
    talk = Talk(
        "a: {flow: inner, activities: {p: {do: s.x}}, transitions: {ok: z}}\nz: {final: ok}", subs={"inner": inner}
    )
    assert talk.started() == ["s.x", "s.y"]
    talk.ready("a:p", at=1)
    assert talk.started() == []
    talk.ready("a/b:p", at=2)
    assert sorted(talk.started()) == ["a.work", "s.x"]


def test_of_several_activities_of_one_name_the_innermost_is_needed() -> None:
    """One further out, ready or not, does not stand for it; further in, none is seen."""
    states = (
        "a: {activities: {p: {do: s.x}, q: {do: s.y, needs: p}}, initial: b, transitions: {stop: z}, states: {b: "
        "{do: a.work, needs: p, activities: {p: {do: s.y}}, transitions: {done: z}}}}\nz: {final: ok}"
    )
    talk = Talk(states).ready("a:p", at=1)
    assert talk.started() == ["s.y"]
    assert talk.ready("a/b:p", at=2).started() == ["a.work"]
    talk = Talk(states).ready("a/b:p", at=1)
    assert talk.started() == ["a.work"]
    assert talk.ready("a:p", at=2).started() == ["s.y"]


def test_an_outcome_is_asked_of_the_state_it_runs_in_first_not_of_the_states_inside() -> None:
    """An end called like an event that a state inside routes does not lead back inside."""
    inner = written(
        "b: {initial: c, transitions: {ok: b}, states: {c: {do: a.work, transitions: {done: y}}, y: {final: ok}}}", "b"
    )
    talk = Talk("a: {flow: inner, transitions: {ok: z}}\nz: {final: ok}", subs={"inner": inner}).finish()
    assert talk.run.outcome == "ok"


def test_an_outcome_is_routed_further_out_too() -> None:
    """Where the state that the sub-flow runs in does not route it, a state around does."""
    inner = written("b: {do: a.work, transitions: {done: y}}\ny: {final: ok}", "b")
    states = "o: {initial: a, transitions: {ok: z}, states: {a: {flow: inner}}}\nz: {final: fine}"
    assert Talk(states, "o", subs={"inner": inner}).finish().run.outcome == "fine"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{who: '{{ inputs.n }}'}", "who does not fit: 3 is not of type 'string'"),
        ("{who: x, start: '{{ inputs.s }}'}", "start does not fit: 'soon' is not of type 'integer'"),
    ],
)
def test_inputs_that_do_not_fit_end_the_run(given: str, said: str) -> None:
    """What an expression gave and the sub-flow cannot take is told, and nothing of it begins."""
    talk = nested(OUTER.replace('{who: "{{ vars.n }}"}', given), n=3, s="soon")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert talk.run.reason == f"the flow 'talk' does not get the inputs it needs: {said}"
    assert talk.wished(commands.StartAction) == []


def test_a_sub_flow_in_a_sub_flow_has_names_of_its_own() -> None:
    """Each sees only its own, and results come out one level at a time."""
    leaf = written(
        "b: {do: a.say, with: {text: '{{ [inputs.v, visits.b] }}'}, set: {v: leaf}, transitions: {done: y}}\n"
        "y: {final: ok}",
        "b",
        "inputs: {v: {type: string}}\n",
    )
    middle = written(
        "b: {flow: leaf, with: {v: '{{ inputs.v ~ vars.v }}'}, set: {v: 2}, transitions: {ok: c}}\n"
        "c: {do: a.say, with: {text: '{{ [vars.v, outputs.b.b.x] }}'}, transitions: {done: y}}\ny: {final: ok}",
        "b",
        "inputs: {v: {type: string}}\n",
    )
    states = "b: {flow: middle, with: {v: '{{ vars.v }}'}, set: {v: one}, transitions: {ok: z}}\nz: {final: ok}"
    talk = Talk(states, "b", subs={"middle": middle, "leaf": leaf})
    assert (talk.run.state, said(talk)) == ("b/b/b", ["one2", 1])
    assert set(talk.run.locals) == {"b", "b/b"}
    talk.finish(x=5)
    assert said(talk) == [2, 5]
    assert set(talk.run.locals) == {"b"}
    talk.finish()
    assert (talk.run.outcome, talk.run.vars) == ("ok", {"v": "one"})


def test_a_sub_flow_can_ask() -> None:
    """A question inside is open at its whole path, and its answer is a result of the sub-flow's state."""
    inner = written(
        "q: {ask: {message: 'to {{ inputs.who }}', answer: {n: {type: integer}}}, transitions: {answered: c}}\n"
        "c: {do: a.say, with: {text: '{{ outputs.q.n }}'}, transitions: {done: y}}\ny: {final: ok}",
        "q",
        "inputs: {who: {type: string}}\n",
    )
    talk = Talk("a: {flow: inner, with: {who: owl}, transitions: {ok: z}}\nz: {final: ok}", subs={"inner": inner})
    assert [(gate.id, gate.message) for gate in talk.run.gates.values()] == [("a/q.1", "to owl")]
    assert talk.machine.is_parked(talk.run)
    assert said(talk.answer(n=4)) == 4


def test_activities_of_a_sub_flow_are_seen_inside_it_only() -> None:
    """`activities.NAME` of the same name means the one of one's own flow."""
    inner = written(
        "b: {do: a.say, needs: p, activities: {p: {do: s.x}}, with: {text: '{{ activities.p.at }}'}, "
        "transitions: {done: y}}\ny: {final: ok}",
        "b",
    )
    states = (
        "a: {initial: f, activities: {p: {do: s.y}}, states: {f: {flow: inner, transitions: {ok: g}}, "
        "g: {do: a.say, with: {text: '{{ activities.p.at }}'}}}}"
    )
    talk = Talk(states, subs={"inner": inner}).ready("a/f/b:p", at="inside")
    assert said(talk) == "inside"
    talk.ready("a:p", at="outside")
    assert said(talk.finish()) == "outside"


# --- what is owed -------------------------------------------------------------------------------------------------


def test_what_is_owed_on_leaving_is_kept_until_it_is_done() -> None:
    """The undos of a state that is left are owed in order, by the run itself, and not forgotten by the next step."""
    talk = Talk(
        "a:\n  initial: b\n  transitions: {stop: c}\n  states:\n"
        "    b: {do: a.work, undo: {do: a.undo, with: {n: 1}}, transitions: {done: d}}\n"
        "    d: {do: a.once, undo: {do: a.undo, with: {n: 2}}, transitions: {done: e}}\n    e:\n"
        "c: {wait: 1s, transitions: {done: c}}"
    )
    talk.finish().finish().tell(events.StopRequested())
    assert [undo.inputs["n"] for undo in talk.run.undoing] == [2, 1]
    assert talk.run.undos == ()
    owed = talk.run.undoing
    talk.fire("wait")
    assert talk.run.undoing == owed


def test_the_end_of_a_run_owes_all_at_once() -> None:
    """Also what states at the top owe, which nothing else would leave."""
    talk = Talk("a: {do: a.work, undo: a.undo, transitions: {done: z}}\nz: {final: ok}").finish()
    assert (talk.run.outcome, [undo.do for undo in talk.run.undoing]) == ("ok", ["a.undo"])


# --- an action under way --------------------------------------------------------------------------------------------


def test_an_action_is_under_way_from_its_beginning_to_its_end() -> None:
    """Between two tries and two polls nothing is, and when the state is left nothing is either."""
    talk = Talk(
        "a: {do: a.work, retry: {max: 3}, poll: {every: 3s, until: result.ok, delay: 1s}, transitions: {done: b}}\nb:"
    )

    def under_way() -> bool:
        return talk.run.attempt is not None and talk.run.attempt.open

    seen = [under_way()]
    for step in (
        lambda: talk.fire("again"),
        talk.fail,
        lambda: talk.fire("again"),
        lambda: talk.finish(ok=False),
        lambda: talk.fire("again"),
        lambda: talk.finish(ok=True),
    ):
        step()
        seen.append(under_way())
    assert seen == [False, True, False, True, False, True, False]
    assert talk.run.attempt is None

"""What state charts know beyond states and events: effects, eventless transitions, history, guards on where."""

from __future__ import annotations

import pytest
from talk import Talk

from retake_flow.engine.core.external_events import expected_events, expects
from retake_flow.run import commands, events
from retake_flow.run.run import Phase


def went(talk: Talk) -> list[str]:
    """The states left (-) and entered (+) on the last event, in order."""
    moves = [wish for wish in talk.wishes if isinstance(wish, commands.Leave | commands.Enter)]
    return [("-" if isinstance(wish, commands.Leave) else "+") + wish.state for wish in moves]


def raised(talk: Talk, name: str, /, **data: object) -> Talk:
    """Something happens outside."""
    return talk.tell(events.Raised(name, data))


# --- effects --------------------------------------------------------------------------------------------------


def test_effects_happen_on_leaving_then_on_the_way_then_on_entering() -> None:
    """Leaving goes from inside out, entering from outside in, and each sees what was set before it."""
    talk = Talk("""
a:
  initial: b
  exit: {set: {said: "{{ vars.said }} -a"}}
  states:
    b:
      exit: {set: {said: "-b"}}
      transitions: {go: {to: c, set: {said: "{{ vars.said }} go"}}}
c:
  initial: d
  entry: {set: {said: "{{ vars.said }} +c"}}
  states:
    d: {entry: [{set: {said: "{{ vars.said }} +d"}}, {set: {said: "{{ vars.said }}!"}}]}
""")
    raised(talk, "go")
    assert talk.run.vars["said"] == "-b -a go +c +d!"
    assert went(talk) == ["-a/b", "-a", "+c", "+c/d"]


def test_what_is_raised_goes_before_what_comes_from_outside() -> None:
    """A raised event is taken within the same macrostep, after the way that raised it and before anything else."""
    talk = Talk("""
a: {transitions: {go: {to: b, raise: [first, {event: second, data: {n: 7}}]}}}
b:
  entry: {raise: third}
  transitions: {first: {to: c}}
c: {transitions: {second: {to: d, set: {n: "{{ event.n }}"}}}}
d: {transitions: {third: e}}
e: {final: over}
""")
    raised(talk, "go")
    assert (talk.run.outcome, talk.run.vars) == ("over", {"n": 7})


def test_leaving_raises_before_the_way_and_that_before_entering() -> None:
    """Events that one transition raises keep the order of the charts: exit, transition, entry."""
    talk = Talk("""
a:
  initial: x
  transitions:
    one: {set: {said: "1"}}
    two: {set: {said: "{{ vars.said }}2"}}
    three: {set: {said: "{{ vars.said }}3"}}
  states:
    x: {exit: {raise: one}, transitions: {go: {to: y, raise: two}}}
    y: {entry: {raise: three}}
""")
    raised(talk, "go")
    assert talk.run.vars == {"said": "123"}


def test_a_raised_event_that_nobody_takes_is_passed_over() -> None:
    """It is noted, and nothing happens by it."""
    talk = Talk("a: {entry: {raise: nobody}}")
    assert talk.notes("ignored") == [{"name": "nobody", "state": "a"}]
    assert talk.run.phase is Phase.RUNNING


def test_an_event_raised_for_later_comes_when_it_is_due() -> None:
    """It has a timer, and its data is filled in when it is raised."""
    talk = Talk("""
a:
  set: {n: 1}
  entry: {raise: {event: tick, after: 2s, data: {n: "{{ vars.n }}"}}}
  transitions: {tick: {to: b, set: {seen: "{{ event.n }}"}}}
b: {}
""")
    assert talk.timers() == [("a", "raise.1", 2.0)]
    talk.fire("raise.1", later=2.0)
    assert (talk.run.state, talk.run.vars["seen"], talk.run.delayed, talk.run.timers) == ("b", 1, {}, {})


def test_an_event_for_later_is_dropped_with_the_state_that_raised_it() -> None:
    """What a state starts, ends when the state is left."""
    talk = Talk("""
a:
  entry: {raise: {event: tick, after: 2s}}
  transitions: {go: b, tick: b}
b: {transitions: {tick: c, back: a}}
c: {}
""")
    raised(talk, "go")
    assert (talk.run.delayed, talk.run.timers) == ({}, {})
    talk.tell(events.TimerFired("a", 1, "raise.1"))
    assert talk.late()


def test_an_event_for_later_of_a_transition_lives_as_long_as_what_stays_active() -> None:
    """A transition belongs to the state around it, and at the top to the whole run."""
    talk = Talk("""
a: {transitions: {go: {to: b, raise: [{event: tick, after: 2s}, {event: tock, after: 3s}]}}}
b: {transitions: {go: c}}
c: {transitions: {tick: {set: {n: 1}}, tock: d}}
d: {}
""")
    raised(talk, "go")
    raised(talk, "go")
    talk.now += 2
    talk.tell(events.TimerFired("", 0, "raise.1"))
    assert (talk.run.state, talk.run.vars) == ("c", {"n": 1})
    talk.tell(events.TimerFired("", 0, "raise.2"))
    assert talk.run.state == "d"


LASTING = """
a:
  initial: b
  transitions: {tick: d, tock: e, hush: {cancel: [tick, tock]}, anew: {cancel: tick, raise: %s}}
  states:
    b: {entry: {raise: [%s, {event: tock, after: 4s, scope: a}]}, transitions: {go: c}}
    c: {transitions: {out: d}}
d: {transitions: {tick: e}}
e: {}
""" % (("{event: tick, after: 3s, scope: flow}",) * 2)


def test_an_event_for_later_lasts_as_long_as_its_scope() -> None:
    """The state that raises it may be left; the state around it, or the flow, is what counts."""
    talk = raised(Talk(LASTING), "go")
    assert {at[0]: later.event for at, later in talk.run.delayed.items()} == {"": "tick", "a": "tock"}
    raised(talk, "out")
    assert [later.event for later in talk.run.delayed.values()] == ["tick"]
    talk.now += 3
    assert talk.tell(events.TimerFired("", 0, "raise.1")).run.state == "e"


def test_in_a_sub_flow_the_whole_flow_is_the_sub_flow() -> None:
    """What it has raised ends with it."""
    inner = "flow: inner\ninitial: x\nstates:\n  x: {entry: {raise: {event: t, after: 9s, scope: flow}}}\n"
    talk = Talk("a: {flow: inner, transitions: {go: b}}\nb: {}", subs={"inner": inner})
    assert list(talk.run.delayed) == [("a", "raise.1")]
    assert raised(talk, "go").run.delayed == {}


def test_an_event_for_later_can_be_cancelled() -> None:
    """All of its name are gone, also after another process has resumed the run."""
    talk = raised(Talk(LASTING).resume(), "hush")
    assert (talk.run.delayed, talk.run.timers) == ({}, {})


def test_a_timer_of_what_was_cancelled_does_not_bring_what_was_raised_since() -> None:
    """The new event has its own time, although its timer has the name of the old one."""
    talk = Talk(LASTING)
    talk.now += 2
    raised(talk, "anew")
    assert talk.timers() == [("", "raise.1", 3.0)]
    talk.now += 1
    assert talk.tell(events.TimerFired("", 0, "raise.1", talk.now)).late()
    talk.now += 2
    assert talk.tell(events.TimerFired("", 0, "raise.1", talk.now)).run.state == "d"


def test_an_event_for_later_survives_the_process() -> None:
    """Its time is kept with the run, so another process sets it again for the time that is left."""
    talk = Talk("""
a: {entry: {raise: {event: tick, after: 10s}}, transitions: {tick: b}}
b: {}
""")
    talk.resume(later=4.0)
    assert talk.timers() == [("a", "raise.1", 6.0)]
    assert talk.fire("raise.1", later=6.0).run.state == "b"


def test_effects_use_the_names_of_their_own_flow() -> None:
    """A sub-flow sets variables of its own, and those around it stay as they are."""
    inner = """
flow: inner
initial: x
states:
  x: {entry: {set: {n: 2}}, transitions: {go: {to: y, set: {m: "{{ vars.n }}"}}}}
  y: {}
"""
    talk = Talk("a: {set: {n: 1}, flow: inner}", subs={"inner": inner})
    raised(talk, "go")
    assert (talk.run.vars, talk.run.locals["a"].vars) == ({"n": 1}, {"n": 2, "m": 2})


def test_the_end_of_a_run_leaves_its_states_in_order() -> None:
    """Leaving has its effects also when the run ends by that."""
    talk = Talk("""
a:
  initial: b
  exit: {set: {said: "{{ vars.said }} a"}}
  states: {b: {exit: {set: {said: b}}}}
""")
    talk.tell(events.StopRequested())
    assert (talk.run.outcome, talk.run.vars) == ("stopped", {"said": "b a"})


@pytest.mark.parametrize("flow", ["a: {wait: 1s, %s}", "a: {wait: 1s, %s, transitions: {other: b}}"])
def test_an_effect_that_cannot_be_evaluated_ends_a_run_that_cannot_go_on(flow: str) -> None:
    """Also when it is met on the way out: half a step never shows."""
    talk = Talk(flow % "exit: {set: {x: '{{ vars.nothing }}'}}, always: [{when: 'visits.a > 5', to: b}]" + "\nb: {}")
    talk.tell(events.StopRequested("enough"))
    assert (talk.run.phase, talk.run.state, talk.run.vars) == (Phase.CANCELLED, "a", {})
    assert "there is no 'nothing' here" in talk.run.reason


@pytest.mark.parametrize(
    ("end", "phase"),
    [
        ("final: completed", Phase.COMPLETED),
        ("final: refused", Phase.COMPLETED),
        ("final: refused, fails: true", Phase.FAULTED),
        ("final: failed", Phase.FAULTED),
    ],
)
def test_an_end_says_whether_the_run_has_failed(end: str, phase: Phase) -> None:
    """What an end is called is for whoever runs the flow; whether it is a failure stands beside it."""
    assert Talk(f"a: {{{end}}}").run.phase is phase


ENDING = """
a:
  initial: x
  activities: {p: {do: s.x}}
  transitions: {enough: {to: b, set: {why: "{{ event.reason }}"}}, z: c}
  states:
    x: {transitions: {go: y, in: deep}}
    y: {final: enough, ends: state, reason: "it is {{ visits.x }}"}
    deep:
      initial: i
      transitions: {enough: {when: "visits.deep > 1", to: y}}
      states: {i: {final: enough, ends: state}}
b: {}
c: {}
"""


def test_the_end_of_a_state_is_an_event_of_it() -> None:
    """Its outcome is routed by the state around, whose activities end with the transition."""
    talk = raised(Talk(ENDING), "go")
    assert (talk.run.state, talk.run.vars, talk.run.phase) == ("b", {"why": "it is 1"}, Phase.RUNNING)
    assert went(talk) == ["-a/x", "+a/y", "-a/y", "-a", "+b"]


def test_the_end_of_a_state_is_offered_to_the_states_around_it_as_well() -> None:
    """The state that ends goes first; what it does not take goes further out."""
    talk = raised(Talk(ENDING), "in")
    assert (talk.run.state, talk.run.vars) == ("b", {"why": ""})


def test_a_process_that_dies_at_the_end_of_a_state_loses_nothing() -> None:
    """What comes of the end is one step with it, so that nobody finds a run between the two."""
    talk = raised(Talk(ENDING), "go")
    assert talk.resume().run.state == "b"


# --- eventless transitions ------------------------------------------------------------------------------------


def test_a_transition_without_an_event_is_taken_as_soon_as_its_guard_holds() -> None:
    """It is looked for after each event, from the deepest state outwards, in the order of the file."""
    talk = Talk("""
a:
  initial: in
  always: [{when: vars.n > 2, to: b}, {when: vars.n > 1, to: c}]
  set: {n: 0}
  states: {in: {transitions: {more: {set: {n: "{{ vars.n + 1 }}"}}}}}
b: {}
c: {}
""")
    raised(raised(talk, "more"), "more")
    assert talk.run.state == "c"


def test_what_is_left_at_once_has_begun_nothing() -> None:
    """A state that only passes on asks nobody and performs nothing, since nothing would wait for it."""
    talk = Talk("""
a: {transitions: {go: b}}
b: {do: a.work, always: c}
c: {always: [{when: visits.c > 5, to: a}, {to: d}]}
d: {do: a.say, with: {text: hello}}
""")
    raised(talk, "go")
    assert (talk.run.state, talk.started()) == ("d", ["a.say"])
    assert went(talk) == ["-a", "+b", "-b", "+c", "-c", "+d"]


def test_transitions_without_an_event_go_before_raised_events() -> None:
    """A raised event is for the state in which the machine comes to rest."""
    talk = Talk("""
a: {entry: {raise: now}, always: b, transitions: {now: wrong}}
b: {transitions: {now: right}}
right: {}
wrong: {}
""")
    assert talk.run.state == "right"


def test_an_endless_chain_of_them_is_cut_and_named() -> None:
    """A hundred are enough; the reason names the states that went in circles."""
    talk = Talk("a: {always: {to: b, when: 'true'}}\nb: {always: {to: a, when: 'true'}}")
    assert talk.run.phase is Phase.FAULTED
    assert talk.run.reason == "more than 100 transitions followed from one event: a → b"


def test_a_loop_that_counts_may_be_longer() -> None:
    """What changes a variable gets somewhere: only a thousand of those are too many."""
    loop = "a: {set: {n: '{{ vars.n|default(0) + 1 }}'}, always: [{when: vars.n < %s, to: a}, {to: b}]}\nb: {}"
    assert (Talk(loop % 500).run.state, Talk(loop % 5000).run.phase) == ("b", Phase.FAULTED)


# --- where a transition leads ---------------------------------------------------------------------------------

PLACES = """
a:
  initial: x
  transitions:
    inside: a/y
    anew: {to: a/y, reenter: true}
    deep: a/z/q
    self: a
    note: {set: {noted: "{{ event.name }}"}}
    swallow: {set: {}}
  states:
    x: {transitions: {own: x, side: y, swallow: {when: "true"}}}
    y: {}
    z: {initial: p, states: {p: , q: }}
b: {}
"""


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ("own", ["-a/x", "+a/x"]),
        ("side", ["-a/x", "+a/y"]),
        ("inside", ["-a/x", "+a/y"]),
        ("anew", ["-a/x", "-a", "+a", "+a/y"]),
        ("deep", ["-a/x", "+a/z", "+a/z/q"]),
        ("self", ["-a/x", "-a", "+a", "+a/x"]),
        ("note", []),
        ("swallow", []),
    ],
)
def test_what_a_transition_leaves_and_enters(event: str, path: list[str]) -> None:
    """One to a state inside keeps the state that bears it, unless it says otherwise; without a target nothing moves."""
    assert went(raised(Talk(PLACES), event)) == path


def test_a_transition_into_a_state_leaves_everything_else_inside_it() -> None:
    """What counts is the state that bears it: all that is active inside is left, also what is around the target."""
    talk = raised(Talk(PLACES), "deep")
    assert went(raised(talk, "deep")) == ["-a/z/q", "-a/z", "+a/z", "+a/z/q"]


def test_without_a_target_what_the_state_does_goes_on() -> None:
    """Activities and actions under way are not touched."""
    talk = Talk("""
a:
  activities: {x: {do: s.x}}
  do: a.work
  transitions: {note: {set: {n: 1}}, done: b}
b: {}
""")
    raised(talk, "note")
    assert (talk.run.vars, talk.started(), talk.run.activities.keys()) == ({"n": 1}, [], {"a:x"})
    assert talk.finish().run.state == "b"


def test_the_deepest_state_decides_also_by_doing_nothing() -> None:
    """An empty transition inside keeps an event from the states around."""
    talk = raised(Talk(PLACES.replace("swallow: {set: {}}", "swallow: b")), "swallow")
    assert talk.run.state == "a/x"


def test_the_beginning_may_lie_deeper_inside() -> None:
    """An initial state can be a path; every state on the way is entered."""
    talk = Talk("a: {initial: b/d, states: {b: {initial: c, states: {c: , d: }}}}", "a")
    assert went(talk) == ["+a", "+a/b", "+a/b/d"]
    assert Talk("a: {initial: b, states: {b: , c: }}", "a/c").run.state == "a/c"


# --- guards on where ------------------------------------------------------------------------------------------


def test_guards_can_ask_where_the_machine_is() -> None:
    """`in` takes a path and says whether that state is active, itself or by a state inside it."""
    talk = Talk("""
a:
  initial: x
  transitions:
    go:
      - {when: "in('a/z')", to: c}
      - {when: "not in('a/x') and in('a')", to: b}
      - {to: a/y}
  states: {x: , y: , z: {initial: p, states: {p: }}}
b: {}
c: {}
""")
    assert raised(talk, "go").run.state == "a/y"
    assert raised(talk, "go").run.state == "b"


def test_in_a_sub_flow_paths_begin_with_its_own_states() -> None:
    """A flow says the same wherever it runs."""
    inner = """
flow: inner
initial: x
states:
  x: {transitions: {go: {to: y, when: "in('x')"}}}
  y: {}
"""
    assert raised(Talk("a: {flow: inner}", subs={"inner": inner}), "go").run.state == "a/y"


# --- history --------------------------------------------------------------------------------------------------

HISTORY = """
out: {transitions: {shallow: a/back, deep: a/back_deep, first: a/elsewhere}}
a:
  initial: x
  transitions: {out: out}
  states:
    back: {history: shallow}
    back_deep: {history: deep}
    elsewhere: {history: deep, initial: z}
    x: {transitions: {go: y}}
    y: {initial: p, states: {p: {transitions: {go: q}}, q: }}
    z: {}
"""


@pytest.mark.parametrize(("event", "state"), [("shallow", "a/x"), ("deep", "a/x"), ("first", "a/z")])
def test_history_leads_the_first_time_to_the_beginning(event: str, state: str) -> None:
    """Before anything was active inside, it is the initial state, or the one that the history names."""
    assert raised(Talk(HISTORY, "out"), event).run.state == state


@pytest.mark.parametrize(("event", "state"), [("shallow", "a/y/p"), ("deep", "a/y/q"), ("first", "a/y/q")])
def test_history_leads_back_to_what_was_active_last(event: str, state: str) -> None:
    """Shallow means the state directly inside, begun anew; deep means as deep as it was."""
    talk = Talk(HISTORY, "out")
    for name in ("shallow", "go", "go", "out", event):
        raised(talk, name)
    assert talk.run.state == state
    assert went(talk)[:2] == ["-out", "+a"]


def test_history_inside_a_sub_flow_is_gone_when_it_begins_anew() -> None:
    """Each entry begins a sub-flow anew, also its memory."""
    inner = """
flow: inner
initial: start
states:
  start: {transitions: {go: a/back}}
  a: {initial: x, transitions: {out: start}, states: {back: {history: deep}, x: {transitions: {go: y}}, y: }}
"""
    talk = Talk("a: {flow: inner, transitions: {again: a}}", subs={"inner": inner})
    for name in ("go", "go", "out", "go"):
        raised(talk, name)
    assert talk.run.state == "a/a/y"
    raised(raised(talk, "again"), "go")
    assert talk.run.state == "a/a/x"


def test_history_that_leads_to_a_state_of_another_version_is_none() -> None:
    """After the flow has changed under a run, what is not there any more is not gone back to."""
    talk = Talk(HISTORY, "out").copy(history={"a": "a/gone"})
    assert raised(talk, "deep").run.state == "a/x"


# --- events from outside --------------------------------------------------------------------------------------


def test_an_event_from_outside_brings_its_data() -> None:
    """Guards and variables see it as `event.NAME`; its name cannot be overwritten by it."""
    talk = Talk(
        """
a:
  transitions:
    tip: {when: event.amount > 100, to: b, set: {by: "{{ event.who }}", n: "{{ event.name }}"}}
b: {}
"""
    )
    assert raised(talk, "tip", amount=5, who="bo").run.state == "a"
    raised(talk, "tip", amount=500, who="ann", name="stop")
    assert (talk.run.state, talk.run.vars) == ("b", {"by": "ann", "n": "tip"})


WHENCE = """
a:
  initial: b
  activities: {x: {do: s.x}, t: {do: a.work, every: 5s, raises: {low: result.n < 1}}}
  transitions: {"*": {set: {seen: "{{ event.name }} {{ event.source }} {{ event.at }}"}}}
  states:
    b: {do: a.work, transitions: {done: {to: c, set: {done: "{{ event.source }}"}}}}
    c: {wait: 5s, entry: {raise: {event: later, after: 9s, scope: flow}}, transitions: {done: d}}
    d: {initial: e, states: {e: {transitions: {go: f}}, f: {final: over, ends: state}}}
"""


def test_an_event_says_where_it_comes_from_and_when() -> None:
    """A state, an activity, or outside; data of its own with these names goes before."""
    talk = Talk(WHENCE)

    def seen() -> str:
        return str(talk.run.vars["seen"])

    talk.now += 1
    talk.ready("a:x")
    assert seen() == "x.ready a:x 1001.0"
    talk.tell(events.ActivityResulted("a:t", 1, "done", {"n": 0}))
    assert seen() == "low a:t 1001.0"
    talk.tell(events.Raised("tip", {}, by="ann"))
    assert seen() == "tip outside 1001.0"
    talk.tell(events.Raised("tip", {}, by="a:t"))
    assert seen() == "tip a:t 1001.0"
    talk.tell(events.Raised("tip", {"source": "chat", "at": 7}))
    assert seen() == "tip chat 7"
    talk.finish()
    assert talk.run.vars["done"] == "a/b"
    talk.fire("wait", later=5.0)
    talk.now += 4
    talk.resume().tell(events.TimerFired("", 0, "raise.1"))
    assert seen() == "later a/c 1010.0"
    raised(talk, "go")
    assert seen() == "over a/d/f 1010.0"


SKIPS = """
a:
  initial: b
  activities: {t: {do: a.work, every: 5s, raises: {low: result.n < 1}}}
  transitions:
    tip: {when: event.amount > 9, to: c}
    low: c
    skipped.tip: {set: {why: "{{ event.name }}: {{ event.message }}"}, effects: {if: event.message != '', raise: told}}
    skipped: {set: {other: "{{ event.name }} {{ event.source }}"}}
    told: {set: {told: 1}}
    error: c
  states: {b: {transitions: {hop: {when: event.n > 1, to: b}}}}
c: {}
"""


def test_an_event_that_is_skipped_can_be_routed() -> None:
    """Under a name of its own, from where the event came; no route for errors takes it."""
    talk = raised(Talk(SKIPS), "tip")
    assert (talk.run.state, talk.run.vars["told"]) == ("a/b", 1)
    assert talk.run.vars["why"].startswith("skipped.tip: ")
    assert "there is no 'amount'" in talk.run.vars["why"]
    talk.tell(events.ActivityResulted("a:t", 1, "done", {}))
    assert (talk.run.state, talk.run.vars["other"]) == ("a/b", "skipped.low a:t")
    assert len(talk.notes("error")) == 1


@pytest.mark.parametrize("route", ["'*': c", "error: c", "skipped.tip: {set: {x: '{{ event.nothing }}'}}"])
def test_nothing_else_takes_what_is_skipped(route: str) -> None:
    """Neither a route for everything, nor one for errors; and one that fails itself is not skipped again."""
    talk = raised(Talk(f"a: {{transitions: {{tip: {{when: event.n > 1, to: c}}, {route}}}}}\nc: {{}}"), "tip")
    assert (talk.run.state, talk.run.phase, talk.run.vars) == ("a", Phase.RUNNING, {})
    assert len(talk.notes("error")) == (2 if "skipped" in route else 1)


def test_it_is_known_which_events_are_expected() -> None:
    """Those that the active states have routes for, by name or by the beginning of it."""
    talk = Talk("a: {initial: b, transitions: {error: c}, states: {b: {transitions: {tip: c}}, c: }}\nc: {}")
    assert expected_events(talk.machine.flow, talk.run) == ("error", "tip")
    assert [expects(talk.machine.flow, talk.run, name) for name in ("tip", "error.x", "tips")] == [True, True, False]

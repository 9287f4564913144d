"""Which events can occur where, and which states can be reached."""

from __future__ import annotations

import pytest
from flow_samples import at, codes, problems

from retake_flow.flow.names import matches

END = "\nz: {final: ok}"


@pytest.mark.parametrize(
    ("pattern", "event", "taken"),
    [
        ("error", "error", True),
        ("error", "error.unauthorized", True),
        ("error.unauthorized", "error.unauthorized", True),
        ("error.unauthorized", "error", False),
        ("error", "errors", False),
        ("error", "encoder.error", False),
        ("encoder", "encoder.exited", True),
        ("done", "done.x", True),
        ("done.x", "done", False),
    ],
)
def test_a_pattern_takes_an_event_and_its_kinds(pattern: str, event: str, taken: bool) -> None:
    """A route takes the event of its name and every one whose name begins so, part by part."""
    assert matches(pattern, event) is taken


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ("a: {do: a.work, transitions: {error: z}}", "done"),
        ("a: {do: a.choose, transitions: {left: z}}", "right"),
        ("a: {wait: 1s, transitions: {stop: z}}", "done"),
        ("a: {timeout: 1s, transitions: {stop: z}}", "timeout"),
        ("a: {do: a.work, poll: {every: 1s, until: 'true', timeout: 9s}, transitions: {done: z}}", "timeout"),
        ("a: {activities: {p: {do: s.program}}, transitions: {stop: z}}", "p.exited"),
        ("a: {activities: {t: {do: a.work, every: 1s, raises: {low: 'true'}}}, transitions: {stop: z}}", "low"),
    ],
)
def test_every_outcome_has_to_lead_somewhere(states: str, outcome: str) -> None:
    """An outcome that no route around takes is a mistake at the state, with what to add."""
    [problem] = problems(states + END)
    assert (problem.code, problem.message, at(problem)) == (
        "RF050",
        f"nothing says where 'a' goes on '{outcome}'",
        (4, 3),
    )
    assert problem.hint.startswith(f"add `{outcome}: STATE` to the transitions of 'a'")


@pytest.mark.parametrize(
    ("inner", "routes", "found"),
    [
        ("ok, ends: state", "ok: z", []),
        ("ok, ends: state", "stop: z", ["RF050"]),
        ("ok, ends: state", "ok: [{when: visits.a > 1, to: z}]", ["RF050"]),
        ("ok, ends: state", "ok: z, oh: z", ["RF051"]),
        ("timeout, ends: state", "timeout: z", ["RF046"]),
        ("ok", "stop: z", []),
    ],
)
def test_the_end_of_a_state_has_to_lead_somewhere(inner: str, routes: str, found: list[str]) -> None:
    """It is an event of the state around, under a name that is no other event's."""
    states = f"a: {{initial: b, transitions: {{{routes}}}, states: {{b: {{final: {inner}}}}}}}"
    assert codes(states + END) == found


@pytest.mark.parametrize(
    ("effect", "found"),
    [
        ("{raise: {event: t, after: 1s, scope: a}}", []),
        ("{raise: {event: t, after: 1s, scope: flow}}", []),
        ("[{raise: {event: t, after: 1s}}, {cancel: t}]", []),
        ("{raise: {event: t, after: 1s, scope: z}}", ["RF020"]),
        ("{raise: {event: t, scope: a}}", ["RF011"]),
        ("[{raise: {event: t}}, {cancel: t}]", ["RF056"]),
    ],
)
def test_a_delayed_event_lasts_with_a_state_around_and_can_be_cancelled(effect: str, found: list[str]) -> None:
    """Any other scope, or a cancel of what is never delayed, is a mistake."""
    assert codes(f"a: {{initial: b, transitions: {{t: z}}, states: {{b: {{entry: {effect}}}}}}}" + END) == found


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ("a: {entry: {raise: begun}, wait: 1s, transitions: {done: b}}", ["RF053"]),
        ("a: {wait: 1s, transitions: {done: {to: b, raise: begun}}}", []),
        ("a: {exit: {raise: begun}, wait: 1s, transitions: {done: b}}", []),
        ("a: {entry: {raise: begun}, always: b}", []),  # it comes once nothing leads on by itself
        ("a: {entry: [{raise: go}, {raise: begun}], wait: 1s, transitions: {go: b, done: b}}", []),
        ("a: {entry: {raise: {event: begun, after: 1s}}, wait: 2s, transitions: {done: b}}", ["RF053"]),
        ("a: {entry: {raise: {event: begun, after: 1s, scope: flow}}, wait: 2s, transitions: {done: b}}", []),
        ("a: {exit: {raise: {event: begun, after: 1s}}, wait: 2s, transitions: {done: b}}", []),
        ("a: {initial: i, transitions: {'*': b}, states: {i: {entry: {raise: begun}}}}", []),
        ("a: {initial: i, transitions: {out: b}, states: {i: {entry: {raise: begun}, always: e}, "
         "e: {final: out, ends: state}}}", []),
        ("a: {wait: 1s, transitions: {done: {to: c, raise: begun}, stop: b}}\nc: {final: over}", ["RF053"]),
    ],
)  # fmt: skip
def test_a_route_for_everything_takes_a_raised_event_only_where_it_can_come(states: str, found: list[str]) -> None:
    """Elsewhere in the flow, it does not keep the event from being lost."""
    assert codes(f"{states}\nb: {{wait: 1s, transitions: {{done: z, '*': z}}}}" + END) == found


def test_what_is_skipped_may_be_routed_where_it_can_come() -> None:
    """By the event's name, or for all."""
    tip = "tip: {when: event.name == 'x', to: z}"
    head = "events: [tip]\n"
    assert codes(f"a: {{transitions: {{{tip}, skipped.tip: z, skipped: z}}}}" + END, head=head) == []
    assert codes(f"a: {{transitions: {{{tip}, skipped.top: z}}}}" + END, head=head) == ["RF051"]


def test_only_a_state_inside_another_can_end_it() -> None:
    """At the top there is none."""
    assert codes("a: {wait: 1s, transitions: {done: y}}\ny: {final: ok, ends: state}" + END)[0] == "RF014"


def test_a_state_around_may_route_what_happens_inside() -> None:
    """An outcome is also routed by a state around, and by a route for all its kinds."""
    inside = "b: {do: a.work, activities: {p: {do: s.program}}}"
    assert codes(f"a: {{initial: b, transitions: {{done: z, p: z}}, states: {{{inside}}}}}" + END) == []


def test_what_is_only_beside_needs_no_route() -> None:
    """A state goes on without a window that has ended or failed, and its `error` is not that of the window."""
    window = "b: {do: a.work, activities: {w: {do: s.window}}, transitions: {done: z, error: z%s}}"
    inside = "a: {initial: b, states: {%s}}" + END
    assert codes(inside % (window % "")) == []
    assert codes(inside % (window % ", w.exited: z, w.error: z")) == []
    only = "a: {activities: {w: {do: s.window}}, transitions: {stop: z, error.host: z}}" + END
    assert codes(only) == ["RF051"]


def test_an_outcome_has_a_route_for_when_no_guard_holds() -> None:
    """Guards alone may all be false, and then a state would have nothing more to do."""
    [problem] = problems("a: {do: a.work, transitions: {done: [{when: visits.a > 1, to: z}]}}" + END)
    assert (problem.code, problem.hint) == ("RF050", "end the list with a route without `when`")
    assert problem.message == "nothing says where 'a' goes on 'done' when no guard holds"
    inside = "b: {do: a.work, transitions: {done: {when: visits.b > 1, to: b}}}"
    assert codes(f"a: {{initial: b, transitions: {{done: z}}, states: {{{inside}}}}}" + END) == []


def test_what_is_raised_may_be_passed_over() -> None:
    """An event that a condition raises needs no route for when its guards do not hold: the state goes on."""
    raises = "{t: {do: a.work, every: 1s, raises: {low: 'true'}}}"
    assert (
        codes(f"a: {{activities: {raises}, transitions: {{low: {{when: visits.a > 1, to: z}}, stop: z}}}}" + END) == []
    )


@pytest.mark.parametrize(
    ("states", "pattern", "hint"),
    [
        ("a: {do: a.work, transitions: {done: z, dnoe: z}}", "dnoe", "did you mean 'done'?"),
        ("a: {do: a.work, transitions: {done: z, error.unavialable: z}}", "error.unavialable",
         "did you mean 'error.unavailable'?"),
        ("a: {wait: 1s, transitions: {done: z, timeout: z}}", "timeout", "there are: done, stop"),
        ("a:\n  initial: b\n  timeout: 1m\n  transitions: {timeout: z}\n  states:\n"
         "    b: {wait: 1s, transitions: {done: z, timeout: z}}", "timeout", "there are: done, stop"),
    ],
)  # fmt: skip
def test_a_route_for_what_never_happens_is_a_mistake(states: str, pattern: str, hint: str) -> None:
    """A route whose event nothing can raise is named with what can; a timeout belongs to the state that has it."""
    [problem] = problems(states + END)
    assert (problem.code, problem.hint) == ("RF051", hint)
    assert problem.message.endswith(f"raises the event {pattern!r}")


@pytest.mark.parametrize(
    "routes",
    ["stop: z, error: z", "stop: z, p.exited: z, p.ready: z", "stop: z, p.error: z", "stop: z, p.error.internal: z"],
)
def test_events_from_inside_and_around_can_be_routed(routes: str) -> None:
    """A state may route what is raised within it and what the activities around it yield."""
    outer = "a:\n  initial: b\n  activities: {p: {do: s.program}}\n  transitions: {p.exited: z, error: z}\n  states:\n"
    assert codes(outer + f"    b: {{do: a.work, transitions: {{done: z, {routes}}}}}" + END) == []


def test_an_unknown_action_is_one_mistake() -> None:
    """Where an action is not known, nobody can say which events there are, so nothing is said of routes."""
    assert codes("a: {do: a.wrok, transitions: {finished: z}}" + END) == ["RF040"]
    assert codes("a: {activities: {p: {do: s.porgram}}, transitions: {p.started: z, stop: z}}" + END) == ["RF040"]


def test_a_mistyped_target_is_one_mistake() -> None:
    """That an outcome leads nowhere, or a state is not reached, follows from a mistyped target and is not said."""
    assert codes("a: {do: a.work, transitions: {done: y}}" + END) == ["RF020"]


def test_a_route_below_one_without_a_guard_is_never_taken() -> None:
    """The later route is named at its place."""
    [problem] = problems("a: {do: a.work, transitions: {done: [{to: z}, {when: visits.a > 1, to: a}, {to: a}]}}" + END)
    assert (problem.code, at(problem)) == ("RF062", (4, 74))


def test_states_that_nothing_leads_to_are_named() -> None:
    """An unreachable state is a mistake; what is inside it is not said again."""
    states = "a: {do: a.work, transitions: {done: z}}\nlost: {initial: b, states: {b: {transitions: {stop: z}}}}"
    [problem] = problems(states + END)
    assert (problem.code, problem.message, at(problem)) == ("RF060", "no path leads to the state 'lost'", (5, 3))


def test_a_flow_that_cannot_end_is_a_mistake() -> None:
    """Some path has to lead to a final state."""
    assert codes("a: {wait: 1s, transitions: {done: b}}\nb: {wait: 1s, transitions: {done: a}}") == ["RF061"]

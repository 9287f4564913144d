"""From text to model."""

from __future__ import annotations

import pytest
from flow_samples import GO_LIVE, SMALL, at, flow_of, problems

from retake_flow.flow.diagnostics import Position, Problems
from retake_flow.flow.expressions.expression import Template
from retake_flow.flow.load.load import load, load_flow
from retake_flow.flow.state_parts import Retry

NESTED = """
a:
  initial: b
  transitions: {stop: d}
  states:
    b: {transitions: {x: c, y: d, z: a, u: b, v: d/b}}
    c: {}
d:
  initial: b
  states:
    b: {final: ok}
"""


def test_a_target_is_sought_beside_the_state_then_further_out() -> None:
    """The name of a target means the nearest state: a sibling, then one beside the state around, or a path."""
    routes = flow_of(NESTED).states["a/b"].routes
    assert {event: route.to for event, (route,) in routes.items()} == {
        "x": "a/c", "y": "d", "z": "a", "u": "a/b", "v": "d/b",
    }  # fmt: skip


def test_a_target_inside_another_state_needs_its_path() -> None:
    """A state is not found by its bare name from outside the state around it."""
    [problem] = problems("a: {transitions: {stop: c}}\nb: {initial: c, states: {c: {final: ok}}}")
    assert (problem.code, problem.message, at(problem)) == ("RF020", "there is no state 'c'", (4, 27))
    assert problem.hint == "write its path, 'b/c'"


def test_a_mistyped_target_or_initial_state_is_placed_and_mended() -> None:
    """Each name that leads nowhere is a mistake at its place, with the name that was meant."""
    found = problems(
        "first:\n  initial: midle\n  states: {middle: {transitions: {stop: lsat}}}\nlast: {final: ok}", "frist"
    )
    assert [(problem.code, at(problem), problem.hint) for problem in found] == [
        ("RF020", (2, 10), "did you mean 'first'?"),
        ("RF020", (5, 14), "did you mean 'middle'?"),
        ("RF020", (6, 43), "did you mean 'last'?"),
    ]


def test_kinds_are_told_by_the_key_they_bear() -> None:
    """A state's kind follows from its one key; without one it rests."""
    flow = flow_of("a: {do: a.work}\nb: {wait: 1s}\nc: {final: ok}\nd:\ne: {initial: f, states: {f: }}")
    assert [state.kind for state in flow.states.values()] == ["do", "wait", "final", "rest", "states", "rest"]


ROUTES = """
a:
  transitions:
    x: b
    y: {to: b, set: {n: 1}}
    z:
      - {when: vars.n > 1, to: a}
      - {to: b}
b: {final: ok}
"""


def test_routes_are_lists_in_the_order_of_the_file() -> None:
    """A name, a mapping and a list are three ways to write routes; each knows its place."""
    flow = flow_of(ROUTES)
    routes = flow.states["a"].routes
    assert [(route.to, route.when and route.when.text) for route in routes["z"]] == [("a", "vars.n > 1"), ("b", None)]
    assert routes["y"][0].effects[0].set == {"n": 1}
    assert routes["x"][0].position == Position("flow.yaml", 6, 10)


def test_a_guard_may_be_a_plain_truth_value() -> None:
    """`when: true` is a guard that always holds."""
    [route] = flow_of("a: {transitions: {x: {when: true, to: b}}}\nb: {final: ok}").states["a"].routes["x"]
    assert route.when is not None
    assert route.when.holds({}) is True


def test_texts_with_expressions_become_templates_at_any_depth() -> None:
    """An expression within lists and mappings of `with` is found; plain data stays as it is."""
    flow = flow_of("a: {do: a.say, with: {text: {deep: ['{{ run.id }}', plain, 3]}}}")
    template, *rest = flow.states["a"].inputs["text"]["deep"]
    assert isinstance(template, Template)
    assert rest == ["plain", 3]


def test_durations_of_retry_are_seconds() -> None:
    """The parts of `retry` are read, with defaults for those left out."""
    flow = flow_of("a: {do: a.work, retry: {max: 3, interval: 500ms, within: 1m}}")
    assert flow.states["a"].retry == Retry(max=3, interval=0.5, rate=2.0, cap=30.0, within=60.0)


def test_values_of_retry_may_be_expressions() -> None:
    """They are evaluated when the action is tried; what they read has to exist."""
    states = "a: {do: a.work, retry: {max: '{{ inputs.x }}', interval: '{{ inputs.x }}'}, transitions: {done: b}}"
    assert {problem.code for problem in problems(states + "\nb: {final: ok}")} == {"RF031"}


def test_an_activity_is_named_by_its_state_and_its_name() -> None:
    """The key of an activity is unique in the flow."""
    flow = flow_of(
        "a:\n  initial: b\n  states: {b: {activities: {x: {do: s.program}}}}\n  activities: {x: {do: s.program}}"
    )
    assert [activity.key for activity in flow.activities()] == ["a:x", "a/b:x"]


def test_a_flow_with_mistakes_is_not_given_out() -> None:
    """`loaded` gives a flow or raises all mistakes."""
    assert load_flow(SMALL, "f").name == "small"
    with pytest.raises(Problems, match="RF010"):
        load_flow(SMALL + "x: 1\n", "f")


def test_a_flow_that_is_known_to_be_good_loads_the_same() -> None:
    """Leaving the schema out for a text that was found good changes nothing of the flow."""
    content = GO_LIVE.read_bytes()
    quick, full = load(content, "f", known_good=True), load(content, "f")
    assert quick.problems == full.problems == ()
    assert quick.flow is not None
    assert full.flow is not None
    assert list(quick.flow.states) == list(full.flow.states)
    assert quick.flow.digest == full.flow.digest


def test_the_guide_is_the_text_that_was_written() -> None:
    """A version is kept as it is written."""
    assert flow_of("a: {final: ok}", head="guide: '2.10'\n").guide == "2.10"


def test_where_parts_were_lost_is_told() -> None:
    """A state that lost a route or a key is noted, so that the check does not accuse it of what follows from that."""
    answer = load("flow: x\ninitial: a\nstates:\n  a: {transitions: {stop: nope}}\n  b: {x: 1}\n", "f")
    assert answer.damaged == {"a", "b"}

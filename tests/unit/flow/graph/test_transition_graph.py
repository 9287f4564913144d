"""The moves of a flow: what can happen in each state, and where it leads."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from flow_samples import CATALOGUE, flow_of, with_sub

from retake_flow.errors import fault_of
from retake_flow.flow.graph.transition_graph import Move, Moves
from retake_flow.flow.names import matches


def moves(states: str, active: str, initial: str = "a", head: str = "") -> list[Move]:
    """The moves from a state of a flow."""
    return list(Moves(flow_of(states, initial, head), CATALOGUE).of(active))


def spoken(listed: list[Move]) -> set[str]:
    """Moves in short: `done [not g, h] -a +b`."""
    return {_spoken(move) for move in listed}


def _spoken(move: Move) -> str:
    asked = ", ".join(guard.text if held else f"not {guard.text}" for guard, held in move.guards)
    states = [f"-{path}" for path in move.left] + [f"+{path}" for path in move.entered]
    return " ".join([move.occurrence.name or "always", *([f"[{asked}]"] if asked else []), *states])


@pytest.mark.parametrize(
    ("pattern", "event", "answer"),
    [("error", "error.x", True), ("error", "errors", False), ("error.x", "error", False), ("done", "done", True)],
)
def test_a_route_for_error_takes_each_kind(pattern: str, event: str, answer: bool) -> None:
    """A pattern takes the events that begin with it, part by part."""
    assert matches(pattern, event) is answer


def test_a_run_begins_in_the_innermost_initial_state() -> None:
    """The first move enters the initial state and what is first inside it."""
    flow = flow_of("{a: {initial: b, states: {b: {initial: c, states: {c: }}}}}")
    start = Moves(flow, CATALOGUE).start()
    assert (start.source, start.entered, start.target) == ("", ("a", "a/b", "a/b/c"), "a/b/c")


def test_guards_are_possible_both_ways() -> None:
    """Each route is a move of its own, with the guards before it that did not hold."""
    routes = "[{when: result.x, to: b}, {when: result.y, to: c}, {to: d}]"
    found = moves(f"{{a: {{do: a.work, transitions: {{done: {routes}, error: d}}}}, b: , c: , d: }}", "a")
    assert spoken(m for m in found if m.occurrence.name == "done") == {
        "done [result.x] -a +b",
        "done [not result.x, result.y] -a +c",
        "done [not result.x, not result.y] -a +d",
    }


def test_every_error_is_a_move() -> None:
    """The errors that an action declares, and those that any action can have, take the nearest route."""
    found = moves("{a: {do: a.work, transitions: {done: b, error.unavailable: c, error: d}}, b: , c: , d: }", "a")
    errors = {m.occurrence.name: m.target for m in found if m.occurrence.name.startswith("error")}
    assert errors == {
        "error.unavailable": "c",
        **dict.fromkeys(("error.unauthorized", "error.input", "error.expression", "error.internal"), "d"),
        "error.interrupted": "d",
    }


def test_what_nobody_routes_ends_the_run_or_passes() -> None:
    """A stop and an error without a route end the run; other events without one lead nowhere."""
    found = moves("{a: {activities: {p: {do: s.program}}, transitions: {go: b}}, b: }", "a", head="events: [go]\n")
    assert spoken(found) >= {"stop -a", "p.error.internal -a", "go -a +b"}
    assert {m.occurrence.name for m in found if m.route is None} <= {
        "stop", *(f"p.error.{kind}" for kind in ("input", "expression", "internal", "interrupted"))
    }  # fmt: skip
    assert all(not m.target for m in found if m.route is None)


def test_a_state_around_is_asked_after_those_inside() -> None:
    """The routes of the innermost state come first; what all of them refuse goes on to the states around."""
    inner = "c: {do: a.work, transitions: {done: [{when: result.x, to: d}]}}, d: "
    found = moves(f"{{a: {{initial: c, transitions: {{done: e, error: e}}, states: {{{inner}}}}}, e: }}", "a/c")
    assert spoken(m for m in found if m.occurrence.name == "done") == {
        "done [result.x] -a/c +a/d",
        "done [not result.x] -a/c -a +e",
    }


def test_a_timeout_is_the_states_own() -> None:
    """A state inside does not take the timeout of a state around it."""
    inner = "{c: {transitions: {timeout: d}}, d: }"
    found = moves(f"{{a: {{initial: c, timeout: 5s, transitions: {{timeout: b}}, states: {inner}}}, b: }}", "a/c")
    assert spoken(m for m in found if m.occurrence.name == "timeout") == {"timeout -a/c -a +b"}


def test_a_transition_without_target_leaves_nothing() -> None:
    """It is a move after which the same state is active."""
    found = moves("{a: {transitions: {go: {set: {x: 1}}}}}", "a", head="events: [go]\n")
    (move,) = (m for m in found if m.occurrence.name == "go")
    assert (move.left, move.entered, move.target) == ((), (), "a")


def test_a_target_inside_keeps_the_state_unless_it_is_to_be_left() -> None:
    """Going inside does not leave the state that bears the transition, `reenter: true` does."""
    inner = "{b: , c: }"
    found = moves(
        f"{{a: {{initial: b, transitions: {{x: a/c, y: {{to: a/c, reenter: true}}}}, states: {inner}}}}}",
        "a/b",
        head="events: [x, y]\n",
    )
    assert spoken(found) >= {"x -a/b +a/c", "y -a/b -a +a +a/c"}
    kept = {m.occurrence.name: {"a", "a/b"} - {*m.left, *m.entered} for m in found}
    assert (kept["x"], kept["y"]) == ({"a"}, set())


def test_an_unguarded_transition_without_an_event_is_the_only_way() -> None:
    """Nothing else can happen in a state that is left at once."""
    assert spoken(moves("{a: {always: b, transitions: {stop: c}}, b: , c: }", "a")) == {"always -a +b"}
    guarded = moves("{a: {always: {when: vars.x, to: b}, transitions: {stop: c}}, b: , c: }", "a")
    assert spoken(guarded) == {"always [vars.x] -a +b", "stop -a +c"}


def test_history_leads_to_whatever_was_active() -> None:
    """Going to a history state is a move for each state that it can stand for."""
    inner = "{b: , c: {initial: d, states: {d: , e: }}, h: {history: HOW}}"
    outer = f"{{a: {{initial: b, transitions: {{out: x}}, states: {inner}}}, x: {{transitions: {{back: a/h}}}}}}"
    for how, entered in (("shallow", {"a/b", "a/c/d"}), ("deep", {"a/b", "a/c/d", "a/c/e"})):
        found = moves(outer.replace("HOW", how), "x", head="events: [out, back]\n")
        assert {m.target for m in found if m.occurrence.name == "back"} == entered


def test_the_end_of_a_sub_flow_is_an_event_of_its_state() -> None:
    """From a final state of a sub-flow, its outcome is routed around it."""
    sub = "flow: sub\ninitial: s\nstates: {s: {do: a.work, transitions: {done: e, error: e}}, e: {final: over}}\n"
    flow = with_sub("{a: {flow: sub.yaml, transitions: {over: b}}, b: {final: ok}}", sub=sub)
    known = Moves(flow, CATALOGUE)
    assert spoken(list(known.of("a/e"))) == {"over -a/e -a +b"}
    assert known.of("b") == ()


def test_distinct_moves_leave_out_errors_that_go_the_same_way() -> None:
    """One error stands for all that take its route."""
    states = "{a: {do: a.work, transitions: {done: b, error.unavailable: b, error: WAY}}, b: , c: }"
    flow = flow_of(states.replace("WAY", "c"))
    assert spoken(list(Moves(flow, CATALOGUE).distinct("a"))) == {
        "done -a +b", "error.unavailable -a +b", "error.unauthorized -a +c", "stop -a"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("guard", "named"),
    [
        ("event.kind == 'input'", {"input"}),
        ("event.fault == 'operator'", set()),
        ("event.kind == 'in' ~ 'put'", {"input", "expression", "internal", "interrupted"}),
        ("event.kind in ['expression', 'unauthorized'] or event.fault == 'platform'", {"expression", "unauthorized"}),
    ],
)
def test_where_a_guard_looks_at_an_error_each_that_it_can_tell_apart_is_there(guard: str, named: set[str]) -> None:
    """Those whose kinds are named, and of all others one for each fault."""
    states = "{a: {do: a.work, transitions: {done: b, error: [{when: WHEN, to: b}, {to: c}]}}, b: , c: }"
    moves = Moves(flow_of(states.replace("WHEN", f'"{guard}"')), CATALOGUE)
    every, there = (_kinds(listed) for listed in (moves.of("a"), moves.distinct("a")))
    assert named <= there & every
    faults = [fault_of(kind) for kind in there - named]
    assert sorted(faults) == sorted({fault_of(kind) for kind in every - named})


def _kinds(listed: Iterable[Move]) -> set[str]:
    return {move.occurrence.name.removeprefix("error.") for move in listed if matches("error", move.occurrence.name)}

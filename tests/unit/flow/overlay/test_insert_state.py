"""States that are put before or after another without writing the routes of either again."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from flow_samples import GO_LIVE, shelf

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.load.files import Files
from retake_flow.flow.load.load import load, load_flow

BASE = """\
flow: base
initial: a
states:
  a: {do: a.work, transitions: {done: [{when: visits.a < 3, to: b}, {to: d}], error: b, stop: d}}
  b:
    initial: c
    transitions: {beat.error: b, again: b, stop: d}
    states:
      c: {wait: 1s, transitions: {done: {to: e, set: {x: 1}}, timeout: b}}
      e: {do: a.choose, transitions: {left: d, right: c}}
  d: {final: completed}
"""


def merged(states: str, base: str = BASE) -> tuple[Any, list[Problem], Any]:
    """The states of the flow that new states make of the base, what is wrong with them, and the source."""
    files = Files(shelf(base=base))
    source = files.add(f"extends: base.yaml\nstates:\n{states}", "over.yaml")
    return source.data.get("states"), files.problems, source


def put(states: str, base: str = BASE) -> Any:
    """The states when nothing is wrong."""
    found, problems, _ = merged(states, base)
    assert problems == []
    return found


def test_before_leads_every_route_from_outside_through_it() -> None:
    """What is inside the state, and its own routes, stay; what the new one ends with leads there."""
    states = put("  n: {wait: 1s, before: b}")
    assert states["n"] == {"wait": "1s", "transitions": {"done": "b"}}
    assert states["a"]["transitions"]["done"] == [{"when": "visits.a < 3", "to": "n"}, {"to": "d"}]
    assert states["a"]["transitions"]["error"] == "n"
    assert states["b"]["transitions"]["again"] == "b"
    assert states["b"]["states"]["c"]["transitions"]["timeout"] == "b"
    assert list(states) == ["a", "n", "b", "d"]


def test_before_the_first_state_comes_first() -> None:
    """The state to begin with is the new one, of the flow and of a state."""
    _, problems, source = merged("  n: {wait: 1s, before: a}\n  b/m: {wait: 1s, before: c}")
    assert problems == []
    assert source.data["initial"] == "n"
    inner = source.data["states"]["b"]
    assert (inner["initial"], inner["states"]["e"]["transitions"]["right"]) == ("m", "m")
    assert inner["states"]["m"]["transitions"] == {"done": "c"}


def test_its_own_routes_stay() -> None:
    """What it routes itself is not written over, also when it leads to that state."""
    states = put("  n: {do: a.work, before: b, transitions: {done: d, error: b}}")
    assert states["n"]["transitions"] == {"done": "d", "error": "b"}


def test_several_before_one_state_come_in_the_order_written() -> None:
    """The one that is written last stands nearest to it."""
    states = put("  n: {wait: 1s, before: b}\n  m: {wait: 2s, before: b}")
    assert states["a"]["transitions"]["error"] == "n"
    assert (states["n"]["transitions"]["done"], states["m"]["transitions"]["done"]) == ("m", "b")


def test_after_takes_over_where_the_state_led() -> None:
    """A plain route keeps what it sets; the new state leads where it led."""
    states = put("  b/n: {wait: 1s, after: c}")["b"]["states"]
    assert states["c"]["transitions"]["done"] == {"to": "n", "set": {"x": 1}}
    assert states["n"]["transitions"] == {"done": "e"}
    assert list(states) == ["c", "n", "e"]


def test_after_takes_guards_along() -> None:
    """Guards that do not look at the event are as true later."""
    states = put("  n: {wait: 1s, after: a}")
    assert states["a"]["transitions"]["done"] == "n"
    assert states["n"]["transitions"]["done"] == [{"when": "visits.a < 3", "to": "b"}, {"to": "d"}]


def test_after_an_event_that_is_named() -> None:
    """Of a state that ends in several ways."""
    states = put("  b/n: {wait: 1s, after: {state: e, on: left}}")["b"]["states"]
    assert states["e"]["transitions"] == {"left": "n", "right": "c"}
    assert states["n"]["transitions"] == {"done": "d"}


def test_a_question_goes_on_with_the_one_answer_that_it_does_not_route() -> None:
    """Without decisions that is `answered`."""
    ask = "ask: {message: x, decisions: {yes: , no: }}"
    states = put(f"  n: {{before: b, {ask}, transitions: {{no: d}}}}")
    assert states["n"]["transitions"] == {"no": "d", "yes": "b"}
    assert put("  n: {before: b, ask: {message: x}}")["n"]["transitions"] == {"answered": "b"}


def test_targets_that_were_led_elsewhere_point_to_the_word_that_did_it() -> None:
    """A mistake that follows from it is told there."""
    _, _, source = merged("  n:\n    wait: 1s\n    before: b")
    where = ("states", "a", "transitions", "error")
    assert source.value(where) == source.origin(where) == Position("over.yaml", 5, 13)
    assert source.value(("states", "n", "transitions", "done")) == Position("over.yaml", 5, 13)


@pytest.mark.parametrize(
    ("states", "code", "words", "hint"),
    [
        ("  n: {wait: 1s, before: q}", "RF023", "there is no state 'q' beside 'n'", "there are: a, b, d"),
        ("  n: {wait: 1s, before: c}", "RF023", "there is no state 'c' beside 'n'", ""),
        ("  n: {wait: 1s, before: n}", "RF023", "there is no state 'n' beside 'n'", ""),
        ("  n: {wait: 1s, before: [b]}", "RF014", "'before' takes the name of a state", ""),
        ("  n: {wait: 1s, after: {state: a, at: done}}", "RF014", "or {state: NAME, on: EVENT}", ""),
        ("  n: {wait: 1s, before: b, after: a}", "RF025", "cannot be both", ""),
        ("  a: {before: b}", "RF025", "is in base.yaml already", "only a new state is inserted"),
        ("  b/n: {wait: 1s, after: e}", "RF025", "the continuing event of 'b/e' is not clear",
         "write `after: {state: e, on: EVENT}`, where EVENT is one of: left, right"),
        ("  n: {wait: 1s, after: {state: a, on: nope}}", "RF025", "the state 'a' has no transition on 'nope'", ""),
        ("  n: {before: b, ask: {message: x, decisions: {yes: , no: }}}", "RF025",
         "several answers to 'n' could be its continuing event: yes, no", "give all of them but one a transition"),
        ("  n: {before: b, flow: x.yaml}", "RF025", "'n' has no transition that leads to 'b'", "give it one that does"),
        ("  n: {before: b, final: ok}", "RF025", "'n' has no transition that leads to 'b'", ""),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused(states: str, code: str, words: str, hint: str) -> None:
    """With what to write instead; the flow is as it was."""
    found, problems, _ = merged(states)
    assert [problem.code for problem in problems] == [code]
    assert words in problems[0].message
    assert hint in problems[0].hint
    assert found["a"]["transitions"]["error"] == "b"


def test_guards_that_look_at_the_result_are_not_moved() -> None:
    """The new state would have another result."""
    base = BASE.replace("visits.a < 3", "result.ok")
    _, problems, _ = merged("  n: {wait: 1s, after: a}", base)
    assert [(problem.code, str(problem.position)) for problem in problems] == [("RF025", "over.yaml:3:24")]
    assert "the target of 'a' on 'done' depends on 'result'" in problems[0].message


def test_a_text_is_no_guard() -> None:
    """One that happens to be the name of a value is moved like any other."""
    base = BASE.replace("to: b}, {to: d}]", "to: b, set: {x: result, y: event}}, {to: d}]")
    assert put("  n: {wait: 1s, after: a}", base)["a"]["transitions"]["done"] == "n"


def test_many_states_are_put_in_soon_and_no_more_than_many() -> None:
    """A hundred in a flow of a thousand; one more is refused."""
    many = "".join(f"  s{n}: {{wait: 1s, transitions: {{done: s{n + 1}}}}}\n" for n in range(1000))
    base = f"flow: x\ninitial: s0\nstates:\n{many}  s1000: {{final: ok}}\n"
    began = process_time()
    _, problems, _ = merged("".join(f"  n{n}: {{wait: 1s, before: s{n}}}\n" for n in range(1, 102)), base)
    assert process_time() - began < 10
    assert [problem.code for problem in problems] == ["RF025"]


def test_an_approval_before_going_live() -> None:
    """In the shipped flow: asked whichever way the agent came to be verified and when it begins anew, not on air."""
    text = """\
extends: go-live.yaml
states:
  approve:
    before: broadcast
    ask: {message: Go live, decisions: {allow: , refuse: }, timeout: 1d}
    transitions: {refuse: not_live, timeout: not_live}
"""
    assert check(load(text, str(GO_LIVE.parent / "over.yaml")), CATALOGUE) == ()
    flow = load_flow(text, str(GO_LIVE.parent / "over.yaml"))
    targets = {
        (state.path, event, route.to)
        for state in flow.states.values()
        for event, routes in state.routes.items()
        for route in routes
        if route.to in ("approve", "broadcast")
    }
    assert targets == {
        ("verification", "done", "approve"),
        ("prove_human", "verified", "approve"),
        ("approve", "allow", "broadcast"),
        ("broadcast/recovering", "done", "broadcast"),
        ("trouble", "again", "approve"),
        ("trouble", "timeout", "approve"),
    }


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ("  n: {wait: 1s, before: bb}", "RF023"),
        ("  n: {ask: {message: x, decisions: {yes: , no: }}, before: b}", "RF025"),
        ("  n: {wait: 1s, before: b, after: a}", "RF025"),
        ("  n: {wait: 1s, after: 3}", "RF014"),
    ],
)
def test_a_state_that_could_not_be_put_in_has_no_other_mistake(states: str, code: str) -> None:
    """Neither that nothing leads to it nor that it leads nowhere; through another overlay on top neither."""
    base = (
        "flow: base\ninitial: a\nstates: {a: {wait: 1s, transitions: {done: b}}, b: {wait: 1s, transitions: {done: d}},"
    )
    base += " d: {final: completed}}"
    over = f"extends: base.yaml\nstates:\n{states}"
    assert check(load(base, "base.yaml"), CATALOGUE) == ()
    find = shelf(base=base, over=over)
    assert [problem.code for problem in check(load(over, "over.yaml", find=find), CATALOGUE)] == [code]
    top = load("extends: over.yaml\ndescription: x\nstates: {d: {final: ok}}", "top.yaml", find=find)
    assert [problem.code for problem in check(top, CATALOGUE)] == [code]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ("  n: {wait: 1s, before: b/c}", "RF023"),  # not beside it, although there is such a state
        ("  n: {wait: 1s, after: b/e}", "RF023"),
        ("  n: {wait: 1s, before: b, transitions: required}", ""),  # which the schema says
        ("  n: {wait: 1s, before: b, transitions: [1]}", ""),
        ("  '': {wait: 1s, before: b}", ""),
        ("  n: {ask: '.nan', before: b, transitions: required}", ""),
    ],
)
def test_what_is_no_mapping_or_not_beside_it_is_a_mistake_and_no_more(states: str, code: str) -> None:
    """Whatever stands where a name or routes should is told, by the insertion or by the schema."""
    _, problems, _ = merged(states)
    assert {problem.code for problem in problems} == ({code} if code else set())
    assert check(load(f"extends: base.yaml\nstates:\n{states}", "over.yaml", find=shelf(base=BASE)), CATALOGUE)

"""Which states a rule holds over."""

from __future__ import annotations

import pytest
from flow_samples import CATALOGUE, GO_LIVE, flow_of

from retake_flow.actions.registry import CATALOGUE as ACTIONS
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.rules.check import rules_of, subjects
from retake_flow.flow.rules.model import Condition, Rule, Term

AT = Position("rules.yaml", 1, 1)
FLOW = flow_of(
    "a: {do: a.say, with: {text: hello}, transitions: {done: b}}\n"
    "b: {initial: c, activities: {p: {do: s.program}, q: {ask: {message: m}}},"
    " states: {c: {do: a.say, with: {text: '{{ run.id }}'}}}}\nz: {final: ok}"
)


def over(term: Term) -> list[str]:
    """The states that a rule about this holds over."""
    return list(subjects(FLOW, [Rule("r", "own", "so", AT, offends=(term,))], CATALOGUE))


@pytest.mark.parametrize(
    ("term", "states"),
    [
        (Term("begins", "a.say", AT), ["a", "b/c"]),
        (Term("begins", "s.program", AT), ["b"]),
        (Term("begins", "a.work", AT), []),
        (Term("enters", "b/c", AT), ["b/c"]),
        (Term("leaves", "c", AT), ["b/c"]),
        (Term("takes", "c", AT), []),
        (Term("begins", "a.say", AT, inputs={"text": "hello"}), ["a", "b/c"]),
        (Term("begins", "a.say", AT, inputs={"text": "other"}), ["b/c"]),
        (Term("begins", "a.say", AT, inputs={"times": 1}), ["a", "b/c"]),
        (Term("begins", "a.say", AT, inputs={"times": 2}), []),
        (Term("holds", "", AT, during=(Condition(runs="s.program"),)), ["b"]),
        (Term("holds", "", AT, during=(Condition(inside="b/c"),)), ["b/c"]),
        (Term("holds", "", AT, during=(Condition(inside="c"),)), ["b/c"]),
        (Term("holds", "", AT, during=(Condition(rests=10.0),)), []),
    ],
)
def test_a_rule_holds_over_states_that_do_what_it_is_about(term: Term, states: list[str]) -> None:
    """Themselves or by an activity; what a template makes of an input may be what the rule names."""
    assert over(term) == states


def test_what_only_allows_something_is_no_subject() -> None:
    """A rule holds over what must not happen, not over what has to come before."""
    rule = Rule("r", "own", "so", AT, offends=(Term("begins", "s.program", AT),), allows=(Term("done", "a.say", AT),))
    assert subjects(FLOW, [rule], CATALOGUE) == {"b": ("r",)}


def test_the_rules_of_the_platform_hold_over_go_live() -> None:
    """Each rule but the one about the end of the run has a state there."""
    flow = load_flow(GO_LIVE.read_text(encoding="utf-8"), str(GO_LIVE))
    rules = rules_of(flow, ACTIONS)
    found = subjects(flow, rules, ACTIONS)
    assert {rule.name for rule in rules} - {name for names in found.values() for name in names} == {"session_stopped"}
    assert found["broadcast/session"] == ("verified_first", "key_before_start")

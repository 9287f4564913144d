"""Finds the states that each rule applies to: those that do what the rule restricts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retake_flow.flow.action_spec import Catalogue, names_of
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.model import Flow, State, performers
from retake_flow.flow.rules import load
from retake_flow.flow.rules.model import Rule, Term


def rules_of(flow: Flow, catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules for a flow: the platform's, and its own if they can be read."""
    own = (read.rules for read in load.own(flow, catalogue) if read.rules is not None)
    return tuple(rule for rules in (load.platform(catalogue), *own) for rule in rules.rules)


def subjects(flow: Flow, rules: Iterable[Rule]) -> Mapping[str, tuple[str, ...]]:
    """The names of the rules that apply to each state, by path; states without rules are left out."""
    rules = tuple(rules)
    held = {
        state.path: tuple(rule.name for rule in rules if any(_concerns(term, state, flow) for term in rule.offends))
        for state in flow.states.values()
    }
    return {path: names for path, names in held.items() if names}


def _concerns(term: Term, state: State, flow: Flow) -> bool:
    """Whether a state does what a term names, or has the activity that makes its conditions hold."""
    if term.name:
        named = (each for doing in performers(state) for each in names_of(flow, doing.do, doing.inputs))
        return term.name == state.path or any(name == term.name and _may_fit(term, inputs) for name, inputs in named)
    runs = {condition.runs for condition in term.during if condition.runs}
    running = (each for activity in state.activities.values() for each in names_of(flow, activity.do, {}))
    return any(name in runs for name, _ in running) or any(condition.inside == state.path for condition in term.during)


def _may_fit(term: Term, inputs: Mapping[str, Any]) -> bool:
    """Whether an action may get the inputs in a term; the value of a template is unknown."""
    return all(
        isinstance(inputs.get(key), Expression) or inputs.get(key) == value for key, value in term.inputs.items()
    )

"""Matches what happens in a flow with the terms of a rule, and follows the rule along a path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retake_flow.flow import duration
from retake_flow.flow.action_spec import ActionSpec, Catalogue, names_of
from retake_flow.flow.expressions.expression import templates
from retake_flow.flow.expressions.guards import Literal, literals
from retake_flow.flow.graph.transition_graph import Moves
from retake_flow.flow.model import ActionState, Flow, QuestionState, RestingState, State, WaitState, time_limits
from retake_flow.flow.names import is_called, matches
from retake_flow.flow.rules.model import Condition, Rule, Term
from retake_flow.flow.rules.propositions import SOMEHOW, UNWELL, Fact

#: Verbs of facts that are matched by a part of a name, or without one.
_BY_PART = ("enters", "leaves", "takes", "settles")
#: The verdict of a rule on a fact that it does not name.
NOTHING = (False, False, False)


class Reader:
    """Tells which parts of a flow a rule means."""

    def __init__(self, flow: Flow, moves: Moves, catalogue: Catalogue) -> None:
        self._flow = flow
        self._moves = moves
        self._catalogue = catalogue
        self._held: dict[tuple[Condition, str], bool] = {}

    def among(self, fact: Fact, terms: Iterable[Term], *, sure: bool) -> bool:
        """Whether a fact matches a term: certainly, or else possibly."""
        return any(self._is(fact, term, sure) for term in terms)

    def _is(self, fact: Fact, term: Term, sure: bool) -> bool:
        if not _same_verb(fact, term, sure):
            return False
        if term.name and term.name != fact.name and not _matches_name(fact.name, term):
            return False
        if term.outcome and not _matches_outcome(fact.outcome, term.outcome, sure):
            return False
        if term.where is not None and not _is_certain(fact.known, term.where.text, sure):
            return False
        if not matches_inputs(fact.inputs, term, self._catalogue.get(fact.name), sure=sure):
            return False
        return self._conditions_hold(fact, term)

    def _conditions_hold(self, fact: Fact, term: Term) -> bool:
        """Whether the conditions of a term are met at that moment."""
        if term.during and not any(self.holds(condition, fact.at) for condition in term.during):
            return False
        return not any(self.holds(condition, fact.at) for condition in term.unless)

    def holds(self, condition: Condition, at: str) -> bool:
        """Whether a condition holds while a state is the innermost active one."""
        key = (condition, at)
        if key not in self._held:
            self._held[key] = self._holds(condition, at)
        return self._held[key]

    def _holds(self, condition: Condition, at: str) -> bool:
        around = list(self._flow.around(at))
        if condition.runs and not any(self._runs(state, condition.runs) for state in around):
            return False
        if condition.inside and not any(is_called(state.path, condition.inside) for state in around):
            return False
        return condition.rests is None or (bool(around) and self._rests(around[0]) > condition.rests)

    def _runs(self, state: State, action: str) -> bool:
        for activity in state.activities.values():
            spec = self._catalogue.get(activity.do)
            running = activity.every is not None or (spec is not None and spec.service)
            if running and action in dict(names_of(self._flow, activity.do, {})):
                return True
        return False

    def _rests(self, state: State) -> float:
        """The longest time that a run may only wait in a state."""
        if isinstance(state, ActionState):
            over = (route for each in self._moves.own(state) for route, _ in self._moves.takers(state.path, each))
            return float("inf") if any(not route.to for route in over) else 0.0
        if not isinstance(state, RestingState | WaitState | QuestionState):
            return 0.0
        limits = (*time_limits(state), *([state.wait] if isinstance(state, WaitState) else []))
        return min(map(_seconds, limits), default=float("inf"))


class Monitor:
    """Follows one rule along a path: whether what it forbids is currently allowed."""

    def __init__(self, rule: Rule, reader: Reader) -> None:
        self.rule = rule
        self._reader = reader
        self._known: dict[Fact, tuple[bool, bool, bool]] = {}
        self._names = {term.name for term in rule.terms}

    def verdict(self, fact: Fact) -> tuple[bool, bool, bool]:
        """Whether a fact is forbidden, forbids from then on, or allows from then on."""
        if fact.name not in self._names and fact.verb not in _BY_PART:
            return NOTHING
        if fact not in self._known:
            self._known[fact] = self._verdict_of(fact)
        return self._known[fact]

    def follow(self, facts: Iterable[Fact], allowed: bool) -> bool | Fact:
        """Whether it is allowed after some facts, or the fact that breaks the rule."""
        for fact in facts:
            offends, forbids, allows = self.verdict(fact)
            if offends and not allowed:
                return fact
            allowed = allows or (allowed and not forbids)
        return allowed

    def _verdict_of(self, fact: Fact) -> tuple[bool, bool, bool]:
        rule, among = self.rule, self._reader.among
        # The outcome of an earlier action says nothing about what has happened since.
        old = bool(rule.forbids) and fact.verb == "shows"
        allows = not old and among(fact, rule.allows, sure=True)
        return among(fact, rule.offends, sure=False), among(fact, rule.forbids, sure=False), allows


def matches_inputs(inputs: Mapping[str, Any], term: Term, spec: ActionSpec | None, *, sure: bool) -> bool:
    """Whether an action has the inputs in a term: certainly, or else possibly, as what a template gives is unknown."""
    for key, wanted in term.inputs.items():
        given = inputs.get(key, spec.inputs.get(key, {}).get("default") if spec else None)
        if sure if templates(given) else given != wanted:
            return False
    return True


def _matches_name(name: str, term: Term) -> bool:
    """Whether a name means a state by the end of its path, or an event by the beginning of its name."""
    if term.verb == "takes":
        return matches(term.name, name)
    return term.verb in ("enters", "leaves") and is_called(name, term.name)


def _same_verb(fact: Fact, term: Term, sure: bool) -> bool:
    if term.verb == "done":
        if fact.verb == "shows":
            return sure and term.where is not None
        return fact.verb == "ends" and fact.outcome.partition(".")[0] not in UNWELL
    if term.verb == "holds":
        return fact.verb == "settles"
    return fact.verb == term.verb


def _matches_outcome(outcome: str, wanted: str, sure: bool) -> bool:
    return outcome == wanted or outcome.startswith(wanted + ".") or (outcome == SOMEHOW and not sure)


def _is_certain(known: frozenset[Literal], where: str, sure: bool) -> bool:
    wanted = literals(where, held=True)
    return wanted <= known if sure else not any((said, not held) in known for said, held in wanted)


def _seconds(written: Any) -> float:
    try:
        return duration.seconds(written)
    except (ValueError, TypeError):
        return float("inf")  # given by an expression

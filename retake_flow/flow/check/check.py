"""Checks a flow before it runs: names, actions, expressions, routes, times and secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.check import action_usage, asks, reachability, routing, secrets, timing, undefined_names
from retake_flow.flow.check.attribution import attribute
from retake_flow.flow.check.dataflow import undefined_values
from retake_flow.flow.check.dataflow.analysis import Walk
from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.dataflow.undefined_values import Sight, lookup
from retake_flow.flow.check.references import all_expressions
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.expressions.expression import Expression, Template
from retake_flow.flow.expressions.type_inference import (
    BOOLEAN,
    Typed,
    Types,
    compares_number_with_text,
    describe_types,
    types,
)
from retake_flow.flow.graph.transition_graph import Moves
from retake_flow.flow.load.load import Loaded
from retake_flow.flow.model import CompositeState, Flow, HistoryState


def check(loaded: Loaded, catalogue: Catalogue) -> tuple[Problem, ...]:
    """All problems of a flow in line order: those from loading it and those found here."""
    return tuple(
        sorted(attribute(_all_problems(loaded, catalogue), loaded, partial(_all_problems, catalogue=catalogue)))
    )


def _all_problems(loaded: Loaded, catalogue: Catalogue) -> set[Problem]:
    found = set(loaded.problems)
    if loaded.flow is not None:
        found.update(_problems_of_flow(loaded.flow, loaded.damaged, catalogue))
    explained = {f"there is no action {name!r}" for name in loaded.unusable}
    return {problem for problem in found if problem.message not in explained}


def _problems_of_flow(flow: Flow, damaged: frozenset[str], catalogue: Catalogue) -> Iterator[Problem]:
    catalogue = with_own(flow, catalogue)
    moves, declarations = Moves.of_flow(flow, catalogue), Declarations(flow, catalogue)
    whole = all(path in flow.states for path in (flow.initial, *_initials(flow)))
    misnamed = list(undefined_names.problems(flow, declarations))
    yield from misnamed
    seen: Mapping[Expression, Sight] = {}
    if whole:
        partly = bool(damaged) or any(doing.do not in catalogue for doing in flow.performers())
        walk = Walk(flow, moves, declarations, guessing=partly)
        reported = {problem.position for problem in misnamed}
        seen = {each: sight for each, sight in undefined_values.sights(walk).items() if each.position not in reported}
        yield from undefined_values.problems(walk, seen, declarations)
    typed = partial(_types_of, seen, declarations)
    yield from action_usage.problems(flow, catalogue, typed)
    yield from asks.problems(flow)
    yield from routing.problems(flow, moves, catalogue, damaged, whole)
    if whole:
        yield from reachability.endless_cycles(flow, moves)
    yield from timing.problems(flow, catalogue, declarations, typed)
    yield from secrets.problems(flow, catalogue, declarations, seen)
    yield from _conditions(flow, typed)
    yield from _comparisons(flow, seen, declarations)


def _initials(flow: Flow) -> Iterator[str]:
    for state in flow.states.values():
        if isinstance(state, CompositeState | HistoryState) and state.initial:
            yield state.initial


def _types_of(seen: Mapping[Expression, Sight], declarations: Declarations, expression: Expression) -> Types:
    """The types that an expression can give at its place; None when unknown."""
    sight = seen.get(expression)
    return types(expression, partial(lookup, sight, declarations)) if sight is not None else None


def _conditions(flow: Flow, typed: Typed) -> Iterator[Problem]:
    """Conditions that give something other than true or false."""
    for _, expression in all_expressions(flow):
        given = typed(expression) if not isinstance(expression, Template) else None
        if given is not None and given - BOOLEAN:
            message = (
                f"the condition `{expression.text}` can give {describe_types(given - BOOLEAN)}, not only true or false"
            )
            hint = "compare it with something, such as `… > 0` or `… is not none`"
            yield Problem(expression.position, "RF035", message, hint)


def _comparisons(flow: Flow, seen: Mapping[Expression, Sight], declarations: Declarations) -> Iterator[Problem]:
    """Conditions that compare values that are never equal."""
    for _, expression in all_expressions(flow):
        sight = seen.get(expression)
        if sight is None or isinstance(expression, Template):
            continue
        if compares_number_with_text(expression, partial(lookup, sight, declarations)):
            message = f"the condition `{expression.text}` compares a number with a text"
            yield Problem(expression.position, "RF043", message, "write numbers without quotes, `== 0`")

"""Checks a flow before it runs, and attributes each problem to the file at fault: an overlay, or what it extends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.check import action_usage, asks, reachability, routing, secrets, timing, undefined_names
from retake_flow.flow.check.dataflow import undefined_values
from retake_flow.flow.check.dataflow.analysis import Walk
from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.dataflow.undefined_values import Evaluation, lookup
from retake_flow.flow.check.references import all_expressions
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.expressions.expression import Expression, Template
from retake_flow.flow.expressions.type_inference import (
    BOOLEAN,
    Types,
    compares_number_with_text,
    describe_types,
    types,
)
from retake_flow.flow.graph.transition_graph import Moves
from retake_flow.flow.load.load import Extension, Loaded
from retake_flow.flow.model import CompositeState, Flow, HistoryState
from retake_flow.flow.text.tree import Path, path_of


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
    seen: Mapping[Expression, Evaluation] = {}
    if whole:
        partly = bool(damaged) or any(doing.do not in catalogue for doing in flow.performers())
        walk = Walk(flow, moves, declarations, guessing=partly)
        reported = {problem.position for problem in misnamed}
        found = undefined_values.evaluations(walk).items()
        seen = {each: evaluation for each, evaluation in found if each.position not in reported}
        yield from undefined_values.problems(walk, seen, declarations)
    typed = partial(_types_of, seen, declarations)
    yield from action_usage.problems(flow, catalogue, typed)
    yield from asks.problems(flow)
    yield from routing.problems(flow, moves, catalogue, damaged, whole)
    if whole:
        yield from reachability.endless_cycles(flow, moves)
    yield from timing.problems(flow, catalogue, declarations, typed)
    yield from secrets.problems(flow, catalogue, declarations, seen)
    yield from _conditions(flow, seen, declarations)


def _initials(flow: Flow) -> Iterator[str]:
    for state in flow.states.values():
        if isinstance(state, CompositeState | HistoryState) and state.initial:
            yield state.initial


def _types_of(seen: Mapping[Expression, Evaluation], declarations: Declarations, expression: Expression) -> Types:
    """The types that an expression can give at its place; None when unknown."""
    evaluation = seen.get(expression)
    return types(expression, partial(lookup, evaluation, declarations)) if evaluation is not None else None


def _conditions(flow: Flow, seen: Mapping[Expression, Evaluation], declarations: Declarations) -> Iterator[Problem]:
    """Conditions that give something other than true or false, or compare values that are never equal."""
    for _, condition in all_expressions(flow):
        evaluation = seen.get(condition)
        if evaluation is None or isinstance(condition, Template):
            continue
        declared = partial(lookup, evaluation, declarations)
        if other := (types(condition, declared) or BOOLEAN) - BOOLEAN:
            message = f"the condition `{condition.text}` can give {describe_types(other)}, not only true or false"
            hint = "compare it with something, such as `… > 0` or `… is not none`"
            yield Problem(condition.position, "RF035", message, hint)
        if compares_number_with_text(condition, declared):
            message = f"the condition `{condition.text}` compares a number with a text"
            yield Problem(condition.position, "RF043", message, "write numbers without quotes, `== 0`")


_UNKNOWN = re.compile(r"'(inputs|outputs)\.(\w+)")
#: The keys that an overlay changes piece by piece, and those that only describe the overlay itself.
_HOLDERS = ("states", "activities", "inputs")
_IDENTITY = ("flow", "version", "description")


def attribute(found: set[Problem], loaded: Loaded, check: Callable[[Loaded], set[Problem]]) -> set[Problem]:
    """Problems, each attributed to the file at fault.

    A problem that the extended flow has by itself is reported there. A problem that exists only because of an overlay's
    change is reported in the overlay.

    `check` finds the problems of a flow, each at its place in the text.
    """
    extension = loaded.extension
    if extension is None:
        return found
    files = extension.files
    theirs = {problem for problem in found if problem.position.file in files}
    if not theirs:
        return found
    base = extension.base()
    old = theirs & check(base)
    source = extension.source
    paths = {at: path for path, node in source.tree.walk() for at in (node.at, node.key)}
    touched = _changed_places(extension)
    moved = {_reattribute(problem, extension, touched, paths.get(problem.position, ())) for problem in theirs - old}
    return (found - theirs) | moved | attribute(old, base, check)


def _changed_places(extension: Extension) -> dict[Path, Position]:
    """What an overlay changes, adds or removes, and where; of nested changes, the innermost."""
    source, file = extension.source, extension.at.file
    changed = {path: node.key for path, node in source.tree.walk() if node.key.file == file and _counts(path)}
    every = changed | source.removed
    around = {path[:length] for path in every for length in range(len(path))}
    return {path: at for path, at in every.items() if path not in around}


def _counts(path: Path) -> bool:
    if len(path) == 1:
        return path[0] not in (*_HOLDERS, *_IDENTITY)
    return len(path) > 1 and path[-2] in _HOLDERS


def _reattribute(problem: Problem, extension: Extension, touched: dict[Path, Position], path: Path) -> Problem:
    """A problem at a path, moved to the overlay.

    It moves to where the overlay removes the missing name, changes the state, activity or input around the path, or is
    the only possible reason; else to where the overlay names the flow that it extends.
    """
    reasons = (
        _removal_places(problem, extension),
        _changes_around(extension, path),
        set(touched.values()),
        _changes_on_path(problem, touched),
    )
    at = next((next(iter(places)) for places in reasons if len(places) == 1), extension.at)
    return replace(problem, position=at, message=f"{problem.message} ({problem.position})")


def _removal_places(problem: Problem, extension: Extension) -> set[Position]:
    """Where the overlay removes an input or a state that an expression still names."""
    unknown = _UNKNOWN.search(problem.message) if problem.code == "RF031" else None
    if unknown is None:
        return set()
    end = ("states" if unknown[1] == "outputs" else "inputs", unknown[2])
    return {at for path, at in extension.source.removed.items() if path[-2:] == end}


def _changes_around(extension: Extension, path: Path) -> set[Position]:
    """Where the overlay changes the innermost state, activity or input around a path."""
    for length in range(len(path), 1, -1):
        key = extension.source.key(path[:length])
        if path[length - 2] in _HOLDERS and key.file == extension.at.file:
            return {key}
    return set()


def _changes_on_path(problem: Problem, touched: dict[Path, Position]) -> set[Position]:
    """Where the overlay changes states that a run enters before it breaks a rule."""
    entered = {path_of(state) for move in problem.path for state in move["entered"]}
    return {at for path, at in touched.items() if path in entered or _scope(path) in entered}


def _scope(path: Path) -> Path:
    """The path in the file of the state whose activity is at a path."""
    return path[:-2] if path[-2:-1] == ("activities",) else ()

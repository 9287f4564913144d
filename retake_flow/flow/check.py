"""All that can be said about a flow before it runs: names, actions, expressions, routes, reachability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow.errors import ExpressionError
from retake_flow.flow import outline
from retake_flow.flow.catalogue import ActionSpec, Catalogue
from retake_flow.flow.expressions import Expression, templates
from retake_flow.flow.fields import flaw, mismatch
from retake_flow.flow.load import Loaded
from retake_flow.flow.model import Activity, Flow, State
from retake_flow.flow.problems import Position, Problem, did_you_mean


def check(loaded: Loaded, catalogue: Catalogue) -> tuple[Problem, ...]:
    """All problems of a flow in the order of its lines: those of loading it, and those found here."""
    found = set(loaded.problems)
    if loaded.flow is not None:
        flow, damaged = loaded.flow, loaded.damaged
        found.update(_inputs(flow))
        found.update(_expressions(flow))
        found.update(_actions(flow, catalogue))
        found.update(outline.problems(flow, catalogue, damaged))
    return tuple(sorted(found))


# --- inputs and literals ------------------------------------------------------------------------------------


def _inputs(flow: Flow) -> Iterator[Problem]:
    for given in flow.inputs.values():
        said = flaw(given.schema)
        if said:
            yield Problem(given.position, "RF044", f"the input {given.name!r} {said}")
        elif "default" in given.schema:
            said = mismatch(given.schema["default"], given.schema)
            if said:
                yield Problem(given.position, "RF044", f"the default of the input {given.name!r} {said}")


# --- expressions --------------------------------------------------------------------------------------------


def expressions(flow: Flow) -> Iterator[Expression]:
    """Every expression of a flow."""
    for state in flow.states.values():
        yield from templates((state.inputs, state.wait, state.reason, state.timeout, state.set))
        if state.undo:
            yield from templates(state.undo.inputs)
        if state.poll:
            yield from templates((state.poll.every, state.poll.delay, state.poll.timeout, state.poll.until))
        for routes in state.routes.values():
            yield from templates([route.set for route in routes])
            yield from (route.when for route in routes if route.when is not None)
        for activity in state.activities.values():
            yield from templates((activity.inputs, activity.every, activity.quiet, activity.delay))
            yield from (condition for _, condition in activity.raises)


def _expressions(flow: Flow) -> Iterator[Problem]:
    activities = {activity.name for activity in flow.activities()}
    states = Counter(state.name for state in flow.states.values())
    shared = {name for name, times in states.items() if times > 1}
    known: dict[str, Iterable[str]] = {
        "inputs": flow.inputs,
        "outputs": states,
        "visits": states,
        "activities": activities,
        "vars": _variables(flow),
        "run": ("id", "state"),
        "event": ("name", "kind", "message", "reason"),
    }
    for expression in expressions(flow):
        try:
            names = expression.names()
        except ExpressionError as error:
            yield Problem(expression.position, "RF030", error.message, error.hint)
            continue
        for chain in sorted(names):
            yield from _name(chain, expression.position, known)
            yield from _shared(chain, expression.position, shared)


def _shared(chain: tuple[str, ...], position: Position, shared: set[str]) -> Iterator[Problem]:
    if chain[0] in ("outputs", "visits") and chain[1:] and chain[1] in shared:
        message = f"several states are called {chain[1]!r}, so {'.'.join(chain[:2])!r} could be any of them"
        yield Problem(position, "RF033", message, "give the one that is meant a name of its own")


def _name(chain: tuple[str, ...], position: Position, known: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    root, rest = chain[0], chain[1:]
    if root in known and rest and rest[0] not in known[root]:
        hint = did_you_mean(rest[0], known[root])
        yield Problem(position, "RF031", f"there is nothing called {'.'.join(chain[:2])!r}", hint)


def _variables(flow: Flow) -> set[str]:
    names: set[str] = set()
    for state in flow.states.values():
        names.update(state.set)
        for routes in state.routes.values():
            for route in routes:
                names.update(route.set)
    return names


# --- actions ------------------------------------------------------------------------------------------------


def _actions(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    for state in flow.states.values():
        if state.do:
            yield from _use(state.do, state.inputs, state.position, catalogue)
            if state.do in catalogue and catalogue[state.do].service:
                message = f"{state.do!r} goes on until it is stopped, so it is an activity, not what a state does"
                yield Problem(state.position, "RF045", message, "put it under `activities:` of a state")
        if state.undo:
            yield from _use(state.undo.do, state.undo.inputs, state.position, catalogue)
        yield from _needs(flow, state, catalogue)
        for activity in state.activities.values():
            yield from _use(activity.do, activity.inputs, activity.position, catalogue)
            spec = catalogue.get(activity.do)
            if spec and spec.service and activity.every is not None:
                message = f"{activity.do!r} goes on by itself; it cannot be repeated `every` so often"
                yield Problem(activity.position, "RF045", message)


def _use(name: str, inputs: Mapping[str, Any], position: Position, catalogue: Catalogue) -> Iterator[Problem]:
    spec = catalogue.get(name)
    if spec is None:
        hint = did_you_mean(name, catalogue, "`retake-flow actions` lists them")
        yield Problem(position, "RF040", f"there is no action {name!r}", hint)
        return
    for key, value in inputs.items():
        yield from _input(spec, key, value, position)
    for key in spec.required:
        if key not in inputs:
            yield Problem(
                position, "RF042", f"the action {name!r} needs the input {key!r}", f"add it under `with: {{{key}: …}}`"
            )


def _input(spec: ActionSpec, key: str, value: Any, position: Position) -> Iterator[Problem]:
    if key not in spec.inputs:
        hint = did_you_mean(key, spec.inputs)
        yield Problem(position, "RF041", f"the action {spec.name!r} has no input {key!r}", hint)
    elif not any(templates(value)):
        said = mismatch(value, spec.inputs[key])
        if said:
            yield Problem(position, "RF043", f"the input {key!r} of {spec.name!r} {said}")


def _needs(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    wanting: list[tuple[str, Activity | State]] = [(a.needs, a) for a in state.activities.values() if a.needs]
    if state.needs:
        wanting.append((state.needs, state))
    available = {a.name: a for around in reversed(list(flow.around(state.path))) for a in around.activities.values()}
    for needed, who in wanting:
        if needed not in available:
            message = f"{who.name!r} needs the activity {needed!r}, which does not run here"
            yield Problem(who.position, "RF032", message, did_you_mean(needed, available))
            continue
        spec = catalogue.get(available[needed].do)
        if spec and not spec.service:
            message = f"{who.name!r} needs the activity {needed!r}, which is never ready: {spec.name!r} is no service"
            yield Problem(who.position, "RF032", message)
        elif isinstance(who, Activity) and _needs_itself(who, available):
            yield Problem(who.position, "RF032", f"the activity {who.name!r} needs itself, so it never starts")


def _needs_itself(activity: Activity, available: Mapping[str, Activity]) -> bool:
    seen: set[str] = set()
    needed = activity.needs
    while needed is not None and needed in available and needed not in seen:
        seen.add(needed)
        needed = available[needed].needs
    return activity.name in seen

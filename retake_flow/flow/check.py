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
from retake_flow.flow.model import ANSWERED, SEPARATOR, Activity, Ask, Flow, Input, State, SubFlow
from retake_flow.flow.moves import raised
from retake_flow.flow.problems import Position, Problem, did_you_mean

#: Events that neither a decision nor the end of a sub-flow must be called like.
_NOT_OUTCOMES = ("timeout", "stop", "error")


def check(loaded: Loaded, catalogue: Catalogue) -> tuple[Problem, ...]:
    """All problems of a flow in the order of its lines: those of loading it, and those found here."""
    found = set(loaded.problems)
    if loaded.flow is not None:
        flow, damaged = loaded.flow, loaded.damaged
        found.update(_inputs(flow.inputs.values()))
        for state in flow.states.values():
            found.update(_inputs(state.sub.inputs.values() if state.sub else ()))
        found.update(_expressions(flow))
        found.update(_actions(flow, catalogue))
        found.update(outline.problems(flow, catalogue, damaged))
    return tuple(sorted(found))


# --- inputs and literals ------------------------------------------------------------------------------------


def _inputs(declared: Iterable[Input]) -> Iterator[Problem]:
    for given in declared:
        said = flaw(given.schema)
        if said:
            yield Problem(given.position, "RF044", f"the input {given.name!r} {said}")
        elif "default" in given.schema:
            said = mismatch(given.schema["default"], given.schema)
            if said:
                yield Problem(given.position, "RF044", f"the default of the input {given.name!r} {said}")


# --- expressions --------------------------------------------------------------------------------------------


def expressions(states: Iterable[State]) -> Iterator[Expression]:
    """Every expression of some states."""
    for state in states:
        yield from templates((state.inputs, state.wait, state.reason, state.timeout, state.set, _asked(state.ask)))
        if state.undo:
            yield from templates(state.undo.inputs)
        if state.poll:
            yield from templates((state.poll.every, state.poll.delay, state.poll.timeout, state.poll.until))
        yield from templates([effect.set for effect in (*state.entry, *state.exit)])
        yield from templates([(each.data, each.after) for each in raised(state)])
        for routes in (state.always, *state.routes.values()):
            yield from templates([route.set for route in routes])
            yield from (route.when for route in routes if route.when is not None)
        for activity in state.activities.values():
            yield from templates((activity.inputs, activity.every, activity.quiet, activity.delay))
            yield from templates(_asked(activity.ask))
            yield from (condition for _, condition in activity.raises)


def _asked(ask: Ask | None) -> tuple[Any, ...]:
    return () if ask is None else (ask.message, ask.remind, ask.timeout, [later.after for later in ask.escalate])


def _expressions(flow: Flow) -> Iterator[Problem]:
    yield from _expressions_of(flow, "", flow.inputs)
    for state in flow.states.values():
        if state.sub is not None:
            yield from _expressions_of(flow, state.path, state.sub.inputs)


def _expressions_of(flow: Flow, root: str, inputs: Iterable[str]) -> Iterator[Problem]:
    """What is wrong with the expressions of the flow itself, or of one sub-flow, which has names of its own."""
    within = list(flow.of(root))
    activities = {activity.name for state in within for activity in state.activities.values()}
    states = Counter(state.name for state in within)
    shared = {name for name, times in states.items() if times > 1}
    known: dict[str, Iterable[str]] = {
        "inputs": inputs,
        "outputs": states,
        "visits": states,
        "activities": activities,
        "vars": _variables(within),
        "run": ("id", "state"),
        "event": {"name", "kind", "message", "reason", "result", *_data(flow, within)},
        "in": [state.path.removeprefix(root + SEPARATOR) for state in within]
        if root
        else [state.path for state in within],
    }
    for expression in expressions(within):
        try:
            names = expression.names()
        except ExpressionError as error:
            yield Problem(expression.position, "RF030", error.message, error.hint)
            continue
        for chain in sorted(names):
            yield from _name(chain, expression.position, known)
            yield from _shared(chain, expression.position, shared)


def _data(flow: Flow, states: Iterable[State]) -> set[str]:
    """What events bring that are raised by the flow itself or from outside."""
    declared = {name for fields in flow.events.values() for name in fields}
    return declared | {name for state in states for each in raised(state) for name in each.data}


def _shared(chain: tuple[str, ...], position: Position, shared: set[str]) -> Iterator[Problem]:
    if chain[0] in ("outputs", "visits") and chain[1:] and chain[1] in shared:
        message = f"several states are called {chain[1]!r}, so {'.'.join(chain[:2])!r} could be any of them"
        yield Problem(position, "RF033", message, "give the one that is meant a name of its own")


def _name(chain: tuple[str, ...], position: Position, known: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    root, rest = chain[0], chain[1:]
    if root in known and rest and rest[0] not in known[root]:
        hint = did_you_mean(rest[0], known[root])
        yield Problem(position, "RF031", f"there is nothing called {'.'.join(chain[:2])!r}", hint)


def _variables(states: Iterable[State]) -> set[str]:
    names: set[str] = set()
    for state in states:
        names.update(state.set, *(effect.set for effect in (*state.entry, *state.exit)))
        for routes in (state.always, *state.routes.values()):
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
        if state.sub:
            yield from _run_inside(state, state.sub)
        yield from _needs(flow, state, catalogue)
        yield from _question(state.ask, state)
        for activity in state.activities.values():
            if activity.ask is not None:
                yield from _question(activity.ask, activity)
                continue
            yield from _use(activity.do, activity.inputs, activity.position, catalogue)
            spec = catalogue.get(activity.do)
            if spec and spec.service and activity.every is not None:
                message = f"{activity.do!r} goes on by itself; it cannot be repeated `every` so often"
                yield Problem(activity.position, "RF045", message)


def _run_inside(state: State, sub: SubFlow) -> Iterator[Problem]:
    """What is wrong with the inputs that a sub-flow gets, and with how it ends."""
    for outcome in sub.outcomes:
        if outcome in _NOT_OUTCOMES or outcome.startswith("error."):
            message = f"a final state of the flow {sub.name!r} ends it with {outcome!r}, which is an event of its own"
            yield Problem(state.position, "RF046", message, "call that end something else where it runs inside another")
    for key, value in state.inputs.items():
        if key not in sub.inputs:
            message = f"the flow {sub.name!r} has no input {key!r}"
            yield Problem(state.position, "RF041", message, did_you_mean(key, sub.inputs))
        elif not any(templates(value)):
            said = mismatch(value, sub.inputs[key].schema)
            if said:
                yield Problem(state.position, "RF043", f"the input {key!r} of {sub.name!r} {said}")
    for key, declared in sub.inputs.items():
        if declared.required and key not in state.inputs:
            hint = f"add it under `with: {{{key}: …}}`"
            yield Problem(state.position, "RF042", f"the flow {sub.name!r} needs the input {key!r}", hint)


def _question(ask: Ask | None, asker: State | Activity) -> Iterator[Problem]:
    if ask is None:
        return
    if ask.fields and ask.decisions:
        message = f"{asker.name!r} has both an `answer` and `decisions`"
        yield Problem(asker.position, "RF013", message, "give each decision the fields that belong to it")
    for name in ask.decisions:
        if name in _NOT_OUTCOMES:
            message = f"a decision of {asker.name!r} is called {name!r}, which is an event of its own"
            yield Problem(asker.position, "RF046", message, "call it something else")
    for fields in (ask.fields, *ask.decisions.values()):
        for name, schema in fields.items():
            said = f"has a name that answers use: {', '.join(ANSWERED)}" if name in ANSWERED else flaw(schema)
            if not said and "default" in schema:
                said = mismatch(schema["default"], schema)
            if said:
                yield Problem(asker.position, "RF046", f"the field {name!r} of {asker.name!r} {said}")


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
    available = {a.name: a for around in reversed(list(flow.seen(state))) for a in around.activities.values()}
    for needed, who in wanting:
        if needed not in available:
            message = f"{who.name!r} needs the activity {needed!r}, which does not run here"
            yield Problem(who.position, "RF032", message, did_you_mean(needed, available))
            continue
        spec = catalogue.get(available[needed].do)
        if spec and not spec.service and available[needed].ask is None:
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

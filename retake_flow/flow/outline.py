"""The flow as a graph: which events can occur where, and which states can be reached."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.flow.catalogue import Catalogue
from retake_flow.flow.model import Flow, Route, State
from retake_flow.flow.problems import Problem, did_you_mean

#: Events that come from outside a run, in any state.
OUTSIDE = ("stop",)


def problems(flow: Flow, catalogue: Catalogue, damaged: frozenset[str]) -> Iterator[Problem]:
    """What is wrong with the routes of a flow, except where a state has lost parts already."""
    for state in flow.states.values():
        if any(around.path in damaged for around in flow.around(state.path)):
            continue
        yield from _unrouted(flow, state, catalogue)
        yield from _impossible(flow, state, catalogue)
        yield from _shadowed(state)
    if not damaged:
        yield from _unreachable(flow)


def events(flow: Flow, state: State, catalogue: Catalogue) -> set[str]:
    """The events that can occur in a state by itself, its own activities included."""
    found = {f"error.{kind}" for kind in _errors(state, catalogue)} if state.do else set()
    if state.do in catalogue:
        found.update(catalogue[state.do].outcomes)
    if state.kind == "wait":
        found.add("done")
    if state.timeout is not None or (state.poll and state.poll.timeout is not None):
        found.add("timeout")
    for activity in state.activities.values():
        spec = catalogue.get(activity.do)
        found.update(event for event, _ in activity.raises)
        found.update(f"{activity.name}.{outcome}" for outcome in (spec.outcomes if spec else ()))
        found.update({f"{activity.name}.error", "error"})
    return found


def _errors(state: State, catalogue: Catalogue) -> tuple[str, ...]:
    spec = catalogue.get(state.do)
    return (*(spec.errors if spec else ()), "input", "expression", "internal")


def matches(pattern: str, event: str) -> bool:
    """Whether a route written for `pattern` takes `event`: `error` takes `error.unauthorized`."""
    return event == pattern or event.startswith(pattern + ".")


def _unrouted(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    routed = [pattern for around in flow.around(state.path) for pattern in around.routes]
    outcomes = set(catalogue[state.do].outcomes) if state.do in catalogue else set()
    if state.kind == "wait":
        outcomes.add("done")
    if state.timeout is not None or (state.poll and state.poll.timeout is not None):
        outcomes.add("timeout")
    for activity in state.activities.values():
        outcomes.update(event for event, _ in activity.raises)
        if activity.do in catalogue and catalogue[activity.do].service:
            outcomes.add(f"{activity.name}.exited")
    for outcome in sorted(outcomes):
        if not any(matches(pattern, outcome) for pattern in routed):
            hint = f"add `{outcome}: STATE` to the transitions of {state.path!r} or of a state around it"
            yield Problem(state.position, "RF050", f"nothing says where {state.path!r} goes on {outcome!r}", hint)


def _impossible(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    inside = [s for s in flow.states.values() if any(a.path == state.path for a in flow.around(s.path))]
    around = list(flow.around(state.path))
    possible = set(OUTSIDE).union(*(events(flow, s, catalogue) for s in (*inside, *around)))
    unknown_action = any(s.do and s.do not in catalogue for s in inside)
    for pattern, routes in state.routes.items():
        if not unknown_action and not any(matches(pattern, event) or matches(event, pattern) for event in possible):
            hint = did_you_mean(pattern, possible)
            yield Problem(routes[0].position, "RF051", f"nothing in {state.path!r} raises the event {pattern!r}", hint)


def _shadowed(state: State) -> Iterator[Problem]:
    for event, routes in state.routes.items():
        for index, route in enumerate(routes[:-1]):
            if route.when is None:
                later = routes[index + 1].position
                yield Problem(
                    later, "RF062", f"this route for {event!r} is never taken", "a route without `when` is the last"
                )
                break


def _unreachable(flow: Flow) -> Iterator[Problem]:
    reached = reachable(flow)
    for state in flow.states.values():
        if state.path not in reached and (not state.parent or state.parent in reached):
            yield Problem(
                state.position, "RF060", f"no path leads to the state {state.path!r}", "route to it or remove it"
            )
    if not any(flow.states[path].final for path in reached):
        first = flow.states.get(flow.initial)
        if first is not None:
            yield Problem(
                first.position, "RF061", "no path leads to a final state", "add a state with `final: completed`"
            )


def routes(flow: Flow, path: str) -> Iterator[Route]:
    """Every route that can be taken while a state is active: its own and those of the states around it."""
    for around in flow.around(path):
        for listed in around.routes.values():
            yield from listed


def reachable(flow: Flow) -> set[str]:
    """The paths of all states that some sequence of events can reach, guards taken as possible both ways."""
    reached: set[str] = set()
    followed: set[str] = set()
    pending = [flow.initial]
    while pending:
        path = pending.pop()
        if path in followed or path not in flow.states:
            continue
        followed.add(path)
        state = flow.states[path]
        reached.update(around.path for around in flow.around(path))
        pending.extend(route.to for route in routes(flow, path))
        if state.initial:
            pending.append(state.initial)
    return reached

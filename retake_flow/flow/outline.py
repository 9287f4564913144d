"""The flow as a graph: which events can occur where, and which states can be reached."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.flow.catalogue import Catalogue
from retake_flow.flow.model import Flow, Route, State
from retake_flow.flow.moves import ERRORS, OUTSIDE, matches, raised
from retake_flow.flow.problems import Problem, did_you_mean


def problems(flow: Flow, catalogue: Catalogue, damaged: frozenset[str]) -> Iterator[Problem]:
    """What is wrong with the routes of a flow, except where a state has lost parts already."""
    possible = _possible(flow, catalogue)
    unknown = _unknown(flow, catalogue)
    for state in flow.states.values():
        if any(around.path in damaged for around in flow.around(state.path)):
            continue
        yield from _unrouted(flow, state, catalogue)
        yield from _shadowed(state)
        if state.path not in unknown:
            yield from _impossible(state, possible[state.path])
    if not damaged:
        yield from _unreachable(flow)


def events(state: State, catalogue: Catalogue) -> set[str]:
    """The events that can occur in a state by itself, its own activities included."""
    failures = {f"error.{kind}" for kind in _errors(state, catalogue)} if state.do else set()
    if state.activities:
        failures.add("error")
    return failures | _outcomes(state, catalogue) | _of_activities(state, catalogue)


def _of_activities(state: State, catalogue: Catalogue) -> set[str]:
    """The events of a state's activities, which the states inside can take too."""
    found: set[str] = set()
    for activity in state.activities.values():
        if activity.ask is not None:
            found.update(f"{activity.name}.{outcome}" for outcome in activity.ask.outcomes)
            continue
        spec = catalogue.get(activity.do)
        found.update(event for event, _ in activity.raises)
        found.update(f"{activity.name}.{outcome}" for outcome in (spec.outcomes if spec else ()))
        found.add(f"{activity.name}.error")
    return found


def _errors(state: State, catalogue: Catalogue) -> tuple[str, ...]:
    spec = catalogue.get(state.do)
    return (*(spec.errors if spec else ()), *ERRORS)


def _unrouted(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    around = list(flow.around(state.path))
    raised = {event for activity in state.activities.values() for event, _ in activity.raises}
    for outcome in sorted(_outcomes(state, catalogue) | raised):
        listed = [routes for s in around for pattern, routes in s.routes.items() if matches(pattern, outcome)]
        if not listed:
            hint = f"add `{outcome}: STATE` to the transitions of {state.path!r} or of a state around it"
            yield Problem(state.position, "RF050", f"nothing says where {state.path!r} goes on {outcome!r}", hint)
        elif outcome not in raised and all(routes[-1].when is not None for routes in listed):
            # What is raised may be passed over; what has ended would leave the state with nothing to do.
            message = f"nothing says where {state.path!r} goes on {outcome!r} when no guard holds"
            yield Problem(listed[0][-1].position, "RF050", message, "end the list with a route without `when`")


def _outcomes(state: State, catalogue: Catalogue) -> set[str]:
    """How what a state does and what it has started can end."""
    found = set(catalogue[state.do].outcomes) if state.do in catalogue else set()
    if state.kind == "wait":
        found.add("done")
    found.update(state.ask.outcomes if state.ask else ())
    found.update(state.sub.outcomes if state.sub else ())
    if state.timeout is not None or (state.poll and state.poll.timeout is not None):
        found.add("timeout")
    services = (a.name for a in state.activities.values() if a.do in catalogue and catalogue[a.do].service)
    return found | {f"{name}.exited" for name in services}


def _possible(flow: Flow, catalogue: Catalogue) -> dict[str, set[str]]:
    """The events that each state could take: its own, those of the states inside, those of activities around."""
    found = {path: events(state, catalogue) for path, state in flow.states.items()}
    raised_anywhere = {each.event for state in flow.states.values() for each in raised(state)}
    for path in reversed(found):
        parent = flow.states[path].parent
        if parent:
            found[parent] |= found[path]
    for path, state in flow.states.items():
        found[path].update(*(_of_activities(around, catalogue) for around in flow.around(state.parent)), OUTSIDE)
        found[path].update(flow.events, raised_anywhere)
    return found


def _unknown(flow: Flow, catalogue: Catalogue) -> set[str]:
    """The states in, inside or around which an action is not known, so that its events are not either."""
    at = {path for path, s in flow.states.items() if s.do and s.do not in catalogue}
    at |= {a.scope for a in flow.activities() if a.do and a.do not in catalogue}
    inside = {path for path in flow.states if any(around.path in at for around in flow.around(path))}
    return inside | {around.path for path in at for around in flow.around(path)}


def _impossible(state: State, possible: set[str]) -> Iterator[Problem]:
    for pattern, routes in state.routes.items():
        if not any(matches(pattern, event) or matches(event, pattern) for event in possible):
            hint = did_you_mean(pattern, possible)
            yield Problem(routes[0].position, "RF051", f"nothing in {state.path!r} raises the event {pattern!r}", hint)


def _shadowed(state: State) -> Iterator[Problem]:
    for event, routes in (("", state.always), *state.routes.items()):
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
    if not any(flow.states[path].final and not flow.states[path].root for path in reached):
        first = flow.states.get(flow.initial)
        if first is not None:
            yield Problem(
                first.position, "RF061", "no path leads to a final state", "add a state with `final: completed`"
            )


def routes(flow: Flow, path: str) -> Iterator[Route]:
    """Every route that can be taken while a state is active: its own and those of the states around it."""
    for around in flow.around(path):
        for listed in (around.always, *around.routes.values()):
            yield from listed


def reachable(flow: Flow) -> set[str]:
    """The paths of all states that some sequence of events can reach, guards taken as possible both ways."""
    return reachable_from(flow, flow.initial)


def reachable_from(flow: Flow, start: str) -> set[str]:
    """The same, from a state on; what is around it is reached with it."""
    reached: set[str] = set()
    followed: set[str] = set()
    pending = [start]
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
        elif state.kind == "history":
            pending.append(flow.states[state.parent].initial if state.parent else flow.initial)
    return reached

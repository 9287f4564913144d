"""Checks routing: which events can occur in each state of a flow, and which routes take them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.check import reachability
from retake_flow.flow.diagnostics import Problem, did_you_mean
from retake_flow.flow.graph.exit_entry_sets import Perform, explore
from retake_flow.flow.graph.transition_graph import Moves, Occurrence, error_kinds
from retake_flow.flow.model import (
    Activity,
    CompositeState,
    FinalState,
    Flow,
    QuestionState,
    State,
    SubFlowState,
    performers,
)
from retake_flow.flow.names import ANY, OUTSIDE, is_within, longest_match, matches
from retake_flow.flow.state_parts import Retry, Route


def problems(
    flow: Flow, moves: Moves, catalogue: Catalogue, damaged: Collection[str], whole: bool
) -> Iterator[Problem]:
    """Problems with the routes of a flow, except in states that have lost parts.

    `damaged` are the paths of these states; `whole` says whether every initial state exists, so that the flow can be
    explored.
    """
    sound = [s for s in flow.states.values() if not any(around.path in damaged for around in flow.around(s.path))]
    unknown = _states_of_unknown_actions(flow, catalogue)
    patterns = {pattern for state in flow.states.values() for pattern in state.routes}
    dead: dict[int, Route] = {}
    loose: set[str] = set()
    possible = _possible_events(flow, moves)
    later = {each.event for state in flow.states.values() for each in state.raises() if each.after is not None}
    explorable = whole and not damaged and not unknown
    only_caught = any(longest_match(event, patterns) == ANY for event in moves.raised_events)
    uncaught = _uncaught_events(flow, moves) if explorable and only_caught else set()
    for state in sound:
        unrouted = list(_unrouted_ends(moves, state, catalogue))
        loose.update(state.path for _ in unrouted)
        yield from unrouted
        if whole:
            yield from _dead_ends(moves, state)
        yield from _untaken_events(state, patterns, uncaught)
        yield from _shared_names(flow, state)
        yield from _impossible_retries(flow, state, catalogue)
        yield from _impossible_cancels(state, later)
        if state.path not in unknown:
            yield from _impossible_routes(state, possible[state.path], dead)
    if explorable:
        yield from _shadowed_routes(flow, moves, dead)
        yield from reachability.problems(flow, moves, dead.values(), loose)
    else:
        yield from _listed_later(flow.states.values(), dead)


# --- events ---------------------------------------------------------------------------------------------------


def _shared_names(flow: Flow, state: State) -> Iterator[Problem]:
    """Activities that are called like an event of the flow, whose routes would take theirs."""
    for activity in state.activities.values():
        if activity.name in flow.events:
            message = (
                f"{activity.name!r} is an activity and an event: a route for the event takes '{activity.name}.ready'"
            )
            yield Problem(activity.position, "RF046", f"{message} and the like, too", "give one of them another name")


def _unrouted_ends(moves: Moves, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    raises = {event for activity in state.activities.values() for event, _ in activity.raises}
    for outcome, occurrence in sorted(_ends(moves, state, catalogue).items()):
        routes = [route for route, _ in moves.takers(state.path, occurrence)]
        if not routes:
            hint = f"add `{outcome}: STATE` to the transitions of {state.path!r} or of a surrounding state"
            yield Problem(state.position, "RF050", f"nothing says where {state.path!r} goes on {outcome!r}", hint)
        elif outcome not in raises and routes[-1].when is not None:
            # Raised events may be ignored, but an unrouted end would leave the state with nothing to do.
            message = f"nothing says where {state.path!r} goes on {outcome!r} when no guard holds"
            yield Problem(
                _first_list(routes)[-1].position, "RF050", message, "end the list with a route without `when`"
            )


def _dead_ends(moves: Moves, state: State) -> Iterator[Problem]:
    """Routes without a target on the end of a state's work."""
    for occurrence in _own_ends(moves, state):
        for route, _ in moves.takers(state.path, occurrence):
            if not route.to and not _can_go_on(moves, state, route):
                message = f"{state.path!r} has nothing to do after {route.event!r}, since this leads nowhere"
                yield Problem(route.position, "RF052", message, "give the route a target, `to: STATE`")


def _first_list(routes: list[Route]) -> list[Route]:
    return [route for route in routes if (route.source, route.event) == (routes[0].source, routes[0].event)]


def _ends(moves: Moves, state: State, catalogue: Catalogue) -> dict[str, Occurrence]:
    """Events that need a route: the ends of a state's work and activities, and the events it raises."""
    found = {each.name: each for each in moves.own(state) if not matches("error", each.name)}
    found |= {each.name: each for each in moves.of_finals(state)}
    for activity in state.activities.values():
        spec = catalogue.get(activity.do)
        missed = spec is not None and spec.service and not spec.beside
        needed = {event for event, _ in activity.raises} | ({f"{activity.name}.exited"} if missed else set())
        found |= {each.name: each for each in moves.of_activity(activity) if each.name in needed}
    return found


def _own_ends(moves: Moves, state: State) -> Iterator[Occurrence]:
    """The events after which a state has no work left."""
    for occurrence in moves.own(state):
        if occurrence.name != "timeout" or isinstance(state, QuestionState):
            yield occurrence
    yield from moves.of_finals(state)


def _can_go_on(moves: Moves, state: State, route: Route) -> bool:
    """Whether a route can still lead out of a state after its work has ended."""
    if any(effect.raises for effect in route.effects):
        return True
    for move in moves.of(state.path) if state.can_be_innermost else ():
        own = move.occurrence.place == state.path and move.occurrence.name not in ("", "timeout")
        if not own and move.occurrence.name not in OUTSIDE and move.target != state.path:
            return True
    return False


def _untaken_events(state: State, patterns: Collection[str], uncaught: Collection[int]) -> Iterator[Problem]:
    for each in state.raises():
        pattern = longest_match(each.event, patterns)
        if not pattern or (pattern == ANY and id(each) in uncaught):
            message = f"nothing takes the event {each.event!r} that is raised here"
            yield Problem(each.position, "RF053", message, did_you_mean(each.event, patterns))


def _uncaught_events(flow: Flow, moves: Moves) -> set[int]:
    """The ids of raised events that come in no state with a `"*"` route on it or around it.

    An event comes before anything from outside happens: where the transition that raises it leads, or where events
    without a delay lead from there. A delayed event can come as long as its scope is active.
    """
    catching = {path for path in flow.states if any(ANY in around.routes for around in flow.around(path))}
    seen, caught = set[int](), set[int]()
    for move in chain([moves.start()], *map(moves.distinct, moves.nearest())):
        for step in move.steps:
            if not isinstance(step, Perform):
                continue
            for each in (each for effect in step.effects for each in effect.raises if id(each) not in caught):
                scope = step.scope if each.scope is None else each.scope
                inside = (path for path in flow.states if is_within(path, scope))
                at = _settled(flow, moves, move.target) if each.after is None else inside
                seen.add(id(each))
                caught.update(() if catching.isdisjoint(at) else (id(each),))
    return seen - caught


def _settled(flow: Flow, moves: Moves, start: str) -> set[str]:
    """The innermost states to which guards and events without a delay may lead on from one, and itself."""
    immediate = {"", "error.expression", *moves.raised_events}

    def onward(path: str) -> list[str]:
        final = isinstance(flow.states[path], FinalState)
        return [each.target for each in moves.of(path) if each.target and (final or each.occurrence.name in immediate)]

    return set(explore([start] if start else (), onward))


def _impossible_retries(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    """Kinds of error that a retry names and that never occur there."""
    retried: list[tuple[State | Activity, Retry, Collection[str]]] = []
    for doing in performers(state):
        spec = catalogue.get(doing.do)
        if doing.retry is not None and spec is not None:
            retried.append((doing, doing.retry, (*error_kinds(doing, spec), *(("exited",) if spec.service else ()))))
    if isinstance(state, CompositeState) and state.retry is not None and state.retry.on:
        retried.append((state, state.retry, _errors_inside(flow, state, catalogue)))
    for who, retry, possible in retried:
        for kind in retry.on:
            if kind not in possible:
                message = f"{who.name!r} is to be retried after 'error.{kind}', which never occurs there"
                yield Problem(who.position, "RF055", message, did_you_mean(kind, possible))


def _errors_inside(flow: Flow, state: CompositeState, catalogue: Catalogue) -> set[str]:
    """The kinds of error that can occur in a state, and the ends of its sub-flow."""
    inside = [each for each in flow.states.values() if is_within(each.path, state.path)]
    doing = [each for inner in inside for each in performers(inner)]
    raised = {each.event.removeprefix("error.") for inner in inside for each in inner.raises()}
    ends = state.sub.outcomes if isinstance(state, SubFlowState) else ()
    return {kind for each in doing for kind in error_kinds(each, catalogue.get(each.do))} | raised | set(ends)


def _impossible_cancels(state: State, later: Collection[str]) -> Iterator[Problem]:
    """Events that are cancelled although nothing raises them with a delay."""
    for effect in state.effects():
        for event in effect.cancels:
            if event not in later:
                message = f"no event {event!r} is raised with a delay, so there is nothing to cancel"
                yield Problem(effect.position or state.position, "RF056", message, did_you_mean(event, later))


def _states_of_unknown_actions(flow: Flow, catalogue: Catalogue) -> set[str]:
    """The states in, inside or around which an action, and so its events, is unknown."""
    at = {path for path, state in flow.states.items() if any(d.do not in catalogue for d in performers(state))}
    inside = {path for path in flow.states if any(around.path in at for around in flow.around(path))}
    return inside | {around.path for path in at for around in flow.around(path)}


def _possible_events(flow: Flow, moves: Moves) -> dict[str, set[str]]:
    """The events that each state could take: its own, those of inner states, those of activities around it."""
    found: dict[str, set[str]] = {}
    around: dict[str, set[str]] = {"": {*flow.events, *OUTSIDE, *moves.skipped_events, *moves.raised_events}}
    for path, state in flow.states.items():
        own = [name for occurrence in moves.own(state) for name, _ in occurrence.names]
        names = [
            each for a in state.activities.values() for occurrence in moves.of_activity(a) for each in occurrence.names
        ]
        found[path] = {*own, *(each.name for each in moves.of_finals(state)), *(name for name, _ in names)}
        if any(activity.do for activity in state.activities.values()):
            found[path].add("error")  # a fallback for any failure of its activities, now or later
        anywhere = {name for name, origin in names if not origin}
        around[path] = around[state.parent] | anywhere if anywhere else around[state.parent]
    for path in reversed(found):
        parent = flow.states[path].parent
        if parent:
            found[parent] |= found[path]
    return {path: names | around[path] for path, names in found.items()}


def _impossible_routes(state: State, possible: set[str], dead: dict[int, Route]) -> Iterator[Problem]:
    for pattern, routes in state.routes.items():
        if pattern not in possible and not any(matches(pattern, event) for event in possible):
            dead.update((id(route), route) for route in routes)
            hint = did_you_mean(pattern, possible)
            yield Problem(routes[0].position, "RF051", f"nothing in {state.path!r} raises the event {pattern!r}", hint)


# --- routes that are never taken ------------------------------------------------------------------------------


def _listed_later(states: Iterable[State], dead: dict[int, Route]) -> Iterator[Problem]:
    """Routes below one that is always taken."""
    for state in states:
        for event, routes in (("", state.always), *state.routes.items()):
            last = next((index for index, route in enumerate(routes) if route.when is None), len(routes))
            later = routes[last + 1 :]
            if later:
                dead.update((id(route), route) for route in later)
                message = f"this route for {event!r} is never taken" if event else "this route is never taken"
                yield Problem(later[0].position, "RF062", message, "a route without `when` is the last")


def _shadowed_routes(flow: Flow, moves: Moves, dead: dict[int, Route]) -> Iterator[Problem]:
    """Routes that are never taken although their event occurs.

    A route for an event that the inner states always take first may be meant for future states: it is no mistake.
    """
    yield from _listed_later(flow.states.values(), dead)
    leaves = [state for state in flow.states.values() if state.can_be_innermost]
    taken = {id(move.route) for state in leaves for move in moves.distinct(state.path)}
    for state in flow.states.values():
        passing = moves.passes(state.path)
        for routes in (state.always, *state.routes.values()):
            untaken = [route for route in routes if id(route) not in taken and id(route) not in dead]
            dead.update((id(route), route) for route in untaken)
            if untaken and passing:
                message = f"this route for {untaken[0].event!r} is never taken"
                hint = "an `always` without `when` leads away before anything can happen"
                yield Problem(untaken[0].position, "RF062", message, hint)

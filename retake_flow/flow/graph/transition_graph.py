"""The flow as a graph: what can happen in each state and where it leads, for every analysis of its paths.

Guards may hold or fail. The engine uses the same transitions between states, so a path found here is one that a run can
take.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property, partial
from itertools import chain
from typing import NamedTuple, assert_never

from retake_flow.errors import TimedOut, fault_of
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.exit_entry_sets import Change, Step
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    Flow,
    HistoryState,
    QuestionState,
    RestingState,
    State,
    SubFlowState,
    WaitState,
    time_limits,
)
from retake_flow.flow.names import ANY, ERRORS, OUTSIDE, RETRY, SEPARATOR, SKIPPED, longest_match, matches, patterns_of
from retake_flow.flow.state_parts import Route
from retake_flow.quick_dataclasses import dataclass

#: The characters in an expression that can build text which does not appear in it literally.
_COMPOSING = re.compile(r"[~+|%\\]")


class Occurrence(NamedTuple):
    """Something that can happen while a state is active.

    Attributes:
        names: Its names; the first that a route takes counts. Each has the path of the state whose own event it is, ""
            when every active state may take it.
        place: Its source: the path of a state or the key of an activity; "" if it comes from outside.
    """

    names: tuple[tuple[str, str], ...]
    place: str = ""

    @property
    def name(self) -> str:
        """Its first name; "" if it is only a guard that holds."""
        return self.names[0][0]


@dataclass(frozen=True, slots=True)
class Move:
    """One move onward from an innermost active state.

    Attributes:
        source: The path of that state; "" before the start.
        route: The route that is taken; None at the start, and where an unrouted event ends the run.
        refused: The guards before it that failed.
        left: The paths of the states left, innermost first.
        entered: The paths of the states entered, outermost first.
        steps: Everything that it does, in order.
    """

    source: str
    occurrence: Occurrence
    route: Route | None
    refused: tuple[Expression, ...]
    left: tuple[str, ...]
    entered: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def target(self) -> str:
        """The path of the innermost active state after it; "" if it ends the run."""
        return self.entered[-1] if self.entered else self.source if self.route is not None else ""

    @property
    def guards(self) -> tuple[tuple[Expression, bool], ...]:
        """The guards evaluated for it, in order, each with whether it held."""
        held = self.route.when if self.route is not None else None
        if held is None and not self.refused:
            return ()
        return (*((guard, False) for guard in self.refused), *([(held, True)] if held is not None else []))


class Moves:
    """All moves of a flow."""

    def __init__(self, flow: Flow, catalogue: Catalogue) -> None:
        self.flow = flow
        self._catalogue = catalogue
        self._known: dict[str, tuple[Move, ...]] = {}
        self._distinct: dict[str, tuple[Move, ...]] = {}
        self._patterns = frozenset(pattern for state in flow.states.values() for pattern in state.routes)
        # States of the same composite share most queries.
        self._pattern = cache(partial(longest_match, patterns=self._patterns))
        self._offered = cache(self._guarded_routes)
        self._takers = cache(self._key_of_takers)
        self._changes: dict[tuple[str, int], list[Change]] = {}
        self._from = cache(self._occurrences_around)
        self._expected = cache(self._expected_events)
        self.end = cache(partial(Change.at_end, flow))
        self._own = cache(lambda path: self._mark_alike(self._own_occurrences(flow.states[path])))
        self._beside = cache(
            lambda path: self._mark_alike(chain(*map(self.of_activity, flow.states[path].activities.values())))
        )
        self._alike: set[int] = set()  # the ids of the errors above that nothing can distinguish from an earlier one

    @classmethod
    def of_flow(cls, flow: Flow, catalogue: Catalogue) -> Moves:
        """The moves of a flow, cached for the flow that was asked about last."""
        if not _last or _last[0].flow is not flow or _last[0]._catalogue is not catalogue:
            _last[:] = [cls(flow, catalogue)]
        return _last[0]

    def passes(self, active: str) -> bool:
        """Whether an innermost state is left as soon as it is entered."""
        return any(route.when is None for around in self.flow.around(active) for route in around.always)

    def may_pass(self, active: str) -> bool:
        """Whether an innermost state may be left as soon as it is entered."""
        return any(around.always for around in self.flow.around(active))

    def start(self) -> Move:
        """How a run begins."""
        return Move("", Occurrence((("", ""),)), None, (), *Change.at_start(self.flow))

    def nearest(self, onward: Callable[[Move], Iterable[Move]] | None = None) -> dict[str, Move]:
        """The last move of a shortest path to each innermost state that can be reached, nearest first.

        `onward` gives the moves to follow after a move; all by default.
        """
        start = self.start()
        last = {start.target: start}
        pending = deque([start])
        while pending:
            before = pending.popleft()
            for move in self.of(before.target) if onward is None else onward(before):
                if move.target and move.target not in last:
                    last[move.target] = move
                    pending.append(move)
        return last

    def of(self, active: str) -> tuple[Move, ...]:
        """Every move while a state is the innermost active one; none once the run has ended."""
        if active not in self._known:
            self._known[active] = tuple(self._moves(active, distinct=False))
        return self._known[active]

    def distinct(self, active: str) -> tuple[Move, ...]:
        """The same, but only the first of the errors of one place that lead the same way.

        If a guard reads the event, only the first of those that no guard can distinguish.
        """
        if active not in self._distinct:
            self._distinct[active] = tuple(self._moves(active, distinct=True))
        return self._distinct[active]

    def _moves(self, active: str, *, distinct: bool) -> Iterator[Move]:
        seen: set[tuple[object, ...]] = set()
        for occurrence in self._possible_occurrences(active):
            if distinct and id(occurrence) in self._alike:
                continue
            error = self._error(occurrence) if distinct else ()
            if error in seen:
                continue
            moves = tuple(self._moves_after(active, occurrence))
            yield from moves
            if error and not any("event" in guard.text for move in moves for guard, _ in move.guards):
                seen.add(error)
            if not occurrence.name and self.passes(active):
                return

    def _error(self, occurrence: Occurrence) -> tuple[object, ...]:
        """A key shared by all errors that the same routes take; nothing for other events."""
        if "error." not in occurrence.name:
            return ()
        return (occurrence.place, *(self._takers(name, origin) for name, origin in occurrence.names))

    def _key_of_takers(self, name: str, origin: str) -> object:
        """A key shared by names that the same routes take: those routes, or else the pattern that they need."""
        pattern = self._pattern(name)
        return tuple(id(route) for route, _ in self._offered(origin, pattern)) if origin and pattern else pattern

    def _mark_alike(self, occurrences: Iterable[Occurrence]) -> tuple[Occurrence, ...]:
        """The occurrences from some places, after recording which errors are alike."""
        found = tuple(occurrences)
        seen: set[tuple[object, ...]] = set()
        for occurrence in found:
            if error := self._error(occurrence):
                sort = (*error, self._distinguishable(occurrence.name.rpartition("error.")[2]))
                if sort in seen:
                    self._alike.add(id(occurrence))
                seen.add(sort)
        return found

    def _distinguishable(self, kind: str) -> str:
        """What guards can read of an error: its kind if a guard contains or might compose that text, else its fault."""
        named = f"'{kind}'" in self._event_guards or f'"{kind}"' in self._event_guards
        return kind if named or _COMPOSING.search(self._event_guards) else fault_of(kind)

    @cached_property
    def _event_guards(self) -> str:
        states = self.flow.states.values()
        routes = (route for state in states for route in state.every_route())
        return "\n".join(route.when.text for route in routes if route.when is not None and "event" in route.when.text)

    def _expected_events(self, path: str) -> frozenset[str]:
        """The events from elsewhere for which a state or one around it has a route, and errors; "" is the flow."""
        if not path:
            return frozenset((*OUTSIDE, *self._sent_by_pattern.get("", ())))
        state = self.flow.states[path]
        return self._expected(state.parent).union(*(self._sent_by_pattern.get(pattern, ()) for pattern in state.routes))

    @cached_property
    def _sent_by_pattern(self) -> Mapping[str, list[str]]:
        """The events that are raised or sent by others, by the patterns that take them; the errors are under ""."""
        found: dict[str, list[str]] = {}
        for name in {*self.raised_events, *self.flow.events, *self.skipped_events}:
            pattern = self._pattern(name)
            if matches("error", name):
                found.setdefault("", []).append(name)
            while pattern:
                found.setdefault(pattern, []).append(name)
                pattern = "" if pattern == ANY else self._pattern(pattern.rpartition(".")[0] or ANY)
        return found

    @cached_property
    def skipped_events(self) -> frozenset[str]:
        """The events that say which event from outside was skipped, if any state routes one."""
        if not any(matches(SKIPPED, pattern) for pattern in self._patterns):
            return frozenset()
        activities = tuple(self.flow.activities())
        raised = {event for activity in activities for event, _ in activity.raises}
        own = {event for a in activities if a.do in self._catalogue for event in self._catalogue[a.do].events}
        return frozenset(f"{SKIPPED}.{name}" for name in (*self.flow.events, *raised, *own))

    def _occurrences_around(self, active: str) -> tuple[Occurrence, ...]:
        """The occurrences from a state and those around it, then from their activities."""
        around = [state.path for state in self.flow.around(active)]
        own = (each for path in around for each in self._own(path))
        return (*own, *(each for path in around for each in self._beside(path)))

    def own(self, state: State) -> tuple[Occurrence, ...]:
        """The possible ends of a state's work; `timeout` and the ends of a sub-flow are the state's own."""
        return self._own(state.path)

    def _own_occurrences(self, state: State) -> Iterator[Occurrence]:
        for outcome in outcomes(state, self._catalogue):
            yield Occurrence(((outcome, ""),), state.path)
        if time_limits(state):
            yield Occurrence((("timeout", state.path),), state.path)

    def of_finals(self, state: State) -> Iterator[Occurrence]:
        """The possible ends of a state by final states inside: those of its sub-flow, or its own."""
        if isinstance(state, SubFlowState):
            found = state.sub.outcomes
        else:
            inside = (self.flow.states[child] for child in state.children) if isinstance(state, CompositeState) else ()
            found = tuple(each.final for each in inside if isinstance(each, FinalState) and each.ends == state.path)
        for outcome in dict.fromkeys(found):
            yield Occurrence(((outcome, state.path),), state.path)

    def of_activity(self, activity: Activity) -> Iterator[Occurrence]:
        """The occurrences from an activity."""
        name, place = activity.name, activity.key
        spec = self._catalogue.get(activity.do)
        service = spec is not None and spec.service
        outcomes = activity.ask.outcomes if activity.ask else spec.outcomes if spec and service else ()
        for outcome in outcomes:
            yield Occurrence(((f"{name}.{outcome}", ""),), place)
        for event, _ in activity.raises:
            yield Occurrence(((event, ""),), place)
        for event in spec.events if spec else ():
            yield Occurrence(((f"{name}.{event}", ""), (event, "")), place)
        for kind in error_kinds(activity, spec) if activity.do else ():
            own = (f"{name}.error.{kind}", "")
            # A repeated activity continues after an error, so the error needs no route.
            alone = activity.every is not None or (spec is not None and spec.beside)
            yield Occurrence((own,) if alone else (own, (f"error.{kind}", activity.scope)), place)

    def takers(self, active: str, occurrence: Occurrence) -> Iterator[tuple[Route, tuple[Expression, ...]]]:
        """The routes that can take an occurrence, each with the guards that failed before it.

        The last has no guard, unless all of them can be skipped.
        """
        refused: tuple[Expression, ...] = ()
        for name, origin in occurrence.names:
            pattern = self._pattern(name)
            if name and not pattern:
                continue
            offered = self._offered(origin or active, pattern)
            for route, before in offered:
                yield route, (*refused, *before) if refused else before
                if route.when is None:
                    return
            refused = (*refused, *(route.when for route, _ in offered if route.when is not None))

    def _guarded_routes(self, path: str, pattern: str) -> tuple[tuple[Route, tuple[Expression, ...]], ...]:
        """Routes of a state and those around it for a pattern, each with the guards before it; "" means no event.

        Those of a state for the exact name come first.
        """
        offered: list[tuple[Route, tuple[Expression, ...]]] = []
        state = self.flow.states[path]
        refused: tuple[Expression, ...] = ()
        by_event = chain.from_iterable(state.routes.get(own, ()) for own in patterns_of(pattern))
        for route in by_event if pattern else state.always:
            offered.append((route, refused))
            if route.when is None:
                return tuple(offered)
            refused = (*refused, route.when)
        around = self._offered(state.parent, pattern) if state.parent else ()
        if not offered:
            return around
        return (*offered, *((route, (*refused, *before)) for route, before in around))

    @cached_property
    def raised_events(self) -> frozenset[str]:
        """The events that the flow itself raises."""
        return frozenset(each.event for state in self.flow.states.values() for each in state.raises())

    def _possible_occurrences(self, active: str) -> Iterator[Occurrence]:
        """What can happen, guards that hold first; in a final state only what precedes the end, and the end.

        Of the events that the flow raises or others send, only those with a route in an active state, and errors.
        """
        state = self.flow.states[active]
        yield Occurrence((("", ""),), active)
        for around in self.flow.around(active):
            if isinstance(around, CompositeState) and around.again is not None:
                yield Occurrence(((RETRY, around.path),), around.path)
        final = isinstance(state, FinalState)
        yield from () if final else self._from(active)
        for name in sorted(self.raised_events if final else self._expected(active)):
            yield Occurrence(((name, ""),))
        if isinstance(state, FinalState) and state.ends:
            yield Occurrence(((state.final, state.ends),), active)

    def _moves_after(self, active: str, occurrence: Occurrence) -> Iterator[Move]:
        """The moves that an occurrence leads to; none if it is skipped."""
        refused: tuple[Expression, ...] = ()
        place = self.flow.states.get(occurrence.place) if occurrence.name == RETRY else None
        if isinstance(place, CompositeState) and place.again is not None:
            yield from self._moves_along(active, occurrence, place.again, ())
            return
        for route, before in self.takers(active, occurrence):
            yield from self._moves_along(active, occurrence, route, before)
            if route.when is None:
                return
            refused = (*before, route.when)
        if any(name in OUTSIDE or matches("error", name) for name, _ in occurrence.names):
            yield Move(active, occurrence, None, refused, *self.end(active))

    def _moves_along(
        self, active: str, occurrence: Occurrence, route: Route, refused: tuple[Expression, ...]
    ) -> Iterator[Move]:
        """A route as moves; more than one if it leads to a history state."""
        key = (active, id(route))
        if key not in self._changes:
            histories = ({}, *self._histories(route.to))
            self._changes[key] = [Change.by_route(self.flow, route, active, history) for history in histories]
        for change in self._changes[key]:
            yield Move(active, occurrence, route, refused, *change)

    def _histories(self, target: str) -> Iterator[Mapping[str, str]]:
        """The possible histories, as far as a target depends on them."""
        state = self.flow.states.get(target)
        if isinstance(state, HistoryState):
            for path, inside in self.flow.states.items():
                if inside.can_be_innermost and path.startswith(state.parent + SEPARATOR):
                    yield {state.parent: path}


def error_kinds(doing: ActionState | Activity, spec: ActionSpec | None) -> tuple[str, ...]:
    """The kinds of error with which the action of a state or an activity can end."""
    limited = doing.retry is not None and doing.retry.per_try is not None
    kinds = (*(spec.errors if spec else ()), *ERRORS, *([TimedOut.kind] if limited else []))
    return tuple(dict.fromkeys(kinds))


def outcomes(state: State, catalogue: Catalogue) -> tuple[str, ...]:
    """The events with which the work of a state can end, besides `timeout` and the ends of a sub-flow."""
    match state:
        case ActionState():
            spec = catalogue.get(state.do)
            errors = [f"error.{kind}" for kind in error_kinds(state, spec)] if spec else []
            return (*spec.outcomes, *errors) if spec else ()
        case QuestionState():
            return tuple(outcome for outcome in state.ask.outcomes if outcome != "timeout")
        case WaitState():
            return ("done",)
        case CompositeState() | FinalState() | HistoryState() | RestingState():
            return ()
        case _:
            assert_never(state)


#: The checks of rules, routes and names use the same moves one after the other.
_last: list[Moves] = []


def path_to(target: str, last: Mapping[str, Move]) -> tuple[Move, ...]:
    """The moves that lead to an innermost state, given the last move to each."""
    moves = [last[target]]
    while moves[-1].source:
        moves.append(last[moves[-1].source])
    return tuple(reversed(moves))

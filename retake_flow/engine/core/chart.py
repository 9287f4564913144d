"""The flow as one `transitions` machine, which finds the route of an event.

One machine serves all runs: a run is not its model. Each query is a small object of its own instead,
and only compiled callables are passed as conditions, since `transitions` imports and calls conditions given as text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

from transitions.core import EventData
from transitions.extensions.nesting import HierarchicalMachine, NestedState, NestedTransition

from retake_flow.flow.model import CompositeState, Flow, HistoryState, State
from retake_flow.flow.names import ANY, SEPARATOR, by_precision, longest_match, matches
from retake_flow.flow.state_parts import Route

Names = Mapping[str, Any]


class _Query:
    """A query for the route that an event takes. It stands in for the model; the machine only reads its state.

    Attributes:
        names: Gives the names that guards may use, by the sub-flow they belong to.
    """

    __slots__ = ("names", "route", "state")

    def __init__(self, state: str, names: Callable[[str], Names]) -> None:
        self.state = state
        self.names = names
        self.route: Route | None = None


class _State(NestedState):
    separator = SEPARATOR


class _Transition(NestedTransition):
    """A transition that changes nothing when taken: the engine asks the flow which states are left and entered."""

    def _change_state(self, event_data: EventData) -> None:
        return


class _Machine(HierarchicalMachine):
    state_cls = _State
    transition_cls = _Transition

    #: The states by path, once the machine is complete: descending to each state would dominate the time of a step.
    known: Mapping[str, NestedState] = {}

    def get_state(self, state: Any, hint: list[str] | None = None) -> NestedState:
        if not self.prefix_path and hint is None:
            found = self.known.get(state if isinstance(state, str) else SEPARATOR.join(state))
            if found is not None:
                return found
        return super().get_state(state, hint)


# `transitions` warns of each event that a state has no route for, which is usual here. A level is needed to silence it:
# pytest captures even what does not propagate.
logging.getLogger("transitions").setLevel(logging.ERROR)


class Chart:
    """Finds the route of a flow that an event takes.

    Attributes:
        paths: The path of each state by its name, for the flow itself ("") and for each sub-flow.
        remembered: The paths of the states whose last active inner state must be remembered.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.paths = {
            root: {name: state.path for name, state in named.items()} for root, named in flow.by_name().items()
        }
        self.remembered = frozenset(state.parent for state in flow.states.values() if isinstance(state, HistoryState))
        self._patterns = {pattern for state in flow.states.values() for pattern in state.routes}
        self._machine = _Machine(
            model=None,
            states=[self._nested_state(state) for state in flow.states.values() if not state.parent],
            initial=flow.initial,
            auto_transitions=False,
            send_event=True,
            ignore_invalid_triggers=True,
        )
        self._composites: dict[str, list[str]] = {}  # by each state that they are in
        for composite in (each.path for each in flow.states.values() if isinstance(each, CompositeState)):
            for around in flow.around(composite):
                self._composites.setdefault(around.path, []).append(composite)
        self._restless = {path for path in flow.states if any(around.always for around in flow.around(path))}
        self._machine.known = {path: self._machine.get_state(path) for path in flow.states}
        for state in flow.states.values():
            for trigger, route in self._triggers(state):
                self._machine.add_transition(
                    trigger,
                    state.path,
                    route.to or None,
                    conditions=[partial(_holds, route)] if route.when is not None else None,
                    before=[partial(_take, route)],
                )

    def take(self, state: str, event: str, origin: str, names: Callable[[str], Names]) -> Route | None:
        """The route that an event takes.

        Args:
            state: The path of the innermost active state.
            event: The event's name; "" asks for the routes without an event.
            origin: The path of the state whose own event it is; states inside it are not asked. "" asks all.
            names: Gives the names that guards may use, by the sub-flow they belong to; called only when there
                is a guard.

        Returns:
            The route; None when nothing takes it.

        Raises:
            ExpressionError: A guard could not be evaluated.
        """
        pattern = self._pattern(event)
        trigger = _trigger(pattern, "" if origin == state else origin)
        known = pattern if event else state in self._restless
        if not state or not known or trigger not in self._machine.events:
            return None
        query = _Query(state, names)
        self._machine.trigger_event(query, trigger)
        return query.route

    def expects(self, event: str) -> bool:
        """Whether any state has a route that an event could take."""
        return bool(self._pattern(event))

    def is_named(self, event: str) -> bool:
        """Whether any state has a route for an event that is not for every event."""
        return self._pattern(event) not in ("", ANY)

    def _nested_state(self, state: State) -> dict[str, Any]:
        answer: dict[str, Any] = {"name": state.name}
        if isinstance(state, CompositeState):
            answer["children"] = [self._nested_state(self._flow.states[child]) for child in state.children]
        return answer

    def _triggers(self, state: State) -> Iterator[tuple[str, Route]]:
        """Each trigger that a route of a state answers, with the route, in file order."""
        inside = self._composites.get(state.path, ())
        for route in state.always:
            yield from ((_trigger("", origin), route) for origin in ("", *inside))
        for pattern in by_precision(state.routes):  # `error` takes what `error.KIND` leaves
            for known in self._patterns:
                if matches(pattern, known):
                    for route in state.routes[pattern]:
                        yield from ((_trigger(known, origin), route) for origin in ("", *inside))

    def _pattern(self, event: str) -> str:
        """The longest known pattern that takes an event."""
        return longest_match(event, self._patterns)


def _trigger(pattern: str, origin: str) -> str:
    # Never the bare pattern: `transitions` has names of its own, such as `state`.
    return f"{pattern}@{origin}"


def _holds(route: Route, event_data: EventData) -> bool:
    return route.when is None or route.when.holds(_query(event_data).names(route.root))


def _take(route: Route, event_data: EventData) -> None:
    _query(event_data).route = route


def _query(event_data: EventData) -> _Query:
    return cast("_Query", event_data.model)

"""Exit and entry sets: which states a transition leaves and enters, and in which order.

The engine goes by them, and so does every analysis of paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from retake_flow.flow.model import CompositeState, Flow, HistoryState
from retake_flow.flow.names import SEPARATOR, is_within, parent
from retake_flow.flow.state_parts import Route


class Change(NamedTuple):
    """What a route does to the active states.

    The engine performs the exit effects of the states left, then the effects of the route. Then it leaves these states
    and enters the others, each with its entry effects.

    Attributes:
        domain: The path of the innermost state that is neither left nor entered; "" is the flow itself.
        left: The paths of the states left, innermost first.
        entered: The paths of the states entered, outermost first.
    """

    domain: str
    left: tuple[str, ...]
    entered: tuple[str, ...]

    @classmethod
    def of(cls, flow: Flow, route: Route, active: str, history: Mapping[str, str]) -> Change:
        """The change by a route.

        `active` is the path of the innermost active state, `history` the last active inner state of each state that was
        left.
        """
        if not route.to:
            return cls(route.source, (), ())
        domain = _domain(route)
        return cls(domain, _exit_set(flow, active, domain), entry_set(flow, route.to, domain, history))


def _domain(route: Route) -> str:
    source, target = route.source, route.to
    if target.startswith(source + SEPARATOR) and not route.reenter:
        return source
    around, outer = parent(source), parent(target)
    while around and not is_within(outer, around):
        around = parent(around)
    return around


def _exit_set(flow: Flow, active: str, domain: str) -> tuple[str, ...]:
    return tuple(state.path for state in flow.around(active) if not is_within(domain, state.path))


def entry_set(flow: Flow, target: str, domain: str, history: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of the states entered, outermost first, on the way from `domain` to a target and to what is inside it.

    `history` has the last active inner state of each state that was left, by path; a target that is a history state
    stands for that state.
    """
    innermost = _innermost(flow, target, history)
    return tuple(reversed([state.path for state in flow.around(innermost) if not is_within(domain, state.path)]))


def _innermost(flow: Flow, path: str, history: Mapping[str, str]) -> str:
    """The innermost state that becomes active when a state is the target."""
    while True:
        state = flow.states[path]
        if state.innermost:
            return path
        if not isinstance(state, HistoryState):
            path = first(flow, path)
            continue
        last = history.get(state.parent, "")
        if last not in flow.states:
            path = state.initial or first(flow, state.parent)
        elif state.deep:
            return last
        else:
            depth = state.parent.count(SEPARATOR) + 2 if state.parent else 1
            path = SEPARATOR.join(last.split(SEPARATOR)[:depth])


def first(flow: Flow, path: str) -> str:
    """The path of the initial state of a composite or of the flow itself ("")."""
    around = flow.states.get(path)
    return around.initial if isinstance(around, CompositeState) else flow.initial


def reachable_from(flow: Flow, start: str) -> set[str]:
    """The paths of all states reachable from a state, whatever occurs; including those around it."""
    reached: set[str] = set()
    followed: set[str] = set()
    pending = [start]
    while pending:
        path = pending.pop()
        if path in followed or path not in flow.states:
            continue
        followed.add(path)
        state = flow.states[path]
        for around in flow.around(path):
            reached.add(around.path)
            pending.extend(route.to for route in around.every_route())
        if isinstance(state, CompositeState | HistoryState):
            pending.append(state.initial or first(flow, state.parent))
    return reached

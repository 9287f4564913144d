"""Exit and entry sets: which states a transition leaves and enters, and in which order it does all that it does.

The engine performs these steps, and every analysis of paths follows them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from retake_flow.flow.model import CompositeState, FinalState, Flow, HistoryState, State
from retake_flow.flow.names import SEPARATOR, parent
from retake_flow.flow.state_parts import Effect, Route
from retake_flow.quick_dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Perform:
    """A step of a change: perform effects, in order.

    Attributes:
        root: The path of the sub-flow whose names they use; "" for the flow itself.
        active: The path of the innermost state that is active meanwhile; "" for none.
        scope: The path of the state whose exit drops the delayed events that they raise; "" is the flow itself.
    """

    effects: tuple[Effect, ...]
    root: str
    active: str
    scope: str


@dataclass(slots=True, eq=False)
class Leave:
    """A step of a change: leave a state, and end everything that it began."""

    path: str


@dataclass(slots=True, eq=False)
class Enter:
    """A step of a change: make a state the innermost active one."""

    path: str


@dataclass(slots=True, eq=False)
class SetUp:
    """A step of a change: start the timeout of a state that was entered, and give a sub-flow its inputs."""

    state: State


Step = Perform | Leave | Enter | SetUp


class Change(NamedTuple):
    """What a transition does to the active states.

    Attributes:
        left: The paths of the states left, innermost first.
        entered: The paths of the states entered, outermost first.
        steps: Everything that happens, in order. All exit effects and those of the route come before any state is left,
            since the values of services and questions go with their states.
    """

    left: tuple[str, ...]
    entered: tuple[str, ...]
    steps: tuple[Step, ...]

    @classmethod
    def by_route(cls, flow: Flow, route: Route, active: str, history: Mapping[str, str]) -> Change:
        """The change by a route.

        `active` is the path of the innermost active state, `history` the last active inner state of each state that was
        left.
        """
        if not route.to:
            # No state is left, so all of them stay active, also those inside the one that the route belongs to.
            return cls((), (), (Perform(route.effects, route.root, active, route.source),) if route.effects else ())
        domain = _domain(route)
        left = _outwards(flow, active, domain)
        entered = entry_set(flow, route.to, domain, history)
        return cls(left, entered, _steps(flow, domain, left, entered, route))

    @classmethod
    def at_start(cls, flow: Flow) -> Change:
        """The change by which a run begins."""
        entered = entry_set(flow, flow.initial, "", {})
        return cls((), entered, _steps(flow, "", (), entered))

    @classmethod
    def at_end(cls, flow: Flow, active: str) -> Change:
        """The change by which a run ends; a final state that ends it stays as the place where it ended."""
        left = tuple(state.path for state in flow.around(active) if not isinstance(state, FinalState))
        return cls(left, (), _steps(flow, "", left, ()))


def _steps(
    flow: Flow, domain: str, left: tuple[str, ...], entered: tuple[str, ...], route: Route | None = None
) -> tuple[Step, ...]:
    """The steps of a change in which `domain` is the innermost state that is neither left nor entered, "" the flow."""
    steps: list[Step] = []
    for path in left:
        state = flow.states[path]
        if state.exit:
            steps.append(Perform(state.exit, state.root, path, domain))
    if route is not None and route.effects:
        steps.append(Perform(route.effects, route.root, domain, domain))
    steps += map(Leave, left)
    for path in entered:
        state = flow.states[path]
        steps.append(Enter(path))
        if state.set:
            steps.append(Perform((Effect(state.set),), state.root, path, path))
        if state.timeout is not None or isinstance(state, CompositeState):
            steps.append(SetUp(state))
        if state.entry:
            steps.append(Perform(state.entry, state.root, path, path))
    return tuple(steps)


def _domain(route: Route) -> str:
    """The path of the innermost state that a route neither leaves nor enters; "" is the flow itself."""
    domain = parent(route.source) if route.reenter else route.source
    while domain and not route.to.startswith(domain + SEPARATOR):
        domain = parent(domain)
    return domain


def entry_set(flow: Flow, target: str, domain: str, history: Mapping[str, str]) -> tuple[str, ...]:
    """The paths of the states entered, outermost first, on the way from `domain` to a target and to what is inside it.

    `history` has the last active inner state of each state that was left, by path; a target that is a history state
    stands for that state.
    """
    return _outwards(flow, _innermost(flow, target, history), domain)[::-1]


def _outwards(flow: Flow, path: str, domain: str) -> tuple[str, ...]:
    """The paths from a state to those around it, as far as they are inside `domain`."""
    found = []
    while path != domain:
        found.append(path)
        path = flow.states[path].parent
    return tuple(found)


def _innermost(flow: Flow, path: str, history: Mapping[str, str]) -> str:
    """The innermost state that becomes active when a state is the target."""
    while True:
        state = flow.states[path]
        if state.can_be_innermost:
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


def explore(starts: Iterable[str], onward: Callable[[str], Iterable[str]]) -> dict[str, Iterable[str]]:
    """All that some names lead to, and they themselves, nearest first; each with what it leads to."""
    found: dict[str, Iterable[str]] = {}
    pending = deque(starts)
    while pending:
        name = pending.popleft()
        if name not in found:
            found[name] = onward(name)
            pending.extend(found[name])
    return found


def reachable_from(flow: Flow, start: str) -> set[str]:
    """The paths of all states reachable from a state, whatever occurs; including those around it."""

    def targets(path: str) -> list[str]:
        found = [route.to for around in flow.around(path) for route in around.every_route()]
        if isinstance(state := flow.states[path], CompositeState | HistoryState):
            found.append(state.initial or first(flow, state.parent))
        return [to for to in found if to in flow.states]

    known = [start] if start in flow.states else []
    return {around.path for path in explore(known, targets) for around in flow.around(path)}

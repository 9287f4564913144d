"""Coverage: the states and transitions of a flow that scenarios have reached, and the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from retake_flow.actions.registry import CATALOGUE
from retake_flow.engine.core.chart import Chart, Names
from retake_flow.engine.core.machine import Machine
from retake_flow.flow.model import Flow, HistoryState, State
from retake_flow.flow.state_parts import Route
from retake_flow.testing.runs.observed import Observed, entered_states

#: The identity of a route across two readings of a flow.
Key = tuple[str, str, int, int]


class Coverage:
    """The coverage of one flow."""

    def __init__(self, flow: Flow) -> None:
        """Begin with nothing reached."""
        self.flow = flow
        self._states: set[str] = set()
        self._taken: set[Key] = set()
        self._chart = _RecordingChart(flow, self._taken)

    def machine(self, flow: Flow) -> Machine:
        """The machine of a flow; for the flow under test, it counts each transition that is taken."""
        return Machine(flow, CATALOGUE, self._chart if flow.digest == self.flow.digest else None)

    def see(self, observed: Observed) -> None:
        """Count the states that a run has entered, if it is a run of this flow."""
        if observed.flow.digest == self.flow.digest:
            self._states.update(entered_states(observed))

    def clear(self) -> None:
        """Reset the coverage."""
        self._states.clear()
        self._taken.clear()

    def is_taken(self, route: Route) -> bool:
        """Whether a transition was taken."""
        return key(route) in self._taken

    @property
    def states(self) -> list[State]:
        """All states that can be entered."""
        return [state for state in self.flow.states.values() if not isinstance(state, HistoryState)]

    @property
    def routes(self) -> list[Route]:
        """All transitions, in the order of the file."""
        return list(_routes(self.flow))

    @property
    def missed_states(self) -> list[State]:
        """The states that were never entered."""
        return [state for state in self.states if state.path not in self._states]

    @property
    def missed_routes(self) -> list[Route]:
        """The transitions that were never taken."""
        return [route for route in self.routes if not self.is_taken(route)]

    def as_json(self) -> dict[str, Any]:
        """The numbers, and the missed states and transitions, as JSON data."""
        return {
            "states": {
                "reached": len(self.states) - len(self.missed_states),
                "of": len(self.states),
                "missed": [{"state": state.path, **_place(state)} for state in self.missed_states],
            },
            "transitions": {
                "reached": len(self.routes) - len(self.missed_routes),
                "of": len(self.routes),
                "missed": [
                    {"state": r.source, "on": r.event, "to": r.to, "when": guard(r), **_place(r)}
                    for r in self.missed_routes
                ],
            },
        }


def guard(route: Route) -> str:
    """The condition of a route as written; "" if it has none."""
    return "" if route.when is None else route.when.text


def words(route: Route) -> str:
    """A transition in words: `verification: done → broadcast when result.verified`."""
    condition = f" when {guard(route)}" if route.when is not None else ""
    return f"{route.source}: {route.event or 'always'} → {route.to or '(stays)'}{condition}"


class _RecordingChart(Chart):
    """Notes each route that it finds."""

    def __init__(self, flow: Flow, taken: set[Key]) -> None:
        super().__init__(flow)
        self._taken = taken

    def take(self, state: str, event: str, origin: str, names: Callable[[str], Names]) -> Route | None:
        route = super().take(state, event, origin, names)
        if route is not None:
            self._taken.add(key(route))
        return route


def key(route: Route) -> Key:
    """The identity of a route across two readings of a flow."""
    return (route.source, route.event, route.position.line, route.position.column)


def _routes(flow: Flow) -> Iterator[Route]:
    for state in flow.states.values():
        yield from state.every_route()


def _place(of: State | Route) -> dict[str, Any]:
    return {"file": of.position.file, "line": of.position.line, "column": of.position.column}

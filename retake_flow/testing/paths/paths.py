"""The shortest paths through a flow: to each state, and along each transition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import fault_of
from retake_flow.flow.action_spec import with_own
from retake_flow.flow.graph.transition_graph import Move, Moves, path_to
from retake_flow.flow.model import Flow
from retake_flow.flow.state_parts import Route
from retake_flow.testing.gherkin.coverage import Key, key
from retake_flow.testing.paths.guard_solver import solve, wanted_values

#: How many paths along one transition are examined, the shortest first.
_MOST_WAYS = 12


@dataclass(frozen=True, slots=True)
class Path:
    """A path from the start.

    Attributes:
        moves: The moves in order; the first is the start.
    """

    moves: tuple[Move, ...]

    @property
    def steps(self) -> Iterator[tuple[str, str, str]]:
        """Each move as the state that it leaves, the move, and the state that it enters."""
        for move in self.moves[1:]:
            yield move.source, move.occurrence.name, move.target

    @property
    def states(self) -> list[str]:
        """The innermost states on the path."""
        return [move.target for move in self.moves]


class Paths:
    """All shortest paths of a flow; every guard may hold or fail."""

    def __init__(self, flow: Flow) -> None:
        """Find the paths."""
        self._moves = Moves(flow, with_own(flow, CATALOGUE))
        self._last = self._moves.nearest(self._ways_on)
        self._entering: dict[str, str] = {}
        self._along: dict[Key, list[Move]] = {}
        for reached, last in self._last.items():
            for state in last.entered:
                self._entering.setdefault(state, reached)
            for move in self._ways_on(last):
                if move.route is not None:
                    ways = self._along.setdefault(key(move.route), [])
                    if len(ways) < _MOST_WAYS:
                        ways.append(move)

    def to(self, state: str) -> Path | None:
        """The shortest path into a state; None if there is none."""
        return Path(path_to(self._entering[state], self._last)) if state in self._entering else None

    def along(self, route: Route) -> list[Path]:
        """The paths that end with a transition, the shortest first."""
        return [Path((*path_to(move.source, self._last), move)) for move in self._along.get(key(route), [])]

    def _ways_on(self, last: Move) -> Iterator[Move]:
        """The moves possible after a move, without those whose guard requires another kind of error."""
        for move in self._moves.of(last.target):
            before, _, kind = move.occurrence.name.rpartition("error.")
            wanted = wanted_values(move.refused, move.route.when if move.route else None)
            event = {"name": move.occurrence.name, "kind": kind, "fault": fault_of(kind)}
            if not kind or before or solve(wanted, "event", {}, {"event": event}) is not None:
                yield move

"""The shortest ways through a flow: to each state, and along each transition."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from retake_flow.actions.catalogue import CATALOGUE
from retake_flow.errors import fault_of
from retake_flow.flow.model import Flow, Route
from retake_flow.flow.moves import Move, Moves
from retake_flow.testing.coverage import Key, key
from retake_flow.testing.solving import solve, wishes

#: How many ways along one transition are looked at, the shortest first.
_MOST_WAYS = 12


@dataclass(frozen=True, slots=True)
class Path:
    """A way from the start.

    Attributes:
        moves: What happens, in order; the first is the start.
    """

    moves: tuple[Move, ...]

    @property
    def steps(self) -> Iterator[tuple[str, str, str]]:
        """Each move as the state that it leaves, what happens, and the state that it enters."""
        for move in self.moves[1:]:
            yield move.source, move.occurrence.name, move.target

    @property
    def states(self) -> list[str]:
        """The innermost states that it comes through."""
        return [move.target for move in self.moves]


class Paths:
    """All shortest ways of a flow; guards count as possible both ways."""

    def __init__(self, flow: Flow) -> None:
        """Find them."""
        self._moves = Moves(flow, CATALOGUE)
        self._reached = self._reach()
        self._along: dict[Key, list[Path]] = {}
        for path in self._reached.values():
            for move in self._ways_on(path):
                if move.route is not None:
                    ways = self._along.setdefault(key(move.route), [])
                    if len(ways) < _MOST_WAYS:
                        ways.append(Path((*path.moves, move)))

    def to(self, state: str) -> Path | None:
        """The shortest way into a state; None when there is none."""
        return next((path for path in self._reached.values() if state in path.moves[-1].entered), None)

    def along(self, route: Route) -> list[Path]:
        """The ways that end with a transition, the shortest first."""
        return self._along.get(key(route), [])

    def _ways_on(self, path: Path) -> Iterator[Move]:
        """What can happen next; not where a guard asks for another kind of error."""
        for move in self._moves.of(path.moves[-1].target):
            before, _, kind = move.occurrence.name.rpartition("error.")
            wanted = wishes(move.refused, move.route.when if move.route else None)
            event = {"name": move.occurrence.name, "kind": kind, "fault": fault_of(kind)}
            if not kind or before or solve(wanted, "event", {}, {"event": event}) is not None:
                yield move

    def _reach(self) -> dict[str, Path]:
        """The shortest way to each state that can be the innermost active one, nearest first."""
        start = self._moves.start()
        reached = {start.target: Path((start,))}
        queue = deque([start.target])
        while queue:
            path = reached[queue.popleft()]
            for move in self._ways_on(path):
                if move.target and move.target not in reached:
                    reached[move.target] = Path((*path.moves, move))
                    queue.append(move.target)
        return reached

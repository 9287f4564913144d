"""The shortest paths through a flow: to each state, and along each transition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Final

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import ExpressionError, fault_of
from retake_flow.flow.action_spec import with_own
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.transition_graph import Move, Moves, path_to
from retake_flow.flow.model import Flow
from retake_flow.flow.state_parts import Route
from retake_flow.testing.gherkin.coverage import Key, key

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
            event = {"name": move.occurrence.name, "kind": kind, "fault": fault_of(kind)}
            if not kind or before or solve(move.guards, "event", {}, {"event": event}) is not None:
                yield move


#: A guard, and whether it should hold.
WantedGuard = tuple[Expression, bool]

_MOST_TRIED: Final = 2_000
_NUMBERS: Final = (0, 1, 2, 10, 100, 1000, -1)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_TEXT = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def solve(
    wanted: Sequence[WantedGuard], name: str, schema: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Values for the fields of a name that make guards hold or fail as wanted.

    A guard's conditions on other names are unknown here, so they count as met.

    Args:
        wanted: The guards, and whether each should hold.
        name: A name such as `result`.
        schema: The fields that may be chosen.
        known: Other names with their known values.

    Returns:
        The fields that matter; None if there are no such values.
    """
    fields = [field for field in schema if any(_uses(guard, name, field) for guard, _ in wanted)]
    texts = [guard.text for guard, _ in wanted]
    choices = [list(_candidates(schema[field], texts)) for field in fields]
    for values in islice(product(*choices), _MOST_TRIED):
        chosen = dict(zip(fields, values, strict=True))
        about = {**known.get(name, {}), **chosen}
        if _right(wanted, {**known, **({name: about} if about else {})}):
            return chosen
    return None


def inputs(
    wanted: Sequence[WantedGuard], declared: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs to set so that guards hold or fail as wanted; empty if none are needed, or none are known.

    Args:
        wanted: The guards, and whether each should hold.
        declared: The inputs that may be set.
        known: The values of inputs that are not set.
    """
    names = {"inputs": known}
    asking = [(guard, holds) for guard, holds in wanted if any(chain[0] == "inputs" for chain in guard.names())]
    return {} if _right(asking, names) else solve(asking, "inputs", declared, names) or {}


def _right(wanted: Iterable[WantedGuard], names: Mapping[str, Any]) -> bool:
    for guard, holds in wanted:
        try:
            if guard.holds(names) is not holds:
                return False
        except ExpressionError:
            continue
    return True


def _uses(guard: Expression, name: str, field: str) -> bool:
    return any(chain[:2] == (name, field) for chain in guard.names())


def _candidates(schema: Mapping[str, Any], texts: Sequence[str]) -> Iterator[Any]:
    """Values of a field that may matter to guards: those written in them, and those next to these."""
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    yield from schema.get("enum", ())
    if "boolean" in kinds:
        yield from (True, False)
    if "integer" in kinds or "number" in kinds:
        written = [float(number) for text in texts for number in _NUMBER.findall(text)]
        numbers = dict.fromkeys([*(n + by for n in written for by in (0, 1, -1)), *_NUMBERS])
        yield from (int(number) if number == int(number) else number for number in numbers)
    if "string" in kinds:
        yield from dict.fromkeys([*(a or b for text in texts for a, b in _TEXT.findall(text)), "some text", ""])
    if "null" in kinds:
        yield None

"""State space of a flow for the rules: all paths, the facts on each, and the undos that are then owed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from retake_flow.errors import fault_of
from retake_flow.flow.expressions import guards
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.transition_graph import Move, Moves, Occurrence
from retake_flow.flow.model import ActionState, Activity, FinalState, Flow
from retake_flow.flow.names import parent
from retake_flow.flow.rules.propositions import Fact, Facts
from retake_flow.flow.state_parts import Route


class Node(NamedTuple):
    """The position of a path.

    Attributes:
        leaf: The innermost active state; "" once the run has ended.
        kept: The states inside this one were entered but have not begun their work; None when all have begun.
        owed: The states whose undos are owed, in the order in which their actions began last.
        seen: The watched states that were entered before.
    """

    leaf: str
    kept: str | None = None
    owed: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()


class Edge(NamedTuple):
    """One step onward.

    Attributes:
        move: The move; None when the entered states begin their work.
    """

    move: Move | None
    facts: tuple[Fact, ...]
    after: Node


class StateSpace:
    """The graph of all paths.

    `watched` are the paths of the states for which it matters whether they were entered before.
    """

    def __init__(self, flow: Flow, moves: Moves, facts: Facts, watched: frozenset[str] = frozenset()) -> None:
        self._flow = flow
        self._moves = moves
        self._facts = facts
        self._watched = watched
        self._known: dict[Node, tuple[Edge, ...]] = {}
        self._known_moves: dict[tuple[str, bool], list[tuple[Move, tuple[Fact, ...], Mapping[str, str]]]] = {}

    def watch(self, watched: frozenset[str]) -> StateSpace:
        """The same graph, which also distinguishes whether some states were entered before."""
        space = StateSpace(self._flow, self._moves, self._facts, watched)
        space._known_moves = self._known_moves
        return space

    def start(self) -> Edge:
        """The start of a path."""
        return self._entering(self._moves.start(), (), Node(""))

    def of(self, node: Node) -> tuple[Edge, ...]:
        """Every step onward; of those that rules cannot distinguish, the first."""
        if node not in self._known:
            found: dict[tuple[tuple[Fact, ...], Node], Edge] = {}
            for edge in self._edges(node):
                if edge.facts or edge.after != node:
                    found.setdefault((edge.facts, edge.after), edge)
            self._known[node] = tuple(found.values())
        return self._known[node]

    def doubtful(self, moves: Iterable[Move]) -> frozenset[str]:
        """The states for which a path wrongly assumes that they were, or were not, entered before."""
        seen: frozenset[str] = frozenset()
        for move in moves:
            asked = self._visits_read(move)
            if not _possible(self._guards(move), move, {name: path in seen for name, path in asked.items()}):
                return frozenset(asked.values())
            seen |= set(move.entered)
        return frozenset()

    # --- the edges ----------------------------------------------------------------------------------------------

    def _edges(self, node: Node) -> Iterator[Edge]:
        if not node.leaf:
            return
        for move, facts, visits in self._moves_with_facts(node.leaf, begun=node.kept is None):
            if not self._watched or self._fits_history(move, visits, node.seen):
                yield self._edge_along(move, facts, node)
        if node.kept is None:
            for event, who, facts in self._facts.repeats(node.leaf):
                yield Edge(_stay(node.leaf, event, who), facts, node)
        elif not self._moves.passes(node.leaf):
            yield self._begin_work(None, (), node)

    def _moves_with_facts(self, leaf: str, *, begun: bool) -> list[tuple[Move, tuple[Fact, ...], Mapping[str, str]]]:
        """The moves of a state with their facts and the states whose visits their guards read.

        Of those with the same facts and effects, the first.
        """
        key = (leaf, begun)
        if key not in self._known_moves:
            known_moves: dict[tuple[object, ...], tuple[Move, tuple[Fact, ...], Mapping[str, str]]] = {}
            for move in self._moves.of(leaf) if self._facts.tells_errors else self._moves.distinct(leaf):
                name = move.occurrence.name
                if not begun and name and name not in self._moves.raised_events:
                    continue
                known = self._guards(move)
                if not known or _possible(known, move, {}):
                    facts = self._facts.move_facts(move, begun=begun)
                    visits = self._visits_read(move) if known else {}
                    asked: object = (move.refused, id(move.route)) if visits else move.route is None
                    known_moves.setdefault((facts, move.left, move.entered, asked), (move, facts, visits))
            self._known_moves[key] = list(known_moves.values())
        return self._known_moves[key]

    def _edge_along(self, move: Move, facts: tuple[Fact, ...], node: Node) -> Edge:
        if move.route is None:
            return self._end(move, facts, node)
        facts += self._facts.leave_facts(move.left, move.source, node.owed)
        owed = tuple(path for path in node.owed if self._flow.states[path].parent not in move.left)
        after = Node(node.leaf, node.kept, owed, node.seen)
        return self._entering(move, facts, after) if move.entered else Edge(move, facts, after)

    def _entering(self, move: Move, facts: tuple[Fact, ...], node: Node) -> Edge:
        scope, leaf = parent(move.entered[0]), move.entered[-1]
        if node.kept is not None and len(node.kept) < len(scope):
            scope = node.kept
        facts += tuple(self._facts.enter_facts(move.entered, leaf))
        after = Node(leaf, scope, node.owed, node.seen | self._watched.intersection(move.entered))
        if self._moves.raised_events or self._moves.may_pass(leaf):
            return Edge(move, facts, after)
        return self._begin_work(move, facts, after)

    def _begin_work(self, move: Move | None, facts: tuple[Fact, ...], node: Node) -> Edge:
        leaf, state = node.leaf, self._flow.states[node.leaf]
        facts += self._facts.begin_facts(leaf, node.kept or "")
        undo = self._facts.owed_undo(leaf)
        owed = (*(path for path in node.owed if path != undo), undo) if undo else node.owed
        after = Node(leaf, None, owed, node.seen)
        if isinstance(state, FinalState) and not state.ends:
            return self._end(move, facts, after)
        return Edge(move, facts, after)

    def _end(self, move: Move | None, facts: tuple[Fact, ...], node: Node) -> Edge:
        left = (*self._moves.end(node.leaf).left, "")
        return Edge(move, facts + self._facts.leave_facts(left, node.leaf, node.owed), Node(""))

    # --- guards that ask what was entered ------------------------------------------------------------------------

    def _fits_history(self, move: Move, visits: Mapping[str, str], seen: frozenset[str]) -> bool:
        """Whether the watched states were entered, or not, as the guards of a move require."""
        asked = {name: path in seen for name, path in visits.items() if path in self._watched}
        return not asked or _possible(self._guards(move), move, asked)

    def _visits_read(self, move: Move) -> dict[str, str]:
        """The states whose number of visits the guards of a move read: paths by name."""
        if move.route is None:
            return {}
        names = {name for guard, _ in self._guards(move) for name in guards.visited_states(guard.text)}
        found = {name: self._facts.state_named(move.route.root, name) for name in names}
        return {name: state.path for name, state in found.items() if state is not None}

    def _guards(self, move: Move) -> tuple[tuple[Expression, bool], ...]:
        """The guards of a move that use the names of its route, each with whether it held."""
        if move.route is None:
            return ()
        same = self._flow.states[move.source].root == move.route.root
        return move.guards if same else move.guards[len(move.refused) :]


def _possible(known: tuple[tuple[Expression, bool], ...], move: Move, entered: Mapping[str, bool]) -> bool:
    """Whether the guards of a move can have the required values, given its event and the entered states."""
    if not known or move.route is None:
        return True
    kind = move.occurrence.name.rpartition("error.")[2]
    values = {"event.kind": kind, "event.fault": fault_of(kind)} if kind != move.occurrence.name else {}
    return not any(guards.truth(guard.text, entered, values) is (not held) for guard, held in known)


def _stay(leaf: str, event: str, who: ActionState | Activity) -> Move:
    """A repetition as a move that neither leaves nor enters a state."""
    route = Route(event, "", None, (), who.position, source=leaf)
    return Move(leaf, Occurrence(((event, ""),), who.key), route, (), (), (), ())

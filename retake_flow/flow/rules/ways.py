"""All ways of a flow as a graph: what happens on each, as far as rules name it, and what is then owed and going on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from retake_flow.flow.catalogue import Catalogue
from retake_flow.flow.expressions import Expression
from retake_flow.flow.model import SEPARATOR, Activity, Flow, Route, State
from retake_flow.flow.moves import Move, Moves, Occurrence
from retake_flow.flow.problems import Position
from retake_flow.flow.rules import guards
from retake_flow.flow.rules.facts import SOMEHOW, STOPPED, Fact
from retake_flow.flow.rules.guards import Literal
from retake_flow.flow.rules.model import RUN, Rule


class Node(NamedTuple):
    """Where a path has come to.

    Attributes:
        leaf: The innermost active state; "" when the run has ended.
        kept: What is inside this state was entered and has not begun what it is for; None when all has begun.
        owed: The states whose undos are owed.
        seen: Of the states that are watched, those that were entered before.
    """

    leaf: str
    kept: str | None
    owed: frozenset[str]
    seen: frozenset[str]


class Way(NamedTuple):
    """One way on.

    Attributes:
        move: The move; None when what was entered begins what it is for.
        facts: What happens on it, as far as rules name it.
        after: Where it leads.
    """

    move: Move | None
    facts: tuple[Fact, ...]
    after: Node


class Words:
    """What rules name, so that nothing else has to be followed."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        terms = [term for rule in rules for term in rule.terms]
        self.verbs = frozenset(term.verb for term in terms)
        self.actions = frozenset(term.name for term in terms if term.verb in ("begins", "done", "ends"))
        self.guards = any(term.where is not None for term in terms)


class Ways:
    """The graph of all ways.

    Args:
        flow: The flow, without mistakes.
        catalogue: What its actions are.
        moves: Its moves.
        words: What rules name.
        watched: The paths of the states of which it matters whether they were entered before.
    """

    def __init__(
        self, flow: Flow, catalogue: Catalogue, moves: Moves, words: Words, watched: frozenset[str] = frozenset()
    ) -> None:
        self._flow = flow
        self._catalogue = catalogue
        self._moves = moves
        self._words = words
        self._watched = watched
        self._known: dict[Node, tuple[Way, ...]] = {}
        self._paths: dict[str, dict[str, str]] = {}
        for path, state in flow.states.items():
            self._paths.setdefault(state.root, {})[state.name] = path
        self._raises = moves.raised

    def start(self) -> Way:
        """How a path begins."""
        return self._entering(self._moves.start(), [], Node("", None, frozenset(), frozenset()))

    def of(self, node: Node) -> tuple[Way, ...]:
        """Every way on; of those that differ in nothing that rules name, the first."""
        if node not in self._known:
            found: dict[tuple[tuple[Fact, ...], Node], Way] = {}
            for way in self._ways(node):
                if way.facts or way.after != node:
                    found.setdefault((way.facts, way.after), way)
            self._known[node] = tuple(found.values())
        return self._known[node]

    def doubtful(self, moves: Iterable[Move]) -> frozenset[str]:
        """The states of which a path pretends that they were, or were not, entered before."""
        seen: frozenset[str] = frozenset()
        for move in moves:
            asked = self._asked(move)
            if not self._possible(move, asked, seen):
                return frozenset(asked.values())
            seen |= set(move.entered)
        return frozenset()

    # --- the ways ----------------------------------------------------------------------------------------------

    def _ways(self, node: Node) -> Iterator[Way]:
        if not node.leaf:
            return
        arrived = node.kept is not None
        for move in self._moves.of(node.leaf):
            if arrived and move.occurrence.name and move.occurrence.name not in self._raises:
                continue  # first what was entered begins what it is for
            asked = self._asked(move) if self._watched else {}
            asked = {name: path for name, path in asked.items() if path in self._watched}
            if self._possible(move, asked, node.seen):
                yield self._taken(move, node)
        if not arrived:
            yield from self._repeats(node)
        elif not self._left_at_once(node.leaf):
            yield self._settled(None, [], node)

    def _taken(self, move: Move, node: Node) -> Way:
        facts = [*(self._came_of(move) if node.kept is None else ()), *self._shown(move)]
        if "takes" in self._words.verbs and move.occurrence.name:
            facts.append(Fact("takes", move.occurrence.name, move.source, known=self._sure(move), position=_at(move)))
        if move.route is None:
            return self._ended(move, facts, node, move.left)
        facts += self._leaving(move.left, move.source, node.owed)
        owed = frozenset(path for path in node.owed if self._flow.states[path].parent not in move.left)
        if not move.entered:
            return Way(move, tuple(facts), node._replace(owed=owed))
        return self._entering(move, facts, node._replace(owed=owed))

    def _entering(self, move: Move, facts: list[Fact], node: Node) -> Way:
        scope, leaf = _outside(move.entered[0]), move.entered[-1]
        if node.kept is not None and len(node.kept) < len(scope):
            scope = node.kept
        if "enters" in self._words.verbs:
            facts += [Fact("enters", path, leaf, position=self._flow.states[path].position) for path in move.entered]
        after = Node(leaf, scope, node.owed, node.seen | (self._watched & set(move.entered)))
        if any(state.always for state in self._flow.around(leaf)) or self._raises:
            return Way(move, tuple(facts), after)
        return self._settled(move, facts, after)

    def _settled(self, move: Move | None, facts: list[Fact], node: Node) -> Way:
        """What was entered begins what it is for: the outermost first, its activities before what is inside it."""
        leaf, kept = node.leaf, node.kept or ""
        for state in reversed(list(self._flow.around(leaf))):
            if len(state.path) > len(kept):
                for activity in _in_order(state.activities):
                    facts += self._of(activity, "begins", leaf)
        state = self._flow.states[leaf]
        facts += self._of(state, "begins", leaf)
        owed = node.owed | {leaf} if state.undo is not None and state.undo.do in self._words.actions else node.owed
        if "holds" in self._words.verbs:
            facts.append(Fact("settles", "", leaf, position=state.position))
        after = Node(leaf, None, owed, node.seen)
        if state.final and not state.root:
            return self._ended(move, facts, after, tuple(around.path for around in self._flow.around(leaf)))
        return Way(move, tuple(facts), after)

    def _ended(self, move: Move | None, facts: list[Fact], node: Node, left: tuple[str, ...]) -> Way:
        facts += self._leaving((*left, ""), node.leaf, node.owed)
        facts.append(Fact("ends", RUN, node.leaf, position=self._flow.states[node.leaf].position))
        return Way(move, tuple(facts), Node("", None, frozenset(), frozenset()))

    def _leaving(self, paths: Iterable[str], leaf: str, owed: frozenset[str]) -> Iterator[Fact]:
        """What leaving states ends, innermost first, and then takes back."""
        for path in paths:
            state = self._flow.states.get(path)
            if state is not None:
                for activity in reversed(_in_order(state.activities)):
                    yield from self._of(activity, "ends", leaf, STOPPED)
                if "leaves" in self._words.verbs:
                    yield Fact("leaves", path, leaf, position=state.position)
            for other in sorted(owed):
                undo, position = self._flow.states[other].undo, self._flow.states[other].position
                if undo is not None and self._flow.states[other].parent == path:
                    yield Fact("begins", undo.do, leaf, inputs=undo.inputs, position=position)
                    yield Fact("ends", undo.do, leaf, "done", inputs=undo.inputs, position=position)

    # --- what a move tells of actions --------------------------------------------------------------------------

    def _came_of(self, move: Move) -> Iterator[Fact]:
        """The end of the action that a move comes from."""
        place, name = move.occurrence.place, move.occurrence.name
        if ":" in place:
            yield from self._of_activity(self._activity(place), name, move.source, self._sure(move))
        elif place and (place, name) != (move.occurrence.names[0][1], "timeout"):
            state = self._flow.states[place]
            yield from self._of(state, "ends", move.source, name, self._sure(move) | self._until(state, name))

    def _shown(self, move: Move) -> Iterator[Fact]:
        """What guards show of how actions have ended before."""
        root = move.route.root if move.route is not None else ""
        for name, shown in guards.of_outputs(self._sure(move)).items():
            path = self._paths[root].get(name, "")
            if path and self._flow.states[path].do in self._words.actions:
                state = self._flow.states[path]
                yield Fact("shows", state.do, move.source, known=shown, position=_at(move))

    def _of_activity(self, activity: Activity, name: str, leaf: str, known: frozenset[Literal]) -> Iterator[Fact]:
        raised = dict(activity.raises)
        if name in raised:
            known = known | guards.literals(raised[name].text, held=True)
            for outcome in self._outcomes(activity.do):
                yield from self._of(activity, "ends", leaf, outcome, known)
            return
        what = name.removeprefix(f"{activity.name}.")
        if what != "ready" and activity.ask is None:
            yield from self._of(activity, "ends", leaf, what, known)

    def _until(self, state: State, outcome: str) -> frozenset[Literal]:
        if state.poll is None or not self._words.guards or outcome.startswith("error"):
            return frozenset()
        return guards.literals(state.poll.until.text, held=True)

    def _sure(self, move: Move) -> frozenset[Literal]:
        """The conditions that are sure on a move."""
        if move.route is None or not self._words.guards:
            return frozenset()
        held = guards.literals(move.route.when.text, held=True) if move.route.when is not None else frozenset()
        return held.union(*(guards.literals(guard.text, held=False) for guard in move.refused))

    def _of(
        self, who: State | Activity, verb: str, leaf: str, outcome: str = "", known: frozenset[Literal] = frozenset()
    ) -> Iterator[Fact]:
        """What happens to the action of a state or an activity, when rules name it."""
        if who.do in self._words.actions:
            yield Fact(verb, who.do, leaf, outcome, known, who.inputs, who.position)

    def _repeats(self, node: Node) -> Iterator[Way]:
        """What is done again while the states stay as they are."""
        doing: list[State | Activity] = [self._flow.states[node.leaf]]
        for around in self._flow.around(node.leaf):
            doing += around.activities.values()
        for who in doing:
            if who.do in self._words.actions:
                for event, ends in self._rounds(who, node.leaf):
                    facts = tuple(ends) if event == "done" else (*ends, *self._of(who, "begins", node.leaf))
                    place = who.path if isinstance(who, State) else who.key
                    yield Way(_stay(node.leaf, event, place, who.position), facts, node)

    def _rounds(self, who: State | Activity, leaf: str) -> Iterator[tuple[str, Iterable[Fact]]]:
        """Each way in which an action can end without an event, and what follows: `again`, or nothing (`done`)."""
        spec = self._catalogue.get(who.do)
        service = spec is not None and spec.service
        if who.retry is not None or (isinstance(who, Activity) and who.every is not None):
            yield "again", self._of(who, "ends", leaf, "exited" if service else "error")
        if isinstance(who, State):
            if who.poll is not None:
                refused = guards.literals(who.poll.until.text, held=False)
                for outcome in self._outcomes(who.do):
                    yield "again", self._of(who, "ends", leaf, outcome, refused)
        elif not service:
            for outcome in self._outcomes(who.do):
                yield "done" if who.every is None else "again", self._of(who, "ends", leaf, outcome)

    def _outcomes(self, action: str) -> tuple[str, ...]:
        spec = self._catalogue.get(action)
        return spec.outcomes if spec is not None else (SOMEHOW,)

    def _activity(self, key: str) -> Activity:
        scope, _, name = key.rpartition(":")
        return self._flow.states[scope].activities[name]

    def _left_at_once(self, leaf: str) -> bool:
        """Whether a transition without an event and without a guard leads away from a state."""
        return any(route.when is None for state in self._flow.around(leaf) for route in state.always)

    # --- guards that ask what was entered ------------------------------------------------------------------------

    def _asked(self, move: Move) -> dict[str, str]:
        """The states of which the guards of a move ask how often they were entered: paths by name."""
        if move.route is None:
            return {}
        names = {name for guard in self._guards(move) for name in guards.visited(guard.text)}
        paths = self._paths[move.route.root]
        return {name: paths[name] for name in names if name in paths}

    def _guards(self, move: Move) -> Iterator[Expression]:
        """The guards of a move that use the names of the route that it takes."""
        if move.route is None:
            return
        if move.route.when is not None:
            yield move.route.when
        if self._flow.states[move.source].root == move.route.root:
            yield from move.refused

    def _possible(self, move: Move, asked: Mapping[str, str], seen: frozenset[str]) -> bool:
        """Whether the guards of a move can be as they have to be, as far as that hangs on what was entered."""
        if not asked or move.route is None:
            return True
        entered = {name: path in seen for name, path in asked.items()}
        return not any(guards.truth(g.text, entered) is (g is not move.route.when) for g in self._guards(move))


def _in_order(activities: Mapping[str, Activity]) -> list[Activity]:
    """Activities in the order in which they begin: as written, each after what it needs."""
    ordered: dict[str, Activity] = {}

    def put(activity: Activity, chain: tuple[str, ...]) -> None:
        needed = activities.get(activity.needs or "")
        if needed is not None and needed.name not in chain:
            put(needed, (*chain, needed.name))
        ordered.setdefault(activity.name, activity)

    for activity in activities.values():
        put(activity, (activity.name,))
    return list(ordered.values())


def _stay(leaf: str, event: str, place: str, position: Position) -> Move:
    route = Route(event, "", None, {}, position, source=leaf)
    return Move(leaf, Occurrence(((event, ""),), place), route, (), (), ())


def _at(move: Move) -> Position:
    return move.route.position if move.route is not None else Position("", 1, 1)


def _outside(path: str) -> str:
    return path.rpartition(SEPARATOR)[0]

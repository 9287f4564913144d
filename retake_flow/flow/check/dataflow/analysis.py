"""Data-flow analysis: follows facts along the moves of a flow, in the order in which the engine evaluates.

A fact that holds on every path to a place is certain there; one that holds on some path is possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from operator import and_, or_
from typing import Any

from retake_flow.flow.check.dataflow.facts import Facts, News
from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.references import assured_names
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.graph.exit_entry_sets import Leave, Perform, SetUp
from retake_flow.flow.graph.transition_graph import Move, Moves, Occurrence
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    Flow,
    State,
    SubFlowState,
    work_values,
)
from retake_flow.flow.names import SEPARATOR
from retake_flow.flow.state_parts import Effect
from retake_flow.quick_dataclasses import dataclass

#: Takes what is evaluated, the path of the sub-flow whose names it uses, the current facts, and what has just happened
#: (None when that may be anything).
See = Callable[[Any, str, int, "Occurrence | None"], None]


def _blind(value: Any, root: str, facts: int, now: Occurrence | None) -> None:
    """Ignores what is evaluated."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """The target of a move, and its effect on facts.

    Attributes:
        kept: The facts after it, if all held before.
        come: The facts after it, if none held before.
        move: The move itself, if the two do not describe it fully.
    """

    target: str
    kept: int
    come: int
    move: Move | None

    def after(self, facts: int, take: Callable[[Move, int, See], int]) -> int:
        """The facts after it."""
        return (facts & self.kept) | self.come if self.move is None else take(self.move, facts, _blind)


class Walk:
    """Follows the moves of a flow to find what they evaluate.

    Attributes:
        certain: The facts on entering each reachable innermost state that hold on every path there.
    """

    def __init__(self, flow: Flow, moves: Moves, declarations: Declarations, *, guessing: bool = False) -> None:
        """Follow the facts.

        `guessing` means that parts of the flow are missing, so that its paths are unknown: assume that every innermost
        state is reached and that every fact that could hold does.
        """
        self.facts = Facts(flow, declarations)
        self._news = News(flow, self.facts, declarations)
        self._flow = flow
        self._moves = moves
        self._declarations = declarations
        self._assured: dict[tuple[Expression, bool, str], int] = {}
        self._steps: dict[str, tuple[Move, ...]] = {}
        self._activities = {path: self._facts_of_activities(state) for path, state in flow.states.items()}
        self._meet: Callable[[int, int], int] = and_  # joins what holds after effects with and without their condition
        self._guessing = guessing
        self.certain = self._everywhere() if guessing else self._spread(self._explore())

    # --- all paths ----------------------------------------------------------------------------------------

    def _everywhere(self) -> dict[str, int]:
        states = self._flow.states.values()
        return {state.path: self.facts.every for state in states if state.can_be_innermost}

    def _explore(self) -> dict[str, list[_Edge]]:
        """The reachable innermost states, each after those it is reached from, with the edges that lead on."""
        start = self._moves.start().target
        found: dict[str, list[_Edge]] = {}
        done: list[str] = []
        pending = [start]
        while pending:
            source = pending[-1]
            if source not in found:
                found[source] = [self._edge(move) for move in self.steps(source) if move.target]
                pending.extend(edge.target for edge in found[source] if edge.target not in found)
            else:
                pending.pop()
                done.append(source)
        return {source: found[source] for source in dict.fromkeys(reversed(done))}

    def _edge(self, move: Move) -> _Edge:
        """The effect of a move on any facts; only the end of a sub-flow depends on them."""
        source = self._flow.states[move.source]
        if isinstance(source, FinalState) and source.ends_flow:
            return _Edge(move.target, 0, 0, move)
        kept, come = self.take(move, self.facts.every, _blind), self.take(move, 0, _blind)
        if not move.entered:  # the event that entered the state stays the same
            kept, come = kept | self.facts.of_event, come & ~self.facts.of_event
        return _Edge(move.target, kept, come, None)

    def _spread(self, edges: Mapping[str, list[_Edge]]) -> dict[str, int]:
        """The facts in each reachable innermost state."""
        start = self._moves.start()
        found = {start.target: self.take(start, 0, _blind)}
        order = list(edges)
        changed = set(found)
        while changed:
            # In both directions, since facts can come from either side.
            for source in order:
                if source in changed:
                    changed.discard(source)
                    for edge in edges[source]:
                        facts = edge.after(found[source], self.take)
                        known = found.get(edge.target)
                        met = facts if known is None else self._meet(known, facts)
                        if met != known:
                            found[edge.target] = met
                            changed.add(edge.target)
            order.reverse()
        return found

    def steps(self, source: str) -> tuple[Move, ...]:
        """The moves from an innermost state; one for each set that does not differ in facts."""
        if source not in self._steps:
            different: dict[tuple[object, ...], Move] = {}
            for move in self._moves.distinct(source):
                caught = self._news.of(move.occurrence)
                key = (id(move.route), move.target, move.occurrence.place, caught, *map(id, move.refused))
                different.setdefault(key, move)
            self._steps[source] = tuple(different.values())
        return self._steps[source]

    def see_certain(self, see: See) -> None:
        """Show everything that is evaluated on any path, with the facts that hold on every path there."""
        self._see_all(see, self.certain)

    def see_possible(self, see: See) -> None:
        """Show everything that is evaluated on any path, with the facts that hold on some path there."""
        self._meet = or_
        self._see_all(see, self.certain if self._guessing else self._spread(self._explore()))
        self._meet = and_

    def _see_all(self, see: See, facts: Mapping[str, int]) -> None:
        self.take(self._moves.start(), 0, see)
        self._begin_activities(self._moves.start(), facts, see)
        for source, known in facts.items():
            self._settle(self._flow.states[source], known, see)
            for move in self.steps(source):
                self.take(move, known, see)
                self._begin_activities(move, facts, see)

    def path_without(self, needed: int, sought: Expression) -> tuple[str, ...]:
        """The innermost states on a shortest path to an evaluation of an expression without all facts that it needs."""
        found: list[int] = []

        def see(value: Any, root: str, facts: int, now: Occurrence | None) -> None:
            if needed & ~facts and any(expression is sought for expression in templates(value)):
                found.append(facts)

        start = self._moves.start()
        facts = {start.target: self.take(start, 0, see)}
        before = {start.target: ""}
        self._begin_activities(start, facts, see)
        pending = deque([start.target])
        end = start.target
        while pending and not found:
            source = end = pending.popleft()
            self._settle(self._flow.states[source], facts[source], see)
            for move in self.steps(source):
                if found:
                    break
                known = self.take(move, facts[source], see)
                if move.target and move.target not in facts and needed & ~known:
                    facts[move.target], before[move.target] = known, source
                    pending.append(move.target)
                    self._begin_activities(move, facts, see)
                    end = move.target if found else source
        return _path(before, end) if found else ()

    # --- one move -----------------------------------------------------------------------------------------

    def take(self, move: Move, facts: int, see: See) -> int:
        """The facts after a move from an innermost state with these; `see` receives what is evaluated meanwhile."""
        facts = self._happen(move, facts)
        route, now = move.route, move.occurrence if move.source and move.occurrence.name else None
        root = route.root if route is not None else ""
        for guard, held in move.guards:
            if held:
                see(guard, root, facts, now)
            facts |= self._known_by(guard, held, root)
        for step in move.steps:
            match step:
                case Leave():
                    facts &= ~self._activities[step.path]
                case Perform():
                    known = now if route is not None and step.effects is route.effects else None
                    facts = self._effects(step.effects, step.root, facts, see, known)
                case SetUp():
                    facts = self._set_up(step.state, facts, see)
        return facts

    def _happen(self, move: Move, facts: int) -> int:
        """The facts after an occurrence, before any guard is evaluated."""
        if not move.occurrence.name:
            # An eventless route that is always taken is taken on entering, when the event that led there is known.
            return facts if not move.source or self._moves.passes(move.source) else facts & ~self.facts.of_event
        gone, come = self._news.of(move.occurrence)
        facts = facts & ~self.facts.of_event
        source = self._flow.states[move.source]
        if isinstance(source, FinalState) and source.ends_flow:
            root = source.root
            lifted = self.facts.lift(root, facts)
            facts &= ~self.facts.under(("outputs", root))
            return facts | lifted | come | self.facts.these([("outputs", root)])
        if move.occurrence.place == move.source and isinstance(source, ActionState):
            come |= self.facts.these([("activities", source.root, needed) for needed in source.needs])
        return (facts & ~gone) | come

    def _known_by(self, guard: Expression, holds: bool, root: str) -> int:
        key = (guard, holds, root)
        if key not in self._assured:
            mask = 0
            for chain in assured_names(guard, holds):
                mask |= self.facts.of_name(root, chain)
            self._assured[key] = mask
        return self._assured[key]

    # --- leaving and entering -----------------------------------------------------------------------------

    def _facts_of_activities(self, state: State) -> int:
        return self.facts.these([("activities", state.root, name) for name in state.activities])

    def _set_up(self, state: State, facts: int, see: See) -> int:
        if isinstance(state, SubFlowState):
            see(state.inputs, state.root, facts, None)
            for name in self._declarations.states_of(state.path):
                facts &= ~self.facts.under(("outputs", state.path + SEPARATOR + name))
            facts &= ~self.facts.under(("vars", state.path))
        if isinstance(state, CompositeState) and state.retry is not None:
            see(state.retry.values, state.root, facts & ~self.facts.of_event, None)
        see(state.timeout, state.root, facts, None)
        return facts

    def _effects(self, effects: Iterable[Effect], root: str, facts: int, see: See, now: Occurrence | None) -> int:
        for effect in effects:
            condition, without = effect.condition, facts
            if condition is not None:
                see(condition, root, facts, now)
                facts, without = (facts | self._known_by(condition, held, root) for held in (True, False))
            if effect.set:
                see(effect.set, root, facts, now)
                facts |= self.facts.these([("vars", root, name) for name in effect.set])
            for each in effect.raises:
                see((each.data, each.after), root, facts, now)
            if effect.tell is not None:
                see(effect.tell.message, root, facts, now)
            facts = facts if condition is None else self._meet(facts, without)
        return facts

    # --- what begins in a state ---------------------------------------------------------------------------

    def _settle(self, state: State, facts: int, see: See) -> None:
        """Evaluate the work of an innermost state, once it has been entered."""
        root = state.root
        if not isinstance(state, ActionState):
            see(work_values(state), root, facts, None)
            return
        later = facts & ~self.facts.of_event
        begun = later if state.poll or state.retry or state.needs else facts
        begun |= self.facts.these([("activities", root, needed) for needed in state.needs])
        see((state.inputs, state.undo.inputs if state.undo else None), root, begun, None)
        if state.retry:
            see(state.retry.values, root, later, None)
        if state.poll:
            done = next(iter(self._moves.own(state)), None)
            see((state.poll.delay, state.poll.timeout, state.poll.every), root, later, None)
            if done is not None:
                see(state.poll.until, root, later | self._news.of(done)[1], done)

    def _begin_activities(self, move: Move, facts: Mapping[str, int], see: See) -> None:
        for path in move.entered:
            for activity in self._flow.states[path].activities.values():
                self._start(activity, facts[move.target], see)

    def _start(self, activity: Activity, facts: int, see: See) -> None:
        root, later = activity.root, facts & ~self.facts.of_event
        if activity.ask is not None:
            see(activity.ask.work, root, facts, None)
            return
        ready = self.facts.these([("activities", root, needed) for needed in activity.needs])
        begun = later | ready if activity.needs else facts
        retried = activity.retry and activity.retry.values
        see((activity.inputs, activity.every, activity.quiet, activity.delay, retried), root, begun, None)
        for event, condition in activity.raises:
            raised_ = Occurrence(((event, ""),), activity.key)
            see(condition, root, later | self._news.of(raised_)[1], raised_)


def _path(before: Mapping[str, str], end: str) -> tuple[str, ...]:
    path: list[str] = []
    while end:
        path.append(end)
        end = before[end]
    return tuple(reversed(path))

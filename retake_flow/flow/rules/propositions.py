"""Propositions: facts about the paths of a flow, limited to what the rules name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from retake_flow.flow.action_spec import Catalogue, names_of, retry_of
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions import guards
from retake_flow.flow.expressions.guards import Literal
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.model import ActionState, Activity, Flow, State, performers
from retake_flow.flow.rules.model import RUN, Rule
from retake_flow.quick_dataclasses import dataclass

#: The outcomes of an action of which nothing is known, and of a service that ends with its state.
SOMEHOW, STOPPED = "?", "stopped"
#: The outcomes that do not count as done.
UNWELL = ("error", "exited", STOPPED)
_NOTHING: frozenset[Literal] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """One thing that happens. Equal facts share one object, so they can be compared by identity.

    Attributes:
        verb: As in `Term`; also `shows`, for a guard that reads an earlier outcome of an action, and `settles`.
        known: What is certain of its result.
        position: The position in the flow of its cause.
    """

    verb: str
    name: str
    at: str
    outcome: str
    known: frozenset[Literal]
    inputs: Mapping[str, Any]
    position: Position


class Words:
    """The names in the rules, so that nothing else needs to be followed."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        terms = [term for rule in rules for term in rule.terms]
        self.verbs = frozenset(term.verb for term in terms)
        self.actions = frozenset(term.name for term in terms if term.verb in ("begins", "done", "ends"))
        self.outcomes = frozenset(term.outcome for term in terms if term.outcome)
        named = (*self.outcomes, *(term.name for term in terms if term.verb == "takes"))
        self.errors = any("error." in name for name in named)
        wheres = {term.where.text for term in terms if term.where is not None}
        self.said = frozenset(said for where in wheres for said, _ in guards.literals(where, held=True))


class Facts:
    """Gives the facts of a flow."""

    def __init__(self, flow: Flow, catalogue: Catalogue, words: Words) -> None:
        self._flow = flow
        self._catalogue = catalogue
        self._words = words
        #: Whether it matters with which error an action ends.
        self.tells_errors = words.errors
        self._known: dict[tuple[object, ...], Fact] = {}
        self._owed: dict[tuple[str, str, str], str] = {}
        self._by_name = flow.by_name()
        # A path is examined several times, and its facts are the same each time.
        self.begin_facts = cache(self._begin_facts)
        self.leave_facts = cache(self._leave_facts)
        self.repeats = cache(lambda leaf: tuple(self._repeats(leaf)))
        self._literals = cache(self._of_interest)

    def state_named(self, root: str, name: str) -> State | None:
        """A state by its name in the flow itself or a sub-flow."""
        return self._by_name.get(root, {}).get(name)

    def owed_undo(self, leaf: str) -> str:
        """The state whose undo is owed once a state has begun, if rules name it, else ""; of equal ones the first."""
        state = self._flow.states[leaf]
        undo = state.undo if isinstance(state, ActionState) else None
        if undo is None or not self._is_named(undo.do):
            return ""
        return self._owed.setdefault((state.parent, undo.do, repr(undo.inputs)), leaf)

    def _begin_facts(self, leaf: str, kept: str) -> tuple[Fact, ...]:
        """The facts of beginning the states entered inside `kept`, outermost first, activities before inner states."""
        facts: list[Fact] = []
        for state in reversed(list(self._flow.around(leaf))):
            if len(state.path) > len(kept):
                for activity in _in_order(state.activities):
                    facts += self._action_facts(activity, "begins", leaf)
        state = self._flow.states[leaf]
        if isinstance(state, ActionState):
            facts += self._action_facts(state, "begins", leaf)
        if "holds" in self._words.verbs:
            facts.append(self._fact("settles", "", leaf, position=state.position))
        return tuple(facts)

    def enter_facts(self, paths: Iterable[str], leaf: str) -> Iterator[Fact]:
        """The facts of entering states."""
        if "enters" in self._words.verbs:
            for path in paths:
                yield self._fact("enters", path, leaf, position=self._flow.states[path].position)

    def _leave_facts(self, paths: tuple[str, ...], leaf: str, owed: tuple[str, ...]) -> tuple[Fact, ...]:
        """The facts of leaving states, innermost first, and of their undos; "" is the whole run."""
        facts: list[Fact] = []
        for path in paths:
            state = self._flow.states.get(path)
            if state is not None:
                for activity in reversed(_in_order(state.activities)):
                    facts += self._action_facts(activity, "ends", leaf, STOPPED)
                if "leaves" in self._words.verbs:
                    facts.append(self._fact("leaves", path, leaf, position=state.position))
            facts += self._undo_facts(path, leaf, owed)
        if "" in paths:
            facts.append(self._fact("ends", RUN, leaf, position=self._flow.states[leaf].position))
        return tuple(facts)

    def _undo_facts(self, path: str, leaf: str, owed: tuple[str, ...]) -> Iterator[Fact]:
        for other in reversed(owed):  # as the engine performs them
            state = self._flow.states[other]
            if isinstance(state, ActionState) and state.undo is not None and state.parent == path:
                for verb, outcome in (("begins", ""), ("ends", "done")):
                    for name, inputs in names_of(self._flow, state.undo.do, state.undo.inputs):
                        yield self._fact(verb, name, leaf, outcome, inputs=inputs, position=state.position)

    # --- what a move tells -------------------------------------------------------------------------------------

    def move_facts(self, move: Move, *, begun: bool) -> tuple[Fact, ...]:
        """The facts of a move: the end of its source action, what its guards show, and its event."""
        place, name = move.occurrence.place, move.occurrence.name
        sure = self._sure(move)
        facts: list[Fact] = []
        if begun and ":" in place:
            facts += self._activity_facts(self._flow.activity(place), name, move.source, sure)
        elif begun and place and (place, name) != (move.occurrence.names[0][1], "timeout"):
            state = self._flow.states[place]
            if isinstance(state, ActionState):
                facts += self._action_facts(state, "ends", move.source, name, sure | self._until(state, name))
        facts += self._guard_facts(move, sure)
        if "takes" in self._words.verbs and name:
            facts.append(self._fact("takes", name, move.source, known=sure, position=_position(move)))
        return tuple(facts)

    def _activity_facts(self, activity: Activity, name: str, leaf: str, known: frozenset[Literal]) -> Iterator[Fact]:
        raised = dict(activity.raises)
        if name in raised:
            known = known | self._literals(raised[name].text, True)
            for outcome in self._outcomes(activity.do):
                yield from self._action_facts(activity, "ends", leaf, outcome, known)
            return
        what = name.removeprefix(f"{activity.name}.")
        if self._catalogue.get(activity.do) and what in self._catalogue[activity.do].events:
            return
        if what != "ready" and activity.ask is None:
            yield from self._action_facts(activity, "ends", leaf, what, known)

    def _until(self, state: ActionState, outcome: str) -> frozenset[Literal]:
        if state.poll is None or outcome.startswith("error"):
            return _NOTHING
        return self._literals(state.poll.until.text, True)

    def _guard_facts(self, move: Move, sure: frozenset[Literal]) -> Iterator[Fact]:
        """The facts that guards show about earlier outcomes of actions."""
        if not sure or move.route is None:
            return
        for name, shown in guards.of_outputs(sure).items():
            state = self.state_named(move.route.root, name)
            if isinstance(state, ActionState):
                for action, _ in names_of(self._flow, state.do, {}):
                    known = shown if action == state.do else self._below(state.do, "", shown)[1]
                    if action in self._words.actions:
                        yield self._fact("shows", action, move.source, known=known, position=_position(move))

    def _sure(self, move: Move) -> frozenset[Literal]:
        """The conditions that are certain on a move."""
        if move.route is None or not self._words.said:
            return _NOTHING
        return _NOTHING.union(*(self._literals(guard.text, held) for guard, held in move.guards))

    def _of_interest(self, text: str, held: bool) -> frozenset[Literal]:
        """The conditions that an expression makes certain, if rules may ask for them."""
        known = guards.literals(text, held=held)
        return frozenset(each for each in known if each[0] in self._words.said or "outputs." in each[0])

    # --- what is done again --------------------------------------------------------------------------------------

    def _repeats(self, leaf: str) -> Iterator[tuple[str, ActionState | Activity, tuple[Fact, ...]]]:
        """What can happen without a change of state: its name, its owner, and the facts."""
        doing: list[ActionState | Activity] = []
        for around in self._flow.around(leaf):
            doing += performers(around)
        for who in doing:
            if self._is_named(who.do):
                begins = tuple(self._action_facts(who, "begins", leaf))
                for event, ends in self._rounds(who, leaf):
                    yield event, who, (*ends, *(begins if event == "again" else ()))

    def _rounds(self, who: ActionState | Activity, leaf: str) -> Iterator[tuple[str, Iterable[Fact]]]:
        """Each way in which an action can end without an event, and what follows: `again`, or nothing (`done`)."""
        spec = self._catalogue.get(who.do)
        service = spec is not None and spec.service
        if retry_of(who, self._catalogue) is not None or (isinstance(who, Activity) and who.every is not None):
            yield "again", self._action_facts(who, "ends", leaf, "exited" if service else "error")
        if isinstance(who, ActionState):
            if who.poll is not None:
                refused = self._literals(who.poll.until.text, False)
                for outcome in self._outcomes(who.do):
                    yield "again", self._action_facts(who, "ends", leaf, outcome, refused)
        elif not service:
            for outcome in self._outcomes(who.do):
                yield "done" if who.every is None else "again", self._action_facts(who, "ends", leaf, outcome)

    # --- facts ---------------------------------------------------------------------------------------------------

    def _outcomes(self, action: str) -> tuple[str, ...]:
        spec = self._catalogue.get(action)
        return spec.outcomes if spec is not None else (SOMEHOW,)

    def _action_facts(
        self, who: ActionState | Activity, verb: str, leaf: str, outcome: str = "", known: frozenset[Literal] = _NOTHING
    ) -> Iterator[Fact]:
        """The facts about the action of a state or an activity, if rules name it or what it configures."""
        kind = outcome if self._words.outcomes or not outcome.startswith("error") else "error"
        for name, inputs in names_of(self._flow, who.do, who.inputs):
            if name in self._words.actions:
                if name != who.do:
                    kind, known = self._below(who.do, kind, known)
                yield self._fact(verb, name, leaf, kind, known, inputs, who.position)

    def _is_named(self, do: str) -> bool:
        """Whether rules name an action, or what it configures."""
        return any(name in self._words.actions for name, _ in names_of(self._flow, do, {}))

    def _below(self, do: str, outcome: str, known: frozenset[Literal]) -> tuple[str, frozenset[Literal]]:
        """How the configured action ends when a declared one does, and what is certain of its result."""
        own = self._flow.actions.get(do)
        if own is None:
            return outcome, known
        if outcome in own.outcomes:
            outcome = SOMEHOW if "failed" in own.outcomes else "done"
        return outcome, known if not own.result else _NOTHING

    def _fact(
        self,
        verb: str,
        name: str,
        at: str,
        outcome: str = "",
        known: frozenset[Literal] = _NOTHING,
        inputs: Mapping[str, Any] | None = None,
        position: Position | None = None,
    ) -> Fact:
        key = (verb, name, at, outcome, known, position, id(inputs))
        if key not in self._known:
            self._known[key] = Fact(verb, name, at, outcome, known, inputs or {}, position or Position("", 1, 1))
        return self._known[key]


def _in_order(activities: Mapping[str, Activity]) -> list[Activity]:
    """Activities in the order in which they begin: as written, each after those it needs."""
    ordered: dict[str, Activity] = {}

    def add(activity: Activity, chain: tuple[str, ...]) -> None:
        for name in activity.needs:
            if name in activities and name not in chain:
                add(activities[name], (*chain, name))
        ordered.setdefault(activity.name, activity)

    for activity in activities.values():
        add(activity, (activity.name,))
    return list(ordered.values())


def _position(move: Move) -> Position | None:
    return move.route.position if move.route is not None else None

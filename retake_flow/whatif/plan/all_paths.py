"""The shortest path to each end of a flow and to each question, and the assumptions that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.expressions.guards import literals
from retake_flow.flow.graph.transition_graph import Move, Moves, path_to
from retake_flow.flow.model import ActionState, FinalState, Flow, QuestionState, State, askers
from retake_flow.flow.names import OUTSIDE
from retake_flow.whatif.plan import planner
from retake_flow.whatif.plan.plan import Kind

#: The most trial plans: bounded by this many states in total, but at least this many plans.
_MOST_STATES, _LEAST_TRIALS = 20_000, 10


@dataclass(frozen=True, slots=True)
class PlannedPath:
    """The shortest path to a goal.

    Attributes:
        goal: The path of a final state or of a state that asks, or the key of an activity that asks.
        moves: The moves that lead there; the first is the start of the run.
        assumed: The assumptions with which a plan gets there; None if no known ones do.
        tried: Whether assumptions were searched for; false for the rest of a flow with very many goals.
    """

    goal: str
    question: bool
    moves: tuple[Move, ...]
    assumed: tuple[str, ...] | None
    tried: bool = True


@dataclass(frozen=True, slots=True)
class AllPaths:
    """The shortest paths to all goals."""

    flow: str
    found: tuple[PlannedPath, ...]
    unreached: tuple[str, ...]


def all_paths(flow: Flow, catalogue: Catalogue, inputs: Mapping[str, Any]) -> AllPaths:
    """Find the shortest path to each final state and question; guards count as possible both ways.

    The inputs are those of the plans that test the assumptions.
    """
    catalogue = with_own(flow, catalogue)
    reached = Moves(flow, catalogue).nearest()
    trials = _Trials(flow, catalogue, inputs)
    found, unreached = [], []
    for goal, states in _targets(flow, reached).items():
        if not states:
            unreached.append(goal)
            continue
        moves = path_to(states[0], reached)
        assumed = trials.find_assumptions(goal, moves[1:])
        question = ":" in goal or isinstance(flow.states[goal], QuestionState)
        found.append(PlannedPath(goal, question, moves, assumed, trials.has_budget))
    return AllPaths(flow.name, tuple(found), tuple(unreached))


def _targets(flow: Flow, reached: Mapping[str, Any]) -> dict[str, list[str]]:
    """Every goal, with the states in which it is reached, nearest first."""
    goals: dict[str, list[str]] = {}
    for state in flow.states.values():
        if isinstance(state, FinalState) and not state.ends:
            goals[state.path] = []
        goals |= {asker.key: [] for asker, _ in askers(state)}
    for path in reached:
        around = list(flow.around(path))
        for goal in (path, *(activity.key for state in around for activity in state.activities.values())):
            if goal in goals:
                goals[goal].append(path)
    return goals


# --- what it takes ------------------------------------------------------------------------------------------


def _assumptions(flow: Flow, catalogue: Catalogue, moves: tuple[Move, ...], *, usual: bool) -> Iterator[str]:
    """The assumptions that take these transitions, as far as the flow shows them.

    `usual` includes defaults too, in case another assumption with a shared name overrides them.
    """
    for move in moves:
        place, name = move.occurrence.place, move.occurrence.name
        if not place:
            if name in OUTSIDE or name in flow.events:
                yield f"{move.source}={name}"
        elif ":" in place:
            yield from _of_activity(flow, catalogue, move.source, place, name)
        elif name and (likely := _usual_outcome(flow.states[place], catalogue)) and (usual or name != likely):
            yield f"{place}={name}"
        for guard, holds in move.guards:
            yield from _fields(place, guard, holds=holds)


def _usual_outcome(state: State, catalogue: Catalogue) -> str:
    """How an action or a question ends if nothing is assumed; "" for other states."""
    match state:
        case ActionState():
            return catalogue[state.do].outcomes[0]
        case QuestionState():
            return state.ask.outcomes[0]
    return ""


def _of_activity(flow: Flow, catalogue: Catalogue, source: str, key: str, name: str) -> Iterator[str]:
    activity = flow.activity(key)
    raised = dict(activity.raises)
    if name in raised:
        yield from _fields(key, raised[name], holds=True)
        return
    end = name.removeprefix(activity.name + ".")
    if activity.do in catalogue and end in catalogue[activity.do].events:
        yield f"{source}={end}"
        return
    usual = activity.ask.outcomes[0] if activity.ask else catalogue[activity.do].outcomes[0]
    if end != usual:
        yield f"{key}={end}"


def _fields(place: str, guard: Expression, *, holds: bool) -> Iterator[str]:
    """The fields of a result that a guard needs to be false; true is what plans take anyway."""
    for name, sure in sorted(literals(guard.text, held=holds)):
        base, _, field = name.partition(".")
        if base == "result" and field.isidentifier() and not sure:
            yield f"{place}.{field}=false"


class _Trials:
    """Trial plans, made to see where they lead; goals with the same assumptions share one."""

    def __init__(self, flow: Flow, catalogue: Catalogue, inputs: Mapping[str, Any]) -> None:
        self._flow = flow
        self._catalogue = catalogue
        self._inputs = inputs
        self._made: dict[tuple[str, ...], frozenset[str]] = {}
        self._most = max(_LEAST_TRIALS, _MOST_STATES // len(flow.states))

    @property
    def has_budget(self) -> bool:
        """Whether more trials may be made."""
        return len(self._made) < self._most

    def find_assumptions(self, goal: str, moves: tuple[Move, ...]) -> tuple[str, ...] | None:
        """The assumptions with which a plan reaches the goal; None if they are not known."""
        for usual in (False, True) if self.has_budget else ():
            assumed = tuple(dict.fromkeys(_assumptions(self._flow, self._catalogue, moves, usual=usual)))
            if goal in self._reached_by(assumed):
                return assumed
        return None

    def _reached_by(self, assumed: tuple[str, ...]) -> frozenset[str]:
        """The states and questions that a plan reaches; none if the plan cannot be made."""
        if assumed not in self._made:
            self._made[assumed] = frozenset()
            with suppress(UsageError):
                made = planner.plan(self._flow, self._catalogue, self._inputs, assumed)
                questions = (step.facts.get("activity", step.state) for step in made.of(Kind.QUESTION))
                self._made[assumed] = frozenset((*made.states, *questions))
        return self._made[assumed]

"""The model of a flow: frozen, resolved, with the position of everything.

States are named by their paths, such as `broadcast/pushing/on_air`. Targets are resolved. Durations are in seconds
unless an expression gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.fields import Declared, is_required
from retake_flow.flow.names import last
from retake_flow.flow.state_parts import Ask, Effect, Poll, Raise, Retry, Route, Scene, Undo, Value
from retake_flow.flow.text.bundle import Sources
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret


@dataclass(frozen=True, slots=True)
class SubFlow:
    """The flow that runs inside a state."""

    name: str
    inputs: Mapping[str, Input]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """An action or a question that runs while its scope is active.

    Attributes:
        do: The action; "" for a question.
        on_crash: What to do if the process died while it ran; "" follows the action's idempotency.
    """

    name: str
    scope: str
    do: str
    inputs: Mapping[str, Value]
    needs: tuple[str, ...]
    every: Value | None
    quiet: Value | None
    delay: Value
    raises: tuple[tuple[str, Expression], ...]
    retry: Retry | None
    position: Position
    ask: Ask | None = None
    on_crash: str = ""
    root: str = ""

    @property
    def key(self) -> str:
        """Its unique name in the flow, such as `broadcast/pushing:encoder`."""
        return f"{self.scope}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseState:
    """The parts that states of all kinds have.

    Attributes:
        parent: The path of the state around it; "" at the top.
        root: The path of the sub-flow that it belongs to; "" for the flow itself.
    """

    path: str
    parent: str
    position: Position
    root: str = ""
    description: str = ""
    set: Mapping[str, Value] = field(default_factory=dict)
    entry: tuple[Effect, ...] = ()
    exit: tuple[Effect, ...] = ()
    timeout: Value | None = None
    activities: Mapping[str, Activity] = field(default_factory=dict)
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    always: tuple[Route, ...] = ()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return last(self.path)

    @property
    def key(self) -> str:
        """Its unique name in the flow, as activities have one: its path."""
        return self.path

    @property
    def can_be_innermost(self) -> bool:
        """Whether it can be the innermost active state, in which a run comes to rest."""
        return True

    def every_route(self) -> list[Route]:
        """All its routes, those without an event first."""
        return [*self.always, *chain.from_iterable(self.routes.values())]

    def sets(self) -> list[Mapping[str, Value]]:
        """The variables that it sets: on entering, on leaving, or on a transition."""
        return [self.set, *(effect.set for effect in self.effects())]

    def raises(self) -> list[Raise]:
        """Every event that it raises: on entering, on leaving, or on a transition."""
        return [each for effect in self.effects() for each in effect.raises]

    def effects(self) -> list[Effect]:
        """All effects: on entering, on leaving, and on its routes."""
        return [*self.entry, *self.exit, *(effect for route in self.every_route() for effect in route.effects)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionState(BaseState):
    """A state that performs an action.

    Attributes:
        on_crash: What to do if the process died while its action was in progress; "" follows the action's
            idempotency.
    """

    kind: ClassVar[str] = "do"
    do: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    retry: Retry | None = None
    poll: Poll | None = None
    undo: Undo | None = None
    on_crash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionState(BaseState):
    """A state that asks a person."""

    kind: ClassVar[str] = "ask"
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeState(BaseState):
    """A state that contains states.

    Attributes:
        retry: How to re-enter it after an error that nothing inside routes.
    """

    kind: ClassVar[str] = "states"
    initial: str
    children: tuple[str, ...]
    retry: Retry | None = None
    again: Route | None = None

    @property
    def can_be_innermost(self) -> bool:
        """Never, unless it is a sub-flow whose file cannot be read: one of its states is active too."""
        return not self.children


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlowState(CompositeState):
    """A state that runs another flow inside: a composite of that flow's states.

    Attributes:
        sub: The flow; without inputs and outcomes if its file cannot be read.
    """

    kind: ClassVar[str] = "flow"
    sub: SubFlow
    inputs: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitState(BaseState):
    """A state that ends by itself after some time."""

    kind: ClassVar[str] = "wait"
    wait: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalState(BaseState):
    """A state that ends the run, the sub-flow, or the state around it.

    Attributes:
        ends: The path of the state that it ends, whose event the outcome is; "" for the run.
    """

    kind: ClassVar[str] = "final"
    final: str
    ends: str = ""
    fails: bool = False
    reason: Value | None = None

    @property
    def ends_flow(self) -> bool:
        """Whether it ends the flow itself, or the sub-flow, that it belongs to."""
        return self.ends == self.root


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryState(BaseState):
    """A target that stands for the state that was last active in the state around it.

    Attributes:
        deep: Whether it means the innermost state, not the one directly inside.
        initial: The path of the target the first time; "" is the initial state of the state around it.
    """

    kind: ClassVar[str] = "history"
    deep: bool = False
    initial: str = ""

    @property
    def can_be_innermost(self) -> bool:
        """Never: it is not entered itself."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingState(BaseState):
    """A state that stays until an event arrives from elsewhere."""

    kind: ClassVar[str] = "rest"


#: A state of any kind. `match` with `assert_never` where each kind must be considered, so that mypy finds the places.
State = (
    ActionState | QuestionState | SubFlowState | CompositeState | WaitState | FinalState | HistoryState | RestingState
)


def work_values(state: State) -> Value:
    """The values that the work of a state evaluates: all that belongs to its kind."""
    match state:
        case ActionState():
            undo, retry = state.undo and state.undo.inputs, state.retry and state.retry.values
            return (state.inputs, undo, state.poll and state.poll.values, retry)
        case QuestionState():
            return state.ask.work
        case SubFlowState():
            return (state.inputs, state.retry and state.retry.values)
        case CompositeState():
            return state.retry and state.retry.values
        case WaitState():
            return state.wait
        case FinalState():
            return state.reason
    return ()


def time_limits(state: State) -> tuple[Value, ...]:
    """The times after which the event `timeout` occurs in a state: its own, and its poll's or its question's."""
    inner = state.poll if isinstance(state, ActionState) else state.ask if isinstance(state, QuestionState) else None
    return tuple(each for each in (state.timeout, inner and inner.timeout) if each is not None)


def performers(state: State) -> Iterator[ActionState | Activity]:
    """The state and its activities, as far as they perform an action."""
    if isinstance(state, ActionState):
        yield state
    yield from (activity for activity in state.activities.values() if activity.do)


def askers(state: State) -> Iterator[tuple[QuestionState | Activity, Ask]]:
    """The state and its activities, as far as they ask a person, with their questions."""
    if isinstance(state, QuestionState):
        yield state, state.ask
    yield from ((activity, activity.ask) for activity in state.activities.values() if activity.ask is not None)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a flow, set before a run."""

    name: str
    schema: Mapping[str, Any]
    position: Position

    @property
    def is_required(self) -> bool:
        """Whether it must be given to run the flow."""
        return is_required(self.schema) and not {"env", "file"} & self.schema.keys()


@dataclass(frozen=True, slots=True)
class OwnAction:
    """An action that a flow declares: a configured action of the catalogue under a name of its own.

    Attributes:
        given: The inputs of the configured action; expressions in them see `inputs`.
        result: Those of its result; empty if it is that of the configured action.
        outcomes: Its outcomes; the first is the usual one.
        safe: Whether it may be repeated when it is unknown whether it was done.
        effect: What the source of its function shows that must not happen twice.
    """

    name: str
    do: str
    given: Mapping[str, Value]
    position: Position
    description: str = ""
    inputs: Declared = field(default_factory=dict)
    result: Declared = field(default_factory=dict)
    outcomes: tuple[str, ...] = ("done",)
    safe: bool = False
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow; `states` is in file order, with those of a sub-flow after the state it runs in.

    Attributes:
        sources: Its text and those of all its sub-flows.
        notify: Where to send notices besides the settings; an address may contain a password.
        events: The events that it accepts from outside, with the JSON Schema properties of their data.
        rules: The names of the files with its own rules, beside its file.
        phrases: Further wordings of steps for its scenarios, by wording.
        scenes: The scenes, by name.
    """

    name: str
    version: int
    guide: str
    description: str
    inputs: Mapping[str, Input]
    initial: str
    states: Mapping[str, State]
    file: str
    text: str
    sources: Sources
    digest: str
    notify: tuple[Secret, ...] = ()
    events: Mapping[str, Declared] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    phrases: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, OwnAction] = field(default_factory=dict)
    scenes: Mapping[str, Scene] = field(default_factory=dict)

    def of(self, root: str) -> Iterator[State]:
        """The states of the flow itself, or of the sub-flow that runs in the state `root`."""
        return (state for state in self.states.values() if state.root == root)

    def by_name(self) -> dict[str, dict[str, State]]:
        """The states by name, for the flow itself ("") and for each sub-flow."""
        found: dict[str, dict[str, State]] = {}
        for state in self.states.values():
            found.setdefault(state.root, {})[state.name] = state
        return found

    def around(self, path: str) -> Iterator[State]:
        """The state at `path` and the states around it, innermost first."""
        while path:
            state = self.states[path]
            yield state
            path = state.parent

    def around_in_own_flow(self, state: State) -> Iterator[State]:
        """A state and those around it, innermost first, within its own flow or sub-flow."""
        return (around for around in self.around(state.path) if around.root == state.root)

    def activities(self) -> Iterator[Activity]:
        """All activities of all states."""
        for state in self.states.values():
            yield from state.activities.values()

    def performers(self) -> Iterator[ActionState | Activity]:
        """All states and activities that perform an action."""
        return (doing for state in self.states.values() for doing in performers(state))

    def activity(self, key: str) -> Activity:
        """An activity by its key."""
        scope, _, name = key.rpartition(":")
        return self.states[scope].activities[name]

    def undos(self) -> Iterator[Undo]:
        """The undos of all states."""
        states = (state for state in self.states.values() if isinstance(state, ActionState))
        return (state.undo for state in states if state.undo is not None)

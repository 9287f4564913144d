"""The model of a flow: frozen, resolved, with the position of everything.

States are named by their paths, such as `broadcast/pushing/on_air`. Targets are resolved. Durations are in seconds
unless an expression gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.backoff import Backoff
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.fields import Declared, is_required
from retake_flow.flow.text.bundle import Sources
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret

SEPARATOR = "/"
#: The values in the result of a question besides the answered fields.
ANSWERED = ("decision", "answered_by", "answered_at", "channel")
Value = Any  # plain data in which texts with expressions are Template objects


@dataclass(frozen=True, slots=True)
class Raise:
    """An event that the flow itself raises.

    Attributes:
        data: Its data, which expressions see as `event.NAME`.
        after: Its delay; None means at once, before anything else happens to the run.
    """

    event: str
    position: Position
    data: Mapping[str, Value] = field(default_factory=dict)
    after: Value | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """A notice to the operator on entering, on leaving or on a transition.

    Attributes:
        kind: The kind of notice.
    """

    message: Value
    kind: str = "told"


@dataclass(frozen=True, slots=True)
class Effect:
    """Effects of entering or leaving a state, in this order: set variables, raise events, notify the operator."""

    set: Mapping[str, Value] = field(default_factory=dict)
    raises: tuple[Raise, ...] = ()
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One way out on an event: its guard, its target, and its effects.

    Attributes:
        event: The event; "" if it is taken as soon as its guard holds.
        to: The path of the target; "" if no state is left or entered.
        root: The path of the sub-flow it belongs to, whose names its expressions use; "" for the flow itself.
        source: The path of its state.
        reenter: Whether that state is left and entered again even if the target is inside it.
    """

    event: str
    to: str
    when: Expression | None
    set: Mapping[str, Value]
    position: Position
    root: str = ""
    source: str = ""
    raises: tuple[Raise, ...] = ()
    reenter: bool = False
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How to retry after an error; waits are in seconds."""

    max: int
    interval: float = 1.0
    rate: float = 2.0
    cap: float = 30.0
    within: float | None = None

    def wait(self, failures: int, at_least: float | None = None, spread: float = 0.0) -> float:
        """Seconds to wait after a number of failures, as for `Backoff.wait`."""
        return Backoff(self.interval, self.rate, self.cap, jitter=0.1).wait(failures, at_least, spread)


@dataclass(frozen=True, slots=True)
class Poll:
    """Repeat an action until its result meets a condition."""

    every: Value
    until: Expression
    delay: Value = 0.0
    timeout: Value | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """The action that undoes what a state did."""

    do: str
    inputs: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is asked instead if nobody has answered by a given time."""

    after: Value
    to: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person.

    Attributes:
        message: The text for the person.
        fields: The fields to answer, as JSON Schema properties, for a question without decisions.
        decisions: Named answers, each with its own fields.
        remind: When to remind, counted from the question.
        timeout: When it expires, counted from the question.
    """

    message: Value
    fields: Declared = field(default_factory=dict)
    decisions: Mapping[str, Declared] = field(default_factory=dict)
    remind: tuple[Value, ...] = ()
    timeout: Value | None = None
    escalate: tuple[Escalation, ...] = ()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The events with which it can end."""
        answers = tuple(self.decisions) or ("answered",)
        return answers if self.timeout is None else (*answers, "timeout")


@dataclass(frozen=True, slots=True)
class SubFlow:
    """The flow that runs inside a state.

    Attributes:
        outcomes: The names of its final states.
    """

    name: str
    inputs: Mapping[str, Input]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """An action or a question that runs beside the states of its scope.

    Attributes:
        do: The action; "" for a question.
        on_crash: What to do if the process died while it ran; "" follows the action's idempotency.
        root: As for routes.
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


@dataclass(frozen=True, slots=True)
class State:
    """One state.

    Attributes:
        path: Its full path.
        parent: The path of the state around it; "" at the top.
        kind: `do`, `ask`, `flow`, `states`, `wait`, `final`, `history` or `rest`.
        initial: The path of the initial inner state; for a history state, its target the first time.
        fails: Whether a run that ends here has failed.
        history: `shallow` or `deep` if it enters the state that was last active in the state around it.
        always: The routes that are taken as soon as their guards hold.
        on_crash: What to do if the process died while its action was in progress; "" follows the action's
            idempotency.
        root: The path of the sub-flow that it belongs to; "" for the flow itself.
    """

    path: str
    parent: str
    kind: str
    position: Position
    description: str = ""
    do: str = ""
    inputs: Mapping[str, Value] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    retry: Retry | None = None
    poll: Poll | None = None
    undo: Undo | None = None
    initial: str = ""
    children: tuple[str, ...] = ()
    wait: Value | None = None
    final: str = ""
    fails: bool = False
    reason: Value | None = None
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    activities: Mapping[str, Activity] = field(default_factory=dict)
    timeout: Value | None = None
    set: Mapping[str, Value] = field(default_factory=dict)
    ask: Ask | None = None
    sub: SubFlow | None = None
    on_crash: str = ""
    root: str = ""
    history: str = ""
    always: tuple[Route, ...] = ()
    entry: tuple[Effect, ...] = ()
    exit: tuple[Effect, ...] = ()

    @property
    def composite(self) -> bool:
        """Whether it holds states."""
        return bool(self.children)

    @property
    def timed(self) -> bool:
        """Whether the event `timeout` can occur in it."""
        limits = (self.timeout, self.poll and self.poll.timeout, self.ask and self.ask.timeout)
        return any(limit is not None for limit in limits)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(SEPARATOR)[2]


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a flow, set before a run."""

    name: str
    schema: Mapping[str, Any]
    position: Position

    @property
    def required(self) -> bool:
        """Whether it must be given to run the flow."""
        return is_required(self.schema) and not {"env", "file"} & self.schema.keys()


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow; `states` is in file order, with those of a sub-flow after the state it runs in.

    Attributes:
        text: The text of its file.
        sources: Its text and those of all its sub-flows.
        digest: SHA-256 of the sources.
        notify: Where to send notices besides the settings; an address may contain a password.
        events: The events that it accepts from outside, with the JSON Schema properties of their data.
        rules: The names of the files with its own rules, beside its file.
        phrases: Further wordings of steps for its scenarios, by wording.
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

    def of(self, root: str) -> Iterator[State]:
        """The states of the flow itself, or of the sub-flow that runs in the state `root`."""
        return (state for state in self.states.values() if state.root == root)

    def around(self, path: str) -> Iterator[State]:
        """The state at `path` and the states around it, innermost first."""
        while path:
            state = self.states[path]
            yield state
            path = state.parent

    def seen(self, state: State) -> Iterator[State]:
        """A state and those around it, innermost first, within its own flow or sub-flow."""
        return (around for around in self.around(state.path) if around.root == state.root)

    def activities(self) -> Iterator[Activity]:
        """All activities of all states."""
        for state in self.states.values():
            yield from state.activities.values()

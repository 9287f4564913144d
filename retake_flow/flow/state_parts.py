"""Parts of states: routes with their effects, scenes, questions to people, retries, polls and undos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import ExpressionError
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.fields import Declared
from retake_flow.flow.schema.builders import SCENES
from retake_flow.quick_dataclasses import dataclass, field

Value = Any  # plain data in which texts with expressions are Template objects


@dataclass(frozen=True, slots=True)
class Raise:
    """An event that the flow itself raises.

    Attributes:
        data: Its data, which expressions see as `event.NAME`.
        after: Its delay; None means at once, before anything else happens to the run.
        scope: The path of the state with which a delayed event is dropped; "" is the flow itself, and None the state
            that raises it.
    """

    event: str
    position: Position
    data: Mapping[str, Value] = field(default_factory=dict)
    after: Value | None = None
    scope: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """A notice to the operator on entering, on leaving or on a transition."""

    message: Value
    kind: str = "told"


@dataclass(frozen=True, slots=True)
class Effect:
    """Effects of entering or leaving a state or of a route, in this order: set variables, cancel and raise events,
    notify the operator, change the scene of the stage ("" leaves it).
    """

    set: Mapping[str, Value] = field(default_factory=dict)
    raises: tuple[Raise, ...] = ()
    tell: Tell | None = None
    scene: str = ""
    condition: Expression | None = None
    position: Position | None = None
    cancels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """The activities whose windows viewers see together."""

    activities: tuple[str, ...]
    position: Position


def scene_names(own: Mapping[str, Scene]) -> tuple[str, ...]:
    """The scenes that can be set: the built-in ones, then those of the flow."""
    return (*SCENES, *own)


@dataclass(frozen=True, slots=True)
class Route:
    """One way out on an event: its guard, its target, and its effects.

    Attributes:
        event: The event; "" if it is taken as soon as its guard holds.
        to: The path of the target; "" if no state is left or entered.
        root: The path of the sub-flow it belongs to, whose names its expressions use; "" for the flow itself.
        reenter: Whether that state is left and entered again even if the target is inside it.
    """

    event: str
    to: str
    when: Expression | None
    effects: tuple[Effect, ...]
    position: Position
    root: str = ""
    source: str = ""
    reenter: bool = False


#: The values in the result of a question besides the answered fields.
ANSWERED = ("decision", "answered_by", "answered_at", "channel")


@dataclass(frozen=True, slots=True)
class Escalation:
    """A person who is asked instead if nobody answers in time."""

    after: Value
    to: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person.

    Attributes:
        fields: The fields to answer, as JSON Schema properties, for a question without decisions.
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

    @property
    def times(self) -> tuple[Value, ...]:
        """Its durations."""
        return (self.timeout, *self.remind, *(later.after for later in self.escalate))

    @property
    def work(self) -> Value:
        """The values that asking it evaluates."""
        return (self.message, self.times)


#: The values of a retry that are durations.
TIMES: Final = ("interval", "cap", "within", "per_try")
#: Those that are numbers: their types, the least and the most.
NUMBERS: Final[Mapping[str, tuple[Any, int, int]]] = {"max": (int, 0, 1000), "rate": ((int, float), 1, 100)}


@dataclass(frozen=True, slots=True)
class Retry:
    """How to retry after an error; waits are in seconds. Without `on`, errors of every kind are retried.

    In a flow, all values but `on` may be expressions; the engine fills them in before it asks.

    Attributes:
        per_try: How long one try may take.
    """

    max: Value
    interval: Value = 1.0
    rate: Value = 2.0
    cap: Value = 30.0
    within: Value | None = None
    on: tuple[str, ...] = ()
    per_try: Value | None = None

    @property
    def values(self) -> dict[str, Value]:
        """The values that may be expressions, by name; those of `TIMES` are durations."""
        given = {"max": self.max, "rate": self.rate, **{name: getattr(self, name) for name in TIMES}}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def is_constant(self) -> bool:
        """Whether no value depends on the run."""
        return not any(templates(self.values))

    def with_values(self, fill: Callable[[Value], Any], seconds: Callable[[Value], float]) -> Retry:
        """The retry with its expressions filled in.

        Raises:
            ExpressionError: One cannot be evaluated, or gives what no retry can have.
        """
        values: dict[str, Any] = {
            name: (seconds if name in TIMES else fill)(value) for name, value in self.values.items()
        }
        for name, (kinds, least, most) in NUMBERS.items():
            value = values[name]
            if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
                what = "a whole number" if kinds is int else "a number"
                raise ExpressionError(f"`{name}` of retry needs {what} from {least} to {most}, not {value!r}")
        return replace(self, **values)

    def covers(self, failures: int, kind: str) -> bool:
        """Whether an error of a kind is retried after so many failures in a row, this one included."""
        return failures <= self.max and (not self.on or kind in self.on)

    def next_wait(
        self, failures: int, kind: str, now: float, since: float, at_least: float | None = None, spread: float = 0.0
    ) -> float | None:
        """Seconds from `now` until the next try, or None when there is none; `since` is when the first try began."""
        if not self.covers(failures, kind):
            return None
        wait = self.wait(failures, at_least, spread)
        return None if self.within is not None and now + wait > since + self.within else wait

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

    @property
    def values(self) -> tuple[Value, ...]:
        """The values that it evaluates."""
        return (self.every, self.delay, self.timeout, self.until)


@dataclass(frozen=True, slots=True)
class Undo:
    """The action that undoes what a state did."""

    do: str
    inputs: Mapping[str, Value]

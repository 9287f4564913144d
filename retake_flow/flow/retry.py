"""How an action is retried, repeated until its result meets a condition, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.transitions import Value
from retake_flow.quick_dataclasses import dataclass

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
    def known(self) -> bool:
        """Whether no value depends on the run."""
        return not any(templates(self.values))

    def filled(self, fill: Callable[[Value], Any], seconds: Callable[[Value], float]) -> Retry:
        """The retry with its expressions filled in.

        Args:
            fill: Evaluates a value.
            seconds: Evaluates a duration.

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

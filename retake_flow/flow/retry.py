"""How an action is retried, repeated until its result meets a condition, and undone."""

from __future__ import annotations

from collections.abc import Mapping

from retake_flow.backoff import Backoff
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.transitions import Value
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """How to retry after an error; waits are in seconds. Without `on`, errors of every kind are retried."""

    max: int
    interval: float = 1.0
    rate: float = 2.0
    cap: float = 30.0
    within: float | None = None
    on: tuple[str, ...] = ()

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

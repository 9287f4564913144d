"""A plan: what would happen in a run, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

#: How often a state is entered, or an action is tried, before a plan does not follow that any further.
MOST_TURNS: Final = 100


class Kind(StrEnum):
    """What a step is."""

    STATE = "state"  # is entered
    REQUEST = "request"  # a call to the platform
    PROCESS = "process"  # a program starts
    ENDED = "process_ended"  # programs are ended, or have ended by themselves
    ACTION = "action"  # does neither
    TELL = "tell"  # a person is told something
    QUESTION = "question"  # a person is asked
    TIMER = "timer"  # begins (`wait`) or has come due
    RETRY = "retry"  # an error, after which it is tried again
    EVENT = "event"  # comes from outside, or from an activity
    REPEATED = "repeated"  # what was told before happens again and again


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would happen.

    Attributes:
        t: When, in seconds since the start.
        state: The path of the state that it belongs to; "" for the flow itself.
        facts: What else is to be said of it, as plain data.
    """

    t: float
    kind: Kind
    state: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen in a run.

    Attributes:
        ended: The outcome; None when nothing more would happen without somebody's doing.
        t: When that is, in seconds since the start.
        state: Where.
        reason: Why it ended, or why it does not.
        expects: The events that would take it further, where it has not ended.
        assumed: What was assumed, as written, and the place that it was true of.
    """

    flow: str
    steps: tuple[Step, ...]
    ended: str | None
    t: float
    state: str
    reason: str = ""
    expects: tuple[str, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that were passed, in order, each once."""
        return tuple(dict.fromkeys(step.state for step in self.steps if step.kind is Kind.STATE))

    def of(self, kind: Kind) -> Iterator[Step]:
        """The steps of a kind."""
        return (step for step in self.steps if step.kind is kind)

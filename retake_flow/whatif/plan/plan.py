"""A plan: what would happen in a run, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

#: How often a plan follows the entry of a state or the attempts of an action before it stops.
MOST_TURNS: Final = 100


class Kind(StrEnum):
    """The kind of a step."""

    STATE = "state"  # is entered
    REQUEST = "request"  # a call to the platform
    PROCESS = "process"  # a program starts
    ENDED = "process_ended"  # programs are ended, or end by themselves
    ACTION = "action"  # neither calls nor starts a program
    TELL = "tell"  # a person is told something
    SCENE = "scene"  # the stage changes its scene
    QUESTION = "question"  # a person is asked
    TIMER = "timer"  # begins (`wait`) or has come due
    RETRY = "retry"  # an error, then a retry
    EVENT = "event"  # comes from outside, or from an activity
    REPEATED = "repeated"  # earlier steps happen again and again


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would happen.

    Attributes:
        t: When, in seconds since the start.
        state: The path of its state; "" for the flow itself.
    """

    t: float
    kind: Kind
    state: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen in a run.

    Attributes:
        ended: The outcome; None if nothing more would happen by itself.
        t: The time of that, in seconds since the start.
        expects: The events that would continue it, if it has not ended.
        assumed: The assumptions, as written, each with the place that it applied to.
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
        """The states that the plan enters, in order, each once."""
        return tuple(dict.fromkeys(step.state for step in self.steps if step.kind is Kind.STATE))

    def of(self, kind: Kind) -> Iterator[Step]:
        """The steps of this kind."""
        return (step for step in self.steps if step.kind is kind)

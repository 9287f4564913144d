"""Commands that the pure half of the engine gives, executed by the runner in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.run import PendingUndo

if TYPE_CHECKING:  # it imports Jinja2, which reading runs does not need
    from retake_flow.flow.state_parts import Retry


@dataclass(frozen=True, slots=True)
class Leave:
    """End what a state started: its action, timers and activities; then perform its undos, newest first."""

    state: str
    visit: int
    undos: tuple[PendingUndo, ...] = ()


@dataclass(frozen=True, slots=True)
class Enter:
    """Record that a state was entered."""

    state: str
    visit: int


@dataclass(frozen=True, slots=True)
class StartAction:
    """Perform the action of a state.

    Attributes:
        key: The same for every attempt of one visit, so that the platform or the action can recognise a repetition.
        look_up: Do not perform it; find out whether it was done before the process died.
        retry: How it, or its look-up, is retried after an error, and how long one try may take.
    """

    state: str
    visit: int
    attempt: int
    do: str
    inputs: Mapping[str, Any]
    memory: Mapping[str, Any]
    key: str
    look_up: bool = False
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class StartActivity:
    """Start an activity; a repeated one waits `delay` seconds first and `every` (or `quiet`) between two rounds."""

    activity: str
    visit: int
    do: str
    inputs: Mapping[str, Any]
    memory: Mapping[str, Any]
    every: float | None = None
    quiet: float | None = None
    delay: float = 0.0
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Yield `TimerFired` at a time (seconds since the epoch) unless the state is left before.

    Attributes:
        state: The path of the state or the key of the activity that receives it.
    """

    state: str
    visit: int
    purpose: str
    due: float


@dataclass(frozen=True, slots=True)
class Note:
    """Write a record for people into the journal."""

    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndRun:
    """The run is over."""

    outcome: str
    state: str
    reason: str


Command = Leave | Enter | StartAction | StartActivity | SetTimer | Note | EndRun

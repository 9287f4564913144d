"""A run: the position and data of one execution of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.gates import Gate
from retake_flow.run.identity import Identity

#: The last second of the year 9999, in seconds since the epoch: no time is later, since nobody could write its date.
LATEST = 253_402_300_799.0


class Phase(StrEnum):
    """What a run is doing as a whole."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"  # for a person, with a process alive
    SUSPENDED = "suspended"  # waiting, with no process alive
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    COMPLETED = "completed"


class Work(StrEnum):
    """What an activity is doing."""

    WAITING = "waiting"  # for the activity it needs
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ActivityState:
    """One activity of an active state.

    Attributes:
        visit: The visit of its scope during which it was started.
        work: What it is doing.
        value: What it said of itself when it became ready.
    """

    visit: int
    work: Work
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingUndo:
    """An undo that is owed when `scope` is left, with its inputs already filled in."""

    scope: str
    state: str
    do: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The action of the current state.

    Attributes:
        number: Which performance of it is under way or was the last, from 1.
        failures: How many in a row have failed.
        since: When the first of those that failed in a row was begun.
        open: Whether it is under way: it was begun, and how it ended is not known.
    """

    number: int
    failures: int
    since: float
    open: bool = False


@dataclass(frozen=True, slots=True)
class Delayed:
    """An event that the flow has raised and that has not come yet; its timer says when it does."""

    event: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Local:
    """What a sub-flow has for itself while it is active."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow. Times are seconds since the epoch.

    Attributes:
        id: Its name, unique.
        flow: The name of the flow.
        digest: SHA-256 of the flow's text.
        inputs: What was set, with defaults filled in.
        state: The path of the innermost active state; "" before the start.
        visits: How often each state was entered, by path.
        outputs: The last result of each state that performed an action, by the state's path.
        locals: What each active sub-flow has for itself, by the path of the state it runs in.
        activities: What each running activity is doing, by its key.
        memory: What actions want to know the next time, by their group (`chat` for all `chat.*`).
        rehearsal: The folder of the rehearsal that it is for; "" when it is for the real platform.
        undos: What is owed when a state is left, oldest first.
        undoing: What is owed now, since a state was left, and has not been done yet, in this order.
        timers: When each timer of an active state comes due, by the state's path and its purpose.
        gates: The questions that are open, by their id.
        attempt: The action of the current state, when one has begun.
        outcome: How it ended, once it has.
        reason: Why, in words for a person.
        history: The path of the innermost state that was active last in each state left to which a way leads back.
        delayed: The events that are raised and have not come yet, by their timers.
        ahead: How many seconds its time was ahead of the wall clock when it was written; see `dates`.
        identity: Which account it acts as.
    """

    id: str
    flow: str
    digest: str
    inputs: Mapping[str, Any]
    phase: Phase = Phase.PENDING
    state: str = ""
    visits: Mapping[str, int] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    activities: Mapping[str, ActivityState] = field(default_factory=dict)
    memory: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    undos: tuple[PendingUndo, ...] = ()
    undoing: tuple[PendingUndo, ...] = ()
    timers: Mapping[tuple[str, str], float] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    attempt: Attempt | None = None
    outcome: str | None = None
    reason: str = ""
    locals: Mapping[str, Local] = field(default_factory=dict)
    rehearsal: str = ""
    history: Mapping[str, str] = field(default_factory=dict)
    delayed: Mapping[tuple[str, str], Delayed] = field(default_factory=dict)
    ahead: float = 0.0
    identity: Identity = field(default_factory=Identity)

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen in it."""
        return self.outcome is not None

    @property
    def succeeded(self) -> bool:
        """Whether it has come to a final state that does not count as a failure."""
        return self.phase is Phase.COMPLETED

"""A run: the position and data of one execution of a flow."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.gates import Gate
from retake_flow.run.identity import Identity
from retake_flow.run.stats import Stats

#: The last second of the year 9999, in seconds since the epoch; later times have no valid date.
LATEST = 253_402_300_799.0

#: The lengths of what follows the name in an id: `-20261129-201422-5b67c3`, and what an older version wrote.
DATED: Final = (23, 21)


def unique_id(name: str) -> str:
    """A new id for a run that begins now. Programs bear it, so it is unique on the machine."""
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def name_of(run: str) -> str:
    """The name in an id; "" when it has none."""
    found = re.fullmatch(r"(.+)-\d{8}-\d{6}-(?:[0-9a-f]{6}|[0-9a-f]{4})", run, re.DOTALL)
    return found[1] if found else ""


class Phase(StrEnum):
    """The phase of a run as a whole."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"  # for a person, with a process alive
    SUSPENDED = "suspended"  # waiting, with no process alive
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    COMPLETED = "completed"


class Work(StrEnum):
    """The status of an activity."""

    WAITING = "waiting"  # for the activity it needs
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ActivityState:
    """One activity of an active state.

    Attributes:
        visit: The visit of its scope during which it was started.
        work: Its status.
        value: The value it gave when it became ready.
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
        number: The number of the current or last performance, from 1.
        failures: How many have failed in a row.
        since: When the first of the failures in a row began.
        open: Whether it is in progress: it was begun, and its outcome is unknown.
    """

    number: int
    failures: int
    since: float
    open: bool = False


@dataclass(frozen=True, slots=True)
class Retried:
    """How often a state was re-entered after errors inside, and when the first of them occurred."""

    times: int
    since: float


@dataclass(frozen=True, slots=True)
class Delayed:
    """An event that the flow has raised with a delay; its timer says when it comes.

    Attributes:
        source: The path of the state that has raised it.
    """

    event: str
    data: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Local:
    """The data of a sub-flow while it is active.

    Attributes:
        before: How often each of its states had been entered before it began, by path.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow. Times are seconds since the epoch.

    Attributes:
        id: Its name, unique.
        flow: The name of the flow.
        digest: SHA-256 of the flow's text.
        inputs: The inputs, with defaults filled in.
        state: The path of the innermost active state; "" before the start.
        visits: How often each state was entered, by path.
        outputs: The last result of each state that performed an action, by the state's path.
        locals: The data of each active sub-flow, by the path of the state it runs in.
        activities: The status of each running activity, by its key.
        memory: What actions keep for the next time, by their group (`chat` for all `chat.*`).
        rehearsal: The folder of its rehearsal; "" when it is for the real platform.
        undos: The undos owed when a state is left, oldest first.
        undoing: The undos owed now, since a state was left, that are not done yet, in order.
        timers: When each timer of an active state comes due, by the state's path and its purpose.
        gates: The open questions, by id.
        attempt: The action of the current state, once begun.
        outcome: How it ended, once it has.
        reason: Why, in words for a person.
        history: For each state that was left and can be returned to, the path of its last active innermost state.
        delayed: The delayed events that have not come yet, by their timers.
        ahead: How many seconds its time was ahead of the wall clock when it was written; other than 0 only if the
            wall clock was set while a process drove it.
        identity: The account it acts as.
        stats: What its records amount to.
        retries: The retries of the active states that contain states, by path.
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
    stats: Stats = field(default_factory=Stats)
    retries: Mapping[str, Retried] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether it is decided how it ends; undos may still be owed."""
        return self.outcome is not None

    @property
    def has_succeeded(self) -> bool:
        """Whether it has reached a final state that does not count as a failure."""
        return self.phase is Phase.COMPLETED

    def counting(self, records: Iterable[Mapping[str, Any]]) -> Run:
        """The run whose stats count some more records; itself if none of them counts."""
        stats = self.stats.counting(records)
        return self if stats is self.stats else replace(self, stats=stats)

    def as_killed(self, reason: str) -> Run:
        """The run as it is once killed: it has ended, and nothing of it is undone."""
        return replace(self, phase=Phase.CANCELLED, outcome="killed", reason=reason, undos=(), undoing=())

    def as_stored(self, ahead: float) -> Run:
        """The run in its stored form: due times are in wall clock time, which other processes use."""
        return self if ahead == self.ahead == 0.0 else replace(self._shift(-ahead), ahead=ahead)

    def as_driven(self) -> Run:
        """The run in its driver's form, in its own time, from the result of `as_stored`."""
        return self._shift(self.ahead) if self.ahead else self

    def _shift(self, by: float) -> Run:
        attempt = self.attempt
        return replace(
            self,
            timers={at: due + by for at, due in self.timers.items()},
            gates={key: gate.shift(by) for key, gate in self.gates.items()},
            attempt=None if attempt is None else replace(attempt, since=attempt.since + by),
            stats=self.stats.shift(by),
            retries={path: replace(retried, since=retried.since + by) for path, retried in self.retries.items()},
        )


class MutableRun:
    """The writable form of a run while an event changes it, with the same fields; the run itself stays unchanged.

    Mappings are replaced, never modified: they are shared with the run.
    """

    __slots__ = tuple(Run.__dataclass_fields__)

    id: str
    flow: str
    digest: str
    inputs: Mapping[str, Any]
    phase: Phase
    state: str
    visits: Mapping[str, int]
    vars: Mapping[str, Any]
    outputs: Mapping[str, Any]
    activities: Mapping[str, ActivityState]
    memory: Mapping[str, Mapping[str, Any]]
    undos: tuple[PendingUndo, ...]
    undoing: tuple[PendingUndo, ...]
    timers: Mapping[tuple[str, str], float]
    gates: Mapping[str, Gate]
    attempt: Attempt | None
    outcome: str | None
    reason: str
    locals: Mapping[str, Local]
    rehearsal: str
    history: Mapping[str, str]
    delayed: Mapping[tuple[str, str], Delayed]
    ahead: float
    identity: Identity
    stats: Stats
    retries: Mapping[str, Retried]

    def __init__(self, run: Run) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(run, name))

    def freeze(self) -> Run:
        """The resulting run."""
        return Run(*[getattr(self, name) for name in self.__slots__])

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can happen."""
        return self.outcome is not None

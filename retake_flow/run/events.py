"""Events that a run reacts to. A reply to a command carries the visit that it belongs to, so late ones are detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run

#: The name of a record or an event, and its fields.
Noted = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Started:
    """The run begins."""


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """The action of a state ended with one of its outcomes."""

    state: str
    visit: int
    attempt: int
    outcome: str
    value: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] | None = None
    notes: Sequence[Noted] = ()


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """The action of a state raised an error.

    Attributes:
        retry_after: Seconds that the platform asked to wait, or 0.
        permanent: A retry cannot help; a person has to act.
    """

    state: str
    visit: int
    attempt: int
    kind: str
    message: str
    hint: str = ""
    retry_after: float = 0.0
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class ActionNotDone:
    """The action that was in progress when the process died was certainly not done."""

    state: str
    visit: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ActionInDoubt:
    """It cannot be found out whether the action that was in progress when the process died was done."""

    state: str
    visit: int
    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class ActivityReady:
    """A service is ready."""

    activity: str
    visit: int
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActivityResulted:
    """An activity finished its task, or one round of it.

    Attributes:
        notes: Further records for the journal.
        raised: Its events for the flow, in order.
    """

    activity: str
    visit: int
    outcome: str
    value: Mapping[str, Any]
    memory: Mapping[str, Any] | None = None
    notes: Sequence[Noted] = ()
    raised: Sequence[Noted] = ()


@dataclass(frozen=True, slots=True)
class ActivityExited:
    """A service ended by itself after it had been ready."""

    activity: str
    visit: int
    reason: str


@dataclass(frozen=True, slots=True)
class ActivityFailed:
    """An activity raised an error, or a service never became ready.

    Attributes:
        again: It continues by itself (a repeated task, or a service that is retried).
        failures: How many in a row, for a task that is retried soon; else 0.
    """

    activity: str
    visit: int
    kind: str
    message: str
    hint: str = ""
    again: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer of a state came due.

    Attributes:
        state: The path of the state or the key of the activity.
        purpose: `timeout`, `wait`, `again` (the next try or poll of the state's action), `remind`, `escalate`, or
            `raise.N` (an event that the flow has raised).
        due: When it was due; one that has been set anew since is late. None if that is not known.
    """

    state: str
    visit: int
    purpose: str
    due: float | None = None


@dataclass(frozen=True, slots=True)
class GateAnswered:
    """A person has answered a question."""

    gate: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another process resumed the run.

    Attributes:
        was: The run as that process found it; changes by earlier events since then are not old.
        begun: Whether work recorded as begun may have begun; not if an undo that precedes it is still owed.
    """

    was: Run
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Raised:
    """An event from outside that the flow accepts.

    Attributes:
        by: Who sends it, if known.
        request: The number of the request that brought it, or 0.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    request: int = 0


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The run is asked to end cleanly."""

    reason: str = "stopped"


#: The replies to the action of a state.
ActionEvent = ActionFinished | ActionFailed | ActionNotDone | ActionInDoubt
#: The replies of an activity.
ActivityEvent = ActivityReady | ActivityResulted | ActivityExited | ActivityFailed
Event = Started | ActionEvent | ActivityEvent | TimerFired | GateAnswered | Resumed | Raised | StopRequested

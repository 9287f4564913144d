"""Port for performing actions: calls, services, and the clock of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from retake_flow.quick_dataclasses import dataclass, field

if TYPE_CHECKING:  # `check` imports specs of actions, and nothing of a run
    from retake_flow.run.events import Noted


class Keep(Protocol):
    """Writes the memory of an activity, with records."""

    def __call__(self, memory: Mapping[str, Any], notes: Sequence[Noted] = ()) -> None:
        """Write both, in one transaction."""


@dataclass(frozen=True, slots=True)
class Call:
    """One performance of an action.

    Attributes:
        run: The run's id.
        place: The path of the state or the key of the activity that performs it.
        attempt: Which try it is, from 1.
        inputs: The inputs, filled in.
        memory: What the last performance at this place kept for this one.
        key: The same for every attempt of one visit.
        note: Writes a record into the journal while the action runs.
        keep: For an activity: writes its memory while it runs, together with records; after a crash both are there
            or neither is.
        recorded: For an activity: whether what it kept is stored; until then nothing may begin that must not be done
            twice.
        scope: For an activity: contexts entered here last from one performance to the next, and end with the activity.
        read_event: Returns the data of an event that the flow declares, as declared; raises EventRefused.
        raise_event: Raises an event that the flow declares, or records why it is refused.
        hurry: For a repeated activity: performs it again at once instead of after its pause. May be called at any
            time while its scope is open.
        per_try: How many seconds it may take, or a service until it is ready.
    """

    run: str
    place: str
    attempt: int
    do: str
    inputs: Mapping[str, Any]
    memory: Mapping[str, Any]
    key: str
    note: Callable[..., None] = field(default=lambda event, **fields: None)
    keep: Keep = field(default=lambda memory, notes=(): None)
    recorded: Callable[[], bool] = field(default=lambda: True)
    scope: AsyncExitStack | None = None
    read_event: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = field(default=lambda name, data: data)
    raise_event: Callable[[str, Mapping[str, Any]], None] = field(default=lambda name, data: None)
    hurry: Callable[[], None] = field(default=lambda: None)
    per_try: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """How a task ended.

    Attributes:
        outcome: One of its declared outcomes.
        value: Its result.
        memory: Kept for the next performance.
        notes: Records for the journal, written together with the memory.
        raised: Events for the flow, as declared by the action, in the order in which they happened.
    """

    outcome: str = "done"
    value: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] | None = None
    notes: Sequence[Noted] = ()
    raised: Sequence[Noted] = ()


class ActionRunner(Protocol):
    """Performs the actions of the catalogue."""

    async def perform(self, call: Call) -> Completion:
        """Perform a task.

        Raises:
            RetakeFlowError: It failed; the error's kind is routed.
        """

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task that was in progress when its process died was done.

        Returns:
            How it ended, if it was done; None if it certainly was not.

        Raises:
            RetakeFlowError: It could not be found out; `InDoubt` when a retry would not find out either.
        """

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service; entering waits until it is ready, leaving ends it.

        Raises:
            RetakeFlowError: On entering: it did not become ready.
        """


class Service(Protocol):
    """A running service, opened by an asynchronous context manager that ends it on exit."""

    @property
    def value(self) -> Mapping[str, Any]:
        """What others need from the ready service, such as the address of a display."""

    async def wait(self) -> str:
        """Wait until it ends by itself.

        Returns:
            The reason, in words for a person, free of secrets.

        Raises:
            RetakeFlowError: The reason, when its kind lets a flow distinguish it.
        """


class Clock(Protocol):
    """The clock of a run: steady, even when the wall clock is set.

    It measures every duration, deadline and pace, and is `now` in a flow. The wall clock is for dates only: those in
    the journal, and those in data stored for other processes.
    """

    def now(self) -> float:
        """Seconds since the epoch."""

    @property
    def ahead(self) -> float:
        """Seconds ahead of the wall clock; 0 unless the wall clock was set while a process drove the run."""

    async def sleep_until(self, due: float) -> None:
        """Wait until `due` (seconds since the epoch); returns at once when that is past."""

"""Port for performing actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

from retake_flow.ports.services import Service
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.events import Noted as Noted


class Keep(Protocol):
    """Writes what an activity wants to know the next time, and records with it."""

    def __call__(self, memory: Mapping[str, Any], notes: Sequence[Noted] = ()) -> None:
        """Write both, in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One performance of an action.

    Attributes:
        run: The run's id.
        place: Who performs it: the path of a state or the key of an activity.
        attempt: Which try it is, from 1.
        inputs: Filled in.
        memory: What the last performance at this place wanted to know.
        key: The same for every attempt of one visit.
        note: Writes a record into the journal while the action is under way.
        keep: Of an activity: writes what it wants to know the next time while it is under way, together with records;
            after a crash both are there or neither is.
        scope: Of an activity: what is entered here lasts from one performance to the next, and ends with the activity.
        hurry: Of a repeated activity: performs it again at once instead of after its pause; may be called at any time
            while its scope is open.
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
    scope: AsyncExitStack | None = None
    hurry: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Completion:
    """How a task ended.

    Attributes:
        outcome: One of its declared outcomes.
        value: Its result.
        memory: What it wants to know the next time.
        notes: Records for the journal, written together with the memory.
        raised: Events for the flow, of those that the action declares, in the order in which they happened.
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
        ...

    async def happened(self, call: Call) -> Completion | None:
        """Find out whether a task was done whose process died while it was under way.

        Returns:
            How it ended, if it was done; None if it surely was not.

        Raises:
            RetakeFlowError: That cannot be found out; `InDoubt` when no second look can tell either.
        """
        ...

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service; entering waits until it is ready, leaving ends it.

        Raises:
            RetakeFlowError: On entering: it did not become ready.
        """
        ...

"""Turn: one performance of `chat.respond`, with its inputs and its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retake_flow.flow import duration
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import strip_controls

if TYPE_CHECKING:
    from retake_flow.errors import RetakeFlowError
    from retake_flow.ports.actions import Call
    from retake_flow.run.events import Noted


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the agent says."""

    per_minute: int
    length: int
    replies: int

    def apply(self, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Texts that can be sent, each on one line and without terminal controls; and the texts beyond the limit."""
        lines = (" ".join(strip_controls(text).split()) for text in texts)
        texts = [line[: self.length] for line in lines if line]
        return texts[: self.replies], texts[self.replies :]


@dataclass(frozen=True, slots=True)
class Silence:
    """How a flow breaks silence.

    Attributes:
        after: Seconds of silence.
        messages: The messages, one for each silence.
    """

    after: float
    messages: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Silence | None:
        """The setting of a flow; None if it has none."""
        given = inputs.get("silence")
        if not given:
            return None
        return cls(duration.seconds(given["after"]), tuple(str(text) for text in given.get("messages") or ()))


class Turn:
    """Writes the state of a chat and the records of one performance together, so that a crash finds both or neither.

    Attributes:
        limits: How much the agent may say.
        silence: How silence is broken; None if it is not.
        fresh: How many messages by others were read.
        said: The number of messages that were definitely delivered.
    """

    def __init__(self, call: Call, snapshot: Callable[[], Mapping[str, Any]]) -> None:
        self.call = call
        self.limits = Limits(**call.inputs["limits"])
        self.silence = Silence.of(call.inputs)
        self.fresh = 0
        self.greeted: list[str] = []
        self.said = 0
        self._snapshot = snapshot
        self._notes: list[Noted] = []

    def note(self, event: str, **fields: Any) -> None:
        """Queue a record, to be written at the next commit."""
        self._notes.append((event, fields))

    def trouble(self, error: RetakeFlowError) -> None:
        """Queue a record of an error that was handled."""
        self.note("error", place=self.call.place, kind=error.kind, message=error.message, hint=error.hint)

    def keep(self) -> None:
        """Write the state and all queued records; outside an activity this waits for the end."""
        if self.call.scope is not None:
            self.call.keep(self._snapshot(), self.take_notes())

    def fail(self) -> None:
        """Write the queued records before an error ends the performance."""
        self.keep()
        for event, fields in self.take_notes():
            self.call.note(event, **fields)

    def take_notes(self) -> tuple[Noted, ...]:
        """Take the records that are not written yet."""
        notes, self._notes = tuple(self._notes), []
        return notes

"""Turn: one performance of `chat.respond`, with its inputs and its records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.actions.chat.conversation import Conversation
from retake_flow.actions.chat.outbox import Limits
from retake_flow.actions.chat.speak_queue import Aloud
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.actions import Call, Noted


class Round:
    """Keeps the conversation and the records of one performance together, so that a crash finds both or neither.

    Attributes:
        call: The performance.
        aloud: Speaks messages; None without a voice.
        chat: The conversation.
        limits: How much the agent may say.
        fresh: How many messages by others were read.
        greeted: Who was greeted.
        said: How many messages have definitely arrived.
    """

    def __init__(self, call: Call, aloud: Aloud | None = None) -> None:
        self.call = call
        self.aloud = aloud
        self.chat = Conversation.of(call)
        self.limits = Limits.of(call.inputs)
        self.fresh = 0
        self.greeted: list[str] = []
        self.said = 0
        self._notes: list[Noted] = []

    def note(self, event: str, **fields: Any) -> None:
        """Queue a record, to be written at the next commit."""
        self._notes.append((event, fields))

    def trouble(self, error: RetakeFlowError) -> None:
        """Queue a record of an error that was handled."""
        self.note("error", place=self.call.place, kind=error.kind, message=error.message, hint=error.hint)

    def keep(self) -> None:
        """Write the conversation and all queued records; outside an activity this waits for the end."""
        if self.call.scope is not None:
            self.call.keep(self.chat.kept(), tuple(self._notes))
            self._notes.clear()

    def fail(self) -> None:
        """Write the queued records before an error ends the performance."""
        if self.call.scope is not None:
            self.keep()
            return
        for event, fields in self.notes():
            self.call.note(event, **fields)

    def notes(self) -> list[Noted]:
        """The records that are not written yet."""
        notes, self._notes = self._notes, []
        return notes

    @property
    def value(self) -> Mapping[str, Any]:
        """The action's result."""
        unanswered = len(self.chat.unanswered)
        return {"messages": self.fresh, "greeted": self.greeted, "said": self.said, "unanswered": unanswered}

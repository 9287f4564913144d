"""Chat inbox: the messages that a run has read, for people and agents."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.errors import UsageError
from retake_flow.monitor.following import Polling
from retake_flow.ports.runs import ReadableRuns
from retake_flow.run.records import Record

#: The records of what viewers write and do.
CHAT_EVENTS: Final = ("chat_message", "chat_deed")
#: How many records are read first on the way back to a message.
_FIRST = 64


class ChatInbox:
    """The messages and acts of viewers in a run after the message with an id; all of them after "".

    Attributes:
        messages: Those after it, the oldest first.

    Raises:
        UsageError: No message has this id.
    """

    def __init__(self, store: ReadableRuns, run: str, after: str) -> None:
        self._store = store
        self._run = run
        found = store.journal(run, events=CHAT_EVENTS) if not after else self._back_to(after)
        self._number = found[-1][0] if found else 0
        self.messages = [as_message(record) for _, record in found if not after or record.get("id") != after]

    def _back_to(self, message: str) -> list[tuple[int, Record]]:
        """The records from a message on, and a few older ones."""
        last = _FIRST
        while True:
            found = self._store.journal(self._run, last=last, events=CHAT_EVENTS)
            for position, (_, record) in enumerate(reversed(found), 1):
                if record.get("id") == message:
                    return found[-position:]
            if len(found) < last:
                hint = f"`retake-flow chat {self._run}` lists the newest"
                raise UsageError(f"{self._run} has read no message {message!r}", hint=hint)
            last *= 8

    def look(self) -> None:
        """Read what is new."""
        for number, record in self._store.journal(self._run, self._number, events=CHAT_EVENTS):
            self._number = number
            self.messages.append(as_message(record))

    def wait(self, within: float) -> bool:
        """Wait for a message as long as there is none, and return whether the run has ended."""
        polling = Polling(within)
        while True:
            ended = self._store.load(self._run).run.has_ended  # before the journal, so that no message is missed
            self.look()
            if self.messages or ended or not polling.wait_for_next():
                return ended


def as_message(record: Record) -> dict[str, Any]:
    """A record of chat as commands show it; what is missing in a damaged one stays empty."""
    amount = record.get("amount")
    return {
        "id": record.get("id", ""),
        "at": record["t"],
        "kind": record.get("kind", "message"),
        "author": record.get("author", ""),
        "text": record.get("text", ""),
        "newcomer": record.get("newcomer", False),
        "paid": {"amount": amount, "currency": record.get("currency", "")} if isinstance(amount, int | float) else None,
    }

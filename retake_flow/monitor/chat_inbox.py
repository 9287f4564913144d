"""Chat inbox: the messages that a run has read, for people and agents."""

from __future__ import annotations

from typing import Any

from retake_flow.run.records import Record


class ChatInbox:
    """The messages of a journal after one.

    Attributes:
        messages: Those after it; all when there is none.
        found: Whether that message has been found.
    """

    def __init__(self, after: str) -> None:
        self._after = after
        self._known: set[str] = set()
        self.messages: list[dict[str, Any]] = []
        self.found = not after

    def take(self, record: Record) -> None:
        """Take a record, if it is a message or something else that a viewer has done."""
        if record["event"] not in ("chat_message", "chat_deed"):
            return
        author = record["author"]
        if self.found:
            self.messages.append(_message(record, newcomer=author not in self._known))
        self._known.add(author)
        self.found = self.found or record["id"] == self._after


def _message(record: Record, *, newcomer: bool) -> dict[str, Any]:
    paid = {"amount": record["amount"], "currency": record.get("currency", "")} if "amount" in record else None
    return {
        "id": record["id"],
        "at": record["t"],
        "kind": record["kind"],
        "author": record["author"],
        "text": record.get("text", ""),
        "newcomer": newcomer,
        "paid": paid,
    }

"""Inbox: the messages read from the agent's chat, and those without an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from retake_flow.actions.chat import entries
from retake_flow.actions.chat.dedup import Dedup, Digests, History
from retake_flow.api.chat import ChatMessage
from retake_flow.ports.responders import Batch, Message
from retake_flow.run import codec
from retake_flow.run.events import Noted

#: The most messages in a batch.
MOST_ASKED = 100

_MESSAGES = tuple[Message, ...]
_RECENT = 20
_LONGEST_RECENT = 500  # characters of each of them
_KNOWN = 10_000  # names and wallets of authors
_MOST_WAITING = 1_000
_MOST_BYTES = 250_000  # of the texts that wait for an answer
_MOST_AFTER_FAILURE = 200
_TRIES = 3  # after this many failures a message is given up: the message may be the cause


class Inbox:
    """The messages of a chat, each added once, until they are answered.

    Args:
        kept: The result of `snapshot`; empty for a chat that was never read.
        since: When the stream began, by the run's time; None if nothing is history.

    Attributes:
        recent: The latest messages, the agent's own included.
        unanswered: The messages that no responder has answered yet, oldest first.
        last: When the last new message came, in seconds since the epoch.
    """

    def __init__(self, kept: Mapping[str, Any], since: float | None) -> None:
        self.dedup = Dedup(kept.get("dedup", {}))
        self.history = History(kept.get("since", since), kept.get("before"))
        self.recent: list[Message] = [*codec.from_data(_MESSAGES, kept.get("recent", []), "chat")]
        self.unanswered: list[Message] = [*codec.from_data(_MESSAGES, kept.get("unanswered", []), "chat")]
        self.last: float = kept.get("last", 0.0)
        self._authors = Digests(4, _KNOWN, kept.get("authors", ""))
        self._due: list[Noted] = [(name, data) for name, data in kept.get("due", ())]
        self._tries: dict[str, int] = dict(kept.get("tries", {}))

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "dedup": self.dedup.snapshot(),
            "since": self.history.since,
            "before": self.history.before,
            "recent": codec.as_data(_MESSAGES, self.recent),
            "unanswered": codec.as_data(_MESSAGES, self.unanswered),
            "last": self.last,
            "authors": self._authors.pack(),
            "due": [[name, dict(data)] for name, data in self._due],
            "tries": dict(self._tries),
        }

    # --- new messages ---------------------------------------------------------------------------------------

    def add(self, entry: ChatMessage) -> bool:
        """Add a viewer's entry: its events become due, and a message waits for an answer.

        Returns:
            Whether it is the first message of its author.
        """
        newcomer = entry.is_message and self._is_new(entry)
        self._due += entries.events(entry, newcomer)
        if entry.is_message:
            message = entries.as_message(entry, newcomer)
            self._remember(message)
            self.unanswered.append(message)
        return newcomer

    def add_own(self, entry: ChatMessage) -> None:
        """Take in a message of the agent's."""
        self._remember(entries.as_message(entry, newcomer=False))

    def drop_oldest(self) -> list[str]:
        """Drop the oldest messages when too many wait for an answer; returns their ids."""
        size = 0
        for kept, message in enumerate(reversed(self.unanswered)):
            size += len(message.text.encode("utf-8", "replace"))
            if kept == _MOST_WAITING or size > _MOST_BYTES:
                dropped, self.unanswered = self.unanswered[:-kept], self.unanswered[-kept:]
                return [message.id for message in dropped]
        return []

    def add_due(self, name: str, data: Mapping[str, Any]) -> None:
        """Add an event that a responder raises."""
        self._due.append((name, data))

    def take_due(self) -> list[Noted]:
        """Take the events that the flow has not received yet."""
        due, self._due = self._due, []
        return due

    def _remember(self, message: Message) -> None:
        short = replace(message, text=message.text[:_LONGEST_RECENT])
        self.recent = [*self.recent, short][-_RECENT:]

    def _is_new(self, entry: ChatMessage) -> bool:
        """Whether the author of an entry is new; adds the author to the known ones."""
        # Each form of the chat identifies authors differently; name and wallet, if any, are in all of them.
        keys = [key for key in (entry.wallet, entry.author_name.casefold()) if key] or [entry.author_user_id or ""]
        new = not any(key in self._authors for key in keys)
        self._authors.add(keys)
        return new

    # --- answers --------------------------------------------------------------------------------------------

    def batch(
        self,
        agent: str,
        stream: Mapping[str, Any],
        direction: str,
        occasion: Literal["messages", "silence"] = "messages",
    ) -> Batch:
        """The next batch for a responder."""
        messages = tuple(self.unanswered[:MOST_ASKED])
        waiting = {message.id for message in self.unanswered}
        new = {message.author for message in messages if message.newcomer}
        return Batch(
            messages,
            agent,
            recent=tuple(message for message in self.recent if message.id not in waiting),
            seen_before=tuple(dict.fromkeys(m.author for m in messages if m.author not in new)),
            stream=stream,
            occasion=occasion,
            direction=direction,
        )

    def settle(self, batch: Batch, answered: Iterable[str] | None = None) -> None:
        """Mark the messages of a batch as answered, or only those with the given ids."""
        answered = {message.id for message in batch.messages} if answered is None else {*answered}
        self.unanswered = [message for message in self.unanswered if message.id not in answered]
        self._tries = {}

    def reopen(self, batch: Batch) -> None:
        """Mark the messages of a batch as unanswered again."""
        self.unanswered = [*batch.messages, *self.unanswered]

    def fail(self, batch: Batch) -> list[str]:
        """Note that a responder failed to answer a batch; returns the ids of the messages that are given up."""
        tried = {message.id: self._tries.get(message.id, 0) + 1 for message in batch.messages}
        again = [message for message in self.unanswered if tried.get(message.id, 0) < _TRIES][-_MOST_AFTER_FAILURE:]
        kept = {message.id for message in again}
        given_up = [message.id for message in self.unanswered if message.id not in kept]
        self.unanswered = again
        self._tries = {message.id: tried[message.id] for message in again if message.id in tried}
        return given_up

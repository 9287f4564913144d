"""What `chat.respond` knows of a chat from one reading to the next, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from retake_flow.api.chat import ChatMessage
from retake_flow.ports.actions import Call
from retake_flow.ports.responders import Batch, Message

LONGEST_NAME = 40
LONGEST_TEXT = 2_000

_REMEMBERED = 1_000  # ids of messages already handled
_RECENT = 20
_MOST_WAITING = 200
_TRIES = 3  # after so many failures a responder is not asked about a message again: it may be the message
_SLOWEST = 60.0  # seconds between two questions to a responder that keeps failing


@dataclass(slots=True)
class Conversation:
    """The chat as far as it was read, and what is still to be done about it.

    Attributes:
        seen: The ids of messages already handled, newest last.
        known: What those who wrote are recognised by.
        recent: What was written last.
        unanswered: What no responder has answered yet.
        tries: How often one has failed to, by the message's id.
        failures: How often one has failed in a row.
        unsaid: What is to be said and was surely not delivered yet.
        hold: Until when nobody is asked and nothing is said.
        last: When there was news.
        since: What is older is history.
    """

    seen: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    recent: list[Message] = field(default_factory=list)
    unanswered: list[Message] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    unsaid: list[str] = field(default_factory=list)
    hold: float = 0.0
    last: float = 0.0
    since: float | None = None

    @classmethod
    def of(cls, call: Call) -> Conversation:
        """The conversation as the last reading left it."""
        # After an interruption there is another session; what was written meanwhile is news all the same.
        kept = {"since": call.inputs.get("since"), **call.memory}
        known = {each.name: kept[each.name] for each in fields(cls) if each.name in kept}
        for name in ("recent", "unanswered"):
            known[name] = [Message(**message) for message in known.get(name, ())]
        return cls(**known)

    def kept(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)

    def read(self, messages: Sequence[ChatMessage]) -> None:
        """Take it that messages were read: none of them is news again."""
        self.seen = [*self.seen, *(message.id for message in messages)][-_REMEMBERED:]

    def hear(self, message: ChatMessage, *, own: bool) -> None:
        """Keep a message; unless it is the agent's own, it waits for an answer."""
        heard = _plain(message, newcomer=not own and self._meet(message))
        self.recent = [*self.recent, heard][-_RECENT:]
        if not own:
            self.unanswered = [*self.unanswered, heard]

    def batch(self, agent: str, stream: dict[str, int]) -> Batch:
        """What a responder is asked."""
        messages = tuple(self.unanswered)
        asked = {message.id for message in messages}
        new = {message.author for message in messages if message.newcomer}
        return Batch(
            messages,
            agent,
            recent=tuple(message for message in self.recent if message.id not in asked),
            seen_before=tuple(dict.fromkeys(m.author for m in messages if m.author not in new)),
            stream=stream,
        )

    def answered(self, batch: Batch) -> None:
        """Take it that the messages of a batch were answered."""
        done = {message.id for message in batch.messages}
        self.unanswered = [message for message in self.unanswered if message.id not in done]
        self.tries, self.failures = {}, 0

    def failed(self, batch: Batch, now: float) -> list[str]:
        """Take it that a responder had no answer to a batch: it is asked again, later each time.

        Returns:
            The ids of the messages about which it is not asked again.
        """
        self.failures += 1
        self.hold = now + min(2.0 ** min(self.failures, 16), _SLOWEST)
        asked = {message.id: self.tries.get(message.id, 0) + 1 for message in batch.messages}
        again = [message for message in self.unanswered if asked.get(message.id, 0) < _TRIES][-_MOST_WAITING:]
        given_up = [message.id for message in self.unanswered if message not in again]
        self.unanswered = again
        self.tries = {message.id: asked[message.id] for message in again if message.id in asked}
        return given_up

    def _meet(self, author: ChatMessage) -> bool:
        """Whether the author of a message is somebody new; from now on they are known."""
        # Each shape of the chat tells something else of them.
        keys = [key for key in (author.author_user_id, author.wallet, author.author_name.casefold()) if key]
        new = not any(key in self.known for key in keys)
        self.known = [*self.known, *(key for key in keys if key not in self.known)]
        return new


def name_of(message: ChatMessage) -> str:
    """What the author of a message is called."""
    return (message.author_display_name or message.author_name or "friend")[:LONGEST_NAME]


def _plain(message: ChatMessage, newcomer: bool) -> Message:
    at = message.sent_at.astimezone(UTC) if message.sent_at else None
    return Message(
        id=message.id,
        author=name_of(message),
        user_id=message.author_user_id,
        text=message.text[:LONGEST_TEXT],
        at=_written(at) if at else None,
        type=message.kind,
        newcomer=newcomer,
    )


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

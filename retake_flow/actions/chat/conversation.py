"""Conversation: what `chat.respond` keeps of a chat between readings, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Literal

from retake_flow.actions.chat.dedup import Ledger
from retake_flow.actions.chat.digests import Digests
from retake_flow.actions.chat.history import CLOCKS_DIFFER, History
from retake_flow.actions.chat.outbox import Speech
from retake_flow.actions.chat.viewer_events import LONGEST_TEXT, name_of, shown_id
from retake_flow.api.chat import ChatMessage
from retake_flow.backoff import Backoff
from retake_flow.ports.actions import Call, Noted
from retake_flow.ports.responders import Batch, Message
from retake_flow.quick_dataclasses import dataclass, field

#: What a responder is asked about at once.
MOST_ASKED = 100

_RECENT = 20
_LONGEST_RECENT = 500  # characters of each of them
_KNOWN = 10_000  # names and wallets of those who wrote
_MOST_WAITING = 1_000
_MOST_BYTES = 250_000  # of the texts that wait for an answer
_MOST_AFTER_FAILURE = 200
_TRIES = 3  # after this many failures a message is given up: the message may be the cause
_AGAIN = Backoff(2.0, cap=60.0)  # between two requests to a failing responder
_TOLD_AGAIN = 600.0  # seconds after which the same trouble is reported again
_PLAIN = ("tries", "failures", "hold", "last", "spoken", "own", "trouble", "troubled")


@dataclass(slots=True)
class Conversation:
    """The chat as far as it was read, and what is still to be done.

    Attributes:
        ledger: The ids of all messages read.
        known: What the authors so far are recognised by.
        recent: The latest messages.
        unanswered: Messages that no responder has answered yet.
        speech: The agent's outgoing messages.
        due: Events that the flow has not received yet.
        tries: How often a responder has failed to answer, by message id.
        failures: How often a responder has failed in a row.
        hold: Until when no responder is asked and nothing is said.
        last: When the last new message came.
        spoken: When somebody last said something, the agent included, or was asked to.
        history: What is older than the stream.
        own: What the agent's own messages are recognised by.
        trouble: The last reported reason for a missing answer; "" after an answer.
        troubled: When that was reported.
    """

    ledger: Ledger
    known: Digests
    recent: list[Message] = field(default_factory=list)
    unanswered: list[Message] = field(default_factory=list)
    speech: Speech = field(default_factory=Speech)
    due: list[Noted] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    hold: float = 0.0
    last: float = 0.0
    spoken: float = 0.0
    history: History = field(default_factory=History)
    own: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    troubled: float = 0.0

    @classmethod
    def of(cls, call: Call) -> Conversation:
        """The conversation as the last reading left it."""
        # After an interruption the session is another one; messages written meanwhile are still new.
        kept: Mapping[str, Any] = {"since": call.inputs.get("since"), **call.memory}
        return cls(
            Ledger(kept.get("ledger") or kept),
            Digests(4, _KNOWN, kept.get("known", "")),
            [Message(**message) for message in kept.get("recent", ())],
            [Message(**message) for message in kept.get("unanswered", ())],
            Speech.of(kept.get("speech") or kept),
            [(name, data) for name, data in kept.get("due", ())],
            history=_history(kept),
            **{name: kept[name] for name in _PLAIN if name in kept},
        )

    def kept(self) -> dict[str, Any]:
        """The conversation as plain data."""
        return {
            "ledger": self.ledger.kept(),
            "known": self.known.packed(),
            "recent": [asdict(message) for message in self.recent],
            "unanswered": [asdict(message) for message in self.unanswered],
            "speech": self.speech.kept(),
            "due": [[name, dict(data)] for name, data in self.due],
            "since": self.history.since,
            "before": self.history.before,
            **{name: getattr(self, name) for name in _PLAIN},
        }

    # --- heard ----------------------------------------------------------------------------------------------

    def hear(self, message: ChatMessage, *, own: bool) -> bool:
        """Keep a message; unless it is the agent's own, queue it for an answer. Returns whether its author is new."""
        newcomer = not own and self._meet(message)
        heard = _plain(message, newcomer)
        self.recent = [*self.recent, _shortened(heard)][-_RECENT:]
        if not own:
            self.unanswered.append(heard)
        return newcomer

    def overflow(self) -> list[str]:
        """Drop the oldest messages when too many wait for an answer; returns their ids."""
        size = 0
        for kept, message in enumerate(reversed(self.unanswered)):
            size += len(message.text.encode("utf-8", "replace"))
            if kept == _MOST_WAITING or size > _MOST_BYTES:
                gone, self.unanswered = self.unanswered[:-kept], self.unanswered[-kept:]
                return [message.id for message in gone]
        return []

    def _meet(self, author: ChatMessage) -> bool:
        """Whether the author of a message is new; from now on the author is known."""
        # Each form of the chat identifies authors differently; name and wallet, if any, are in all of them.
        keys = [key for key in (author.wallet, author.author_name.casefold()) if key] or [author.author_user_id or ""]
        new = not any(key in self.known for key in keys)
        self.known.add(keys)
        return new

    # --- answered -------------------------------------------------------------------------------------------

    def batch(
        self,
        agent: str,
        stream: Mapping[str, Any],
        direction: str,
        occasion: Literal["messages", "silence"] = "messages",
    ) -> Batch:
        """The next batch for a responder."""
        messages = tuple(self.unanswered[:MOST_ASKED])
        asked = {message.id for message in self.unanswered}
        new = {message.author for message in messages if message.newcomer}
        return Batch(
            messages,
            agent,
            recent=tuple(message for message in self.recent if message.id not in asked),
            seen_before=tuple(dict.fromkeys(m.author for m in messages if m.author not in new)),
            stream=stream,
            occasion=occasion,
            direction=direction,
        )

    def answered(self, batch: Batch) -> None:
        """Mark the messages of a batch as answered."""
        done = {message.id for message in batch.messages}
        self.unanswered = [message for message in self.unanswered if message.id not in done]
        self.tries, self.failures, self.trouble = {}, 0, ""

    def tells(self, trouble: str, now: float) -> bool:
        """Whether to report why an answer is missing: the reason is new, or was reported long ago."""
        if trouble == self.trouble and now - self.troubled < _TOLD_AGAIN:
            return False
        self.trouble, self.troubled = trouble, now
        return True

    def reopened(self, batch: Batch) -> None:
        """Mark the messages of a batch as unanswered again."""
        self.unanswered = [*batch.messages, *self.unanswered]

    def failed(self, batch: Batch, now: float, after: float = 0.0) -> list[str]:
        """Note that a responder failed to answer a batch: it is asked again, after a longer wait each time.

        Args:
            batch: The batch.
            now: When it failed, in seconds since the epoch.
            after: How many seconds the responder asks to wait.

        Returns:
            The ids of the messages that are given up.
        """
        self.failures += 1
        self.hold = now + _AGAIN.wait(self.failures, after)
        asked = {message.id: self.tries.get(message.id, 0) + 1 for message in batch.messages}
        again = [message for message in self.unanswered if asked.get(message.id, 0) < _TRIES][-_MOST_AFTER_FAILURE:]
        kept = {message.id for message in again}
        given_up = [message.id for message in self.unanswered if message.id not in kept]
        self.unanswered = again
        self.tries = {message.id: asked[message.id] for message in again if message.id in asked}
        return given_up


def _history(kept: Mapping[str, Any]) -> History:
    since = kept["since"]
    read_before = "before" not in kept and ("ledger" in kept or "seen" in kept)  # by an older version
    return History(since, since - CLOCKS_DIFFER if read_before and since is not None else kept.get("before"))


def _plain(message: ChatMessage, newcomer: bool) -> Message:
    at = message.sent_at.astimezone(UTC) if message.sent_at else None
    return Message(
        id=shown_id(message.id),
        author=name_of(message),
        user_id=message.author_user_id,
        text=message.text[:LONGEST_TEXT],
        at=_written(at) if at else None,
        type=message.kind,
        newcomer=newcomer,
        amount=(message.amount or 0.0) if message.kind == "tip" else None,
    )


def _shortened(message: Message) -> Message:
    return message if len(message.text) <= _LONGEST_RECENT else replace(message, text=message.text[:_LONGEST_RECENT])


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

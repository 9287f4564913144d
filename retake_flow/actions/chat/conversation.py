"""What `chat.respond` knows of a chat from one reading to the next, as plain data."""

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
_TRIES = 3  # after so many failures a responder is not asked about a message again: it may be the message
_SLOWEST = 60.0  # seconds between two questions to a responder that keeps failing
_TOLD_AGAIN = 600.0  # seconds after which the same trouble is told once more
_PLAIN = ("tries", "failures", "hold", "last", "spoken", "own", "trouble", "troubled")


@dataclass(slots=True)
class Conversation:
    """The chat as far as it was read, and what is still to be done about it.

    Attributes:
        ledger: What was read.
        known: What those who wrote are recognised by.
        recent: What was written last.
        unanswered: What no responder has answered yet.
        speech: What is to be said.
        due: Events that the flow has not heard of yet.
        tries: How often a responder has failed to answer, by the message's id.
        failures: How often one has failed in a row.
        hold: Until when nobody is asked and nothing is said.
        last: When there was news.
        spoken: When anybody said something, the agent included, or was asked to.
        history: What is older than the stream.
        own: By what the agent's own words are known.
        trouble: What was told last of why a responder has no answer; "" once it had one.
        troubled: When that was told.
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
        # After an interruption there is another session; what was written meanwhile is news all the same.
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
        """All of it as plain data."""
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
        """Keep a message; unless it is the agent's own, it waits for an answer. Says whether somebody new wrote it."""
        newcomer = not own and self._meet(message)
        heard = _plain(message, newcomer)
        self.recent = [*self.recent, _shortened(heard)][-_RECENT:]
        if not own:
            self.unanswered.append(heard)
        return newcomer

    def overflow(self) -> list[str]:
        """Let go of what waits for an answer when it is too much, the oldest first; gives the ids."""
        size = 0
        for kept, message in enumerate(reversed(self.unanswered)):
            size += len(message.text.encode("utf-8", "replace"))
            if kept == _MOST_WAITING or size > _MOST_BYTES:
                gone, self.unanswered = self.unanswered[:-kept], self.unanswered[-kept:]
                return [message.id for message in gone]
        return []

    def _meet(self, author: ChatMessage) -> bool:
        """Whether the author of a message is somebody new; from now on they are known."""
        # Each shape of the chat tells something else of them; a name and a wallet are in all, where there are any.
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
        """What a responder is asked."""
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
        """Take it that the messages of a batch were answered."""
        done = {message.id for message in batch.messages}
        self.unanswered = [message for message in self.unanswered if message.id not in done]
        self.tries, self.failures, self.trouble = {}, 0, ""

    def tells(self, trouble: str, now: float) -> bool:
        """Whether it is news why a responder has no answer: it was not told last, or long ago."""
        if trouble == self.trouble and now - self.troubled < _TOLD_AGAIN:
            return False
        self.trouble, self.troubled = trouble, now
        return True

    def reopened(self, batch: Batch) -> None:
        """Take it that the messages of a batch are not answered after all."""
        self.unanswered = [*batch.messages, *self.unanswered]

    def failed(self, batch: Batch, now: float, after: float = 0.0) -> list[str]:
        """Take it that a responder had no answer to a batch: it is asked again, later each time.

        Args:
            batch: What it was asked.
            now: When it failed, in seconds since the epoch.
            after: How many seconds it asks not to be asked.

        Returns:
            The ids of the messages about which it is not asked again.
        """
        self.failures += 1
        self.hold = now + max(min(2.0 ** min(self.failures, 16), _SLOWEST), after)
        asked = {message.id: self.tries.get(message.id, 0) + 1 for message in batch.messages}
        again = [message for message in self.unanswered if asked.get(message.id, 0) < _TRIES][-_MOST_AFTER_FAILURE:]
        kept = {message.id for message in again}
        given_up = [message.id for message in self.unanswered if message.id not in kept]
        self.unanswered = again
        self.tries = {message.id: asked[message.id] for message in again if message.id in asked}
        return given_up


def _history(kept: Mapping[str, Any]) -> History:
    since = kept["since"]
    read_before = "before" not in kept and ("ledger" in kept or "seen" in kept)  # by a version that knew no other clock
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

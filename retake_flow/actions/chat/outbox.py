"""Outbox: messages to say, said, and perhaps said, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retake_flow.actions.chat.digests import Digests
from retake_flow.api.spelling import same_words
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.sanitize import strip_controls

#: What a flow says of them by default.
LIMITS = {"per_minute": 20, "length": 500, "replies": 5}

MOST_WAITING = 30  # replies
SETTLES = 2.0  # seconds after which a sent message can be read in the chat
_MINUTE = 60.0
_MOST_TOLD = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the agent says.

    Attributes:
        per_minute: Messages per minute.
        length: Characters per message.
        replies: Replies per batch.
    """

    per_minute: int
    length: int
    replies: int

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Limits:
        """The limits that a flow sets."""
        return cls(**{**LIMITS, **(inputs.get("limits") or {})})

    def allowed(self, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Texts as they may be said, each on one line and without terminal controls; and the texts beyond the limit."""
        lines = (" ".join(strip_controls(text).split()) for text in texts)
        said = [line[: self.length] for line in lines if line]
        return said[: self.replies], said[self.replies :]


@dataclass(slots=True)
class Speech:
    """The agent's outgoing messages, in order.

    Attributes:
        unsaid: Messages that wait their turn and were definitely not delivered.
        doubt: A message that was sent and may not have arrived; it is looked for in the chat.
        doubted: When that was sent, in seconds since the epoch.
        times: When the messages of the last minute were sent.
        told: What was said into silence.
    """

    unsaid: list[str] = field(default_factory=list)
    doubt: str = ""
    doubted: float = 0.0
    times: list[float] = field(default_factory=list)
    told: Digests = field(default_factory=lambda: Digests(6, _MOST_TOLD))

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Speech:
        """Restore what was kept."""
        return cls(
            list(kept.get("unsaid", ())),
            str(kept.get("doubt", "")),
            float(kept.get("doubted", 0.0)),
            list(kept.get("times", ())),
            Digests(6, _MOST_TOLD, kept.get("told", "")),
        )

    def kept(self) -> dict[str, Any]:
        """The speech as plain data."""
        return {
            "unsaid": list(self.unsaid),
            "doubt": self.doubt,
            "doubted": self.doubted,
            "times": list(self.times),
            "told": self.told.packed(),
        }

    @property
    def pending(self) -> bool:
        """Whether a message waits to be said, or may still have to be said."""
        return bool(self.unsaid or self.doubt)

    def wish(self, texts: Sequence[str]) -> list[str]:
        """Queue texts; returns the oldest ones, which are dropped when too many wait."""
        self.unsaid = [*self.unsaid, *texts]
        dropped, self.unsaid = self.unsaid[:-MOST_WAITING], self.unsaid[-MOST_WAITING:]
        return dropped

    def turn(self, now: float, limits: Limits) -> float:
        """Seconds until the next message may be sent."""
        self.times = [at for at in self.times if now - _MINUTE < at <= now]
        if len(self.times) < limits.per_minute:
            return 0.0
        return self.times[-limits.per_minute] + _MINUTE - now

    def begin(self, now: float) -> str:
        """Note that the next message is being sent."""
        self.doubt, *self.unsaid = self.unsaid
        self.doubted = now
        self.times = [*self.times, now]
        return self.doubt

    def end(self) -> None:
        """Note that the sent message has arrived, or never will."""
        self.doubt = ""

    def withdraw(self) -> None:
        """Requeue the last message: it was definitely not delivered."""
        if self.doubt:
            self.unsaid, self.doubt = [self.doubt, *self.unsaid], ""
            self.times = self.times[:-1]

    def found(self, text: str) -> bool:
        """Whether one of the agent's messages in the chat is the one that may have arrived."""
        return bool(self.doubt) and same_words(self.doubt, text)

    def missing(self, asked: float) -> bool:
        """Whether a sent message should have been in the chat when it was polled, in seconds since the epoch."""
        return bool(self.doubt) and asked >= self.doubted + SETTLES

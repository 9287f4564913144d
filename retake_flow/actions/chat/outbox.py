"""What is to be said in chat, what was, and what may have been: as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retake_flow.actions.chat.digests import Digests
from retake_flow.api.spelling import same_words
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.sanitize import stripped

#: What a flow says of them by default.
LIMITS = {"per_minute": 20, "length": 500, "replies": 5}

MOST_WAITING = 30  # replies
SETTLES = 2.0  # seconds after which a message that was sent can be read in the chat
_MINUTE = 60.0
_MOST_TOLD = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is said.

    Attributes:
        per_minute: Messages.
        length: Characters of each.
        replies: To one batch.
    """

    per_minute: int
    length: int
    replies: int

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Limits:
        """As a flow says."""
        return cls(**{**LIMITS, **(inputs.get("limits") or {})})

    def allowed(self, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Texts as they may be said, each on one line without what a terminal would obey; and those too many."""
        lines = (" ".join(stripped(text).split()) for text in texts)
        said = [line[: self.length] for line in lines if line]
        return said[: self.replies], said[self.replies :]


@dataclass(slots=True)
class Speech:
    """What is to be said, in order.

    Attributes:
        unsaid: What waits for its turn and was surely not delivered.
        doubt: What was sent, while nobody knows whether it arrived; it is looked for in the chat.
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
        """As it was kept."""
        return cls(
            list(kept.get("unsaid", ())),
            str(kept.get("doubt", "")),
            float(kept.get("doubted", 0.0)),
            list(kept.get("times", ())),
            Digests(6, _MOST_TOLD, kept.get("told", "")),
        )

    def kept(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "unsaid": list(self.unsaid),
            "doubt": self.doubt,
            "doubted": self.doubted,
            "times": list(self.times),
            "told": self.told.packed(),
        }

    @property
    def pending(self) -> bool:
        """Whether something is still to be said, or may be."""
        return bool(self.unsaid or self.doubt)

    def wish(self, texts: Sequence[str]) -> list[str]:
        """Have texts said behind the others; gives those that waited longest and are not said, when too many wait."""
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
        """Take it that the next message is being sent."""
        self.doubt, *self.unsaid = self.unsaid
        self.doubted = now
        self.times = [*self.times, now]
        return self.doubt

    def end(self) -> None:
        """Take it that what was sent has arrived, or never will."""
        self.doubt = ""

    def withdraw(self) -> None:
        """Requeue the last message: it was definitely not delivered."""
        if self.doubt:
            self.unsaid, self.doubt = [self.doubt, *self.unsaid], ""
            self.times = self.times[:-1]

    def found(self, text: str) -> bool:
        """Whether a message of one's own in the chat is the one that may have arrived."""
        return bool(self.doubt) and same_words(self.doubt, text)

    def missing(self, asked: float) -> bool:
        """Whether what was sent should have been in the chat when that was asked for, in seconds since the epoch."""
        return bool(self.doubt) and asked >= self.doubted + SETTLES

"""History: messages from before the stream. The first reading decides by time, later ones by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retake_flow.api.chat import ChatMessage
from retake_flow.quick_dataclasses import dataclass

#: How far two clocks may differ if nothing is known of them, in seconds: answering an old message does less harm than
#: missing a new one.
CLOCKS_DIFFER = 60.0


@dataclass(slots=True)
class History:
    """Decides which messages are older than the stream.

    Attributes:
        since: When the stream began, by the run's time; None if nothing is history.
        before: The same by the platform's clock, once the first messages were read.
    """

    since: float | None = None
    before: float | None = None

    def cutoff(self, ahead: float | None) -> float | None:
        """The time, by the platform's clock, before which messages are history.

        Args:
            ahead: How many seconds that clock is ahead of the run's time at least; None if unknown.
        """
        if self.before is not None or self.since is None:
            return self.before
        return self.since - CLOCKS_DIFFER if ahead is None else self.since + ahead

    def begin(self, messages: Sequence[ChatMessage], ahead: float | None, first_own: int | None) -> list[ChatMessage]:
        """Process the first messages read, oldest first; returns those that are history.

        Args:
            messages: All messages there are.
            ahead: As for `cutoff`.
            first_own: The index of the agent's first message since the stream began; None if there is none. Later
                messages are new.
        """
        self.before = before = self.cutoff(ahead)
        if before is None:
            return []
        sides = [None if message.sent_at is None else is_older(message, before) for message in messages]
        if first_own is not None:
            undated = all(side is None for side in sides)
            sides = [(True if undated else side) for side in sides[:first_own]] + [False] * len(sides[first_own:])
        return [message for message, old in zip(messages, _are_old(sides), strict=True) if old]

    def without_old(self, messages: Sequence[ChatMessage], known: Callable[[ChatMessage], bool]) -> list[ChatMessage]:
        """Of messages after the first reading, oldest first, those that are not history.

        A message after a known one is new, whatever its date.
        """
        first_known = next((at for at, message in enumerate(messages) if known(message)), len(messages))
        return [m for at, m in enumerate(messages) if at >= first_known or not is_older(m, self.before)]


def is_older(message: ChatMessage, before: float | None) -> bool:
    """Whether a message is dated before a time, by the platform's clock."""
    return before is not None and message.sent_at is not None and message.sent_at.timestamp() < before


def _are_old(sides: Sequence[bool | None]) -> list[bool]:
    """Whether each message is history; one without a date counts as the next one with a date does."""
    found, following = [], False
    for side in reversed(sides):
        following = following if side is None else side
        found.append(following)
    return found[::-1]

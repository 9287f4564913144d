"""History: what stood in a chat before the stream. It is decided once, at the first reading, and by id from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retake_flow.api.chat import ChatMessage
from retake_flow.quick_dataclasses import dataclass

#: How far two clocks may differ where nothing tells, in seconds; a late answer to history harms less than none.
CLOCKS_DIFFER = 60.0


@dataclass(slots=True)
class History:
    """What is older than the stream.

    Attributes:
        since: When the stream began, by the run's time; None when nothing is history.
        before: The same by the platform's clock, once the first messages were read.
    """

    since: float | None = None
    before: float | None = None

    def cutoff(self, ahead: float | None) -> float | None:
        """What is older than this, by the platform's clock, is history.

        Args:
            ahead: How many seconds that clock is ahead of the run's time at least; None when nothing tells.
        """
        if self.before is not None or self.since is None:
            return self.before
        return self.since - CLOCKS_DIFFER if ahead is None else self.since + ahead

    def begin(self, messages: Sequence[ChatMessage], ahead: float | None, first_own: int | None) -> list[ChatMessage]:
        """Take the first messages that are read, oldest first; gives those that are history.

        Args:
            messages: All that there are.
            ahead: As for `cutoff`.
            first_own: Where the agent's first words since the stream began stand; None when they do not. What stands
                behind them is new.
        """
        self.before = before = self.cutoff(ahead)
        if before is None:
            return []
        sides = [None if message.sent_at is None else older(message, before) for message in messages]
        if first_own is not None:
            undated = all(side is None for side in sides)
            sides = [(True if undated else side) for side in sides[:first_own]] + [False] * len(sides[first_own:])
        return [message for message, old in zip(messages, _are_old(sides), strict=True) if old]

    def later(self, messages: Sequence[ChatMessage], known: Callable[[ChatMessage], bool]) -> list[ChatMessage]:
        """Of messages that are read after the first, oldest first, those that are none of history.

        What stands behind one that is known is new, whatever its date says.
        """
        first_known = next((at for at, message in enumerate(messages) if known(message)), len(messages))
        return [m for at, m in enumerate(messages) if at >= first_known or not older(m, self.before)]


def older(message: ChatMessage, before: float | None) -> bool:
    """Whether a message is dated before a time, by the platform's clock."""
    return before is not None and message.sent_at is not None and message.sent_at.timestamp() < before


def _are_old(sides: Sequence[bool | None]) -> list[bool]:
    """Which messages are history; one without a date is, when the next one that is dated is."""
    found, following = [], False
    for side in reversed(sides):
        following = following if side is None else side
        found.append(following)
    return found[::-1]

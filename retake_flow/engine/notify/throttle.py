"""Throttle for notices: those of one kind that follow within a minute are sent together at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from retake_flow.ports.clock import Clock
from retake_flow.ports.notices import Kind, Notice

#: How long notices of one kind are gathered after the first was sent, in seconds.
GATHERED = 60.0
#: How many of the gathered notices are sent word for word.
MOST_TOLD = 10

#: The kinds that must be sent before others make sense.
_FIRST: Final[dict[Kind, Kind]] = {"recovered": "trouble"}
#: The kinds that are never held back: questions and their answers, notices that occur once, and the end.
_AT_ONCE: Final[frozenset[Kind]] = frozenset({"gate", "reminder", "escalation", "live", "shared", "warning", "ended"})


class NoticeThrottle:
    """Lets the first notice of a kind through and gathers those that follow.

    Args:
        clock: Gives the time.
        through: Takes the notices to send.
    """

    def __init__(self, clock: Clock, through: Callable[[Notice], None]) -> None:
        self._clock = clock
        self._through = through
        self._gathered: dict[Kind, list[Notice]] = {}
        self._waiting: dict[Kind, asyncio.Task[None]] = {}

    def put(self, notice: Notice) -> None:
        """Send a notice now, or later with others of its kind."""
        if notice.kind in self._gathered:
            self._gathered[notice.kind].append(notice)
            return
        if notice.kind not in _AT_ONCE:
            self._gathered[notice.kind] = []
            later = self._later(notice.kind, self._clock.now() + GATHERED)
            self._waiting[notice.kind] = asyncio.create_task(later, name=f"gathering {notice.kind}")
        first = _FIRST.get(notice.kind)
        if first is not None and self._gathered.get(first):
            gathered, self._gathered[first] = self._gathered[first], []
            self._tell(gathered)
        self._through(notice)

    def release(self) -> None:
        """Send all gathered notices at once."""
        for task in self._waiting.values():
            task.cancel()
        self._waiting.clear()
        gathered, self._gathered = self._gathered, {}
        for notices in gathered.values():
            self._tell(notices)

    async def close(self) -> None:
        """Send all gathered notices, and leave nothing running."""
        tasks = [*self._waiting.values()]
        self.release()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _later(self, kind: Kind, due: float) -> None:
        await self._clock.sleep_until(due)
        while notices := self._gathered[kind]:  # more keep coming: gather the next for as long again
            self._gathered[kind] = []
            self._tell(notices)
            await self._clock.sleep_until(self._clock.now() + GATHERED)
        del self._gathered[kind], self._waiting[kind]

    def _tell(self, notices: list[Notice]) -> None:
        if len(notices) == 1:
            self._through(notices[0])
        elif notices:
            last = notices[-1]
            lines = [notice.text for notice in notices[:MOST_TOLD]]
            more = len(notices) - len(lines)
            text = "\n".join([*lines, *([f"({more} more)"] if more else [])])
            self._through(Notice(last.kind, f"{last.title} ({len(notices)})", text, last.audience))

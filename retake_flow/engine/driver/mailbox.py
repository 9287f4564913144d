"""Queue of the events that a run has yet to take, urgent ones first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from retake_flow.run import events


class Mailbox:
    """Events ordered by urgency, then by arrival."""

    def __init__(self) -> None:
        self._events: list[tuple[int, int, events.Event]] = []
        self._order = count()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    def post(self, event: events.Event, *, urgent: bool = False) -> None:
        """Add an event; an urgent one goes before all others."""
        heapq.heappush(self._events, (0 if urgent else 1, next(self._order), event))
        self.wake()

    def wake(self) -> None:
        """Make a pending `next` call `stay` again."""
        self._arrived.set()

    async def next(self, stay: Callable[[], bool]) -> events.Event | None:
        """The next event.

        `stay` says whether to wait when there is none; it is called again each time that something may have changed,
        and may itself add an event.

        Returns:
            None when there is no event and `stay` says not to wait.
        """
        while not self._events:
            self._arrived.clear()
            stays = stay()
            if not self._events:
                if not stays:
                    return None
                await self._arrived.wait()
        self._taken.set()
        return heapq.heappop(self._events)[2]

    def holds(self, kind: type[events.Event]) -> bool:
        """Whether an event of a kind waits."""
        return any(isinstance(event, kind) for _, _, event in self._events)

    async def without(self, awaited: Callable[[events.Event], bool]) -> None:
        """Wait until the queue holds no such event."""
        while any(awaited(event) for _, _, event in self._events):
            self._taken.clear()
            await self._taken.wait()

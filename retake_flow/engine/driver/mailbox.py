"""Queue of the events that a run has yet to take, urgent ones first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from retake_flow.run import events


class Mailbox:
    """Events in the order of their urgency, and of their coming."""

    def __init__(self) -> None:
        self._events: list[tuple[int, int, events.Event]] = []
        self._order = count()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    def post(self, event: events.Event, *, urgent: bool = False) -> None:
        """Put an event in; an urgent one goes before whatever else waits."""
        heapq.heappush(self._events, (0 if urgent else 1, next(self._order), event))
        self.wake()

    def wake(self) -> None:
        """Have whoever waits for an event look again whether to wait."""
        self._arrived.set()

    async def next(self, stay: Callable[[], bool]) -> events.Event | None:
        """The next event.

        Args:
            stay: Whether to wait for one when there is none; asked again each time that something may have changed,
                and may itself find one.

        Returns:
            None when there is no event and it is not waited for.
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

    async def without(self, awaited: Callable[[events.Event], bool]) -> None:
        """Return as soon as no such event waits to be taken."""
        while any(awaited(event) for _, _, event in self._events):
            self._taken.clear()
            await self._taken.wait()

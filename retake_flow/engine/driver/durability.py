"""Durability: holds back what has to be recorded first, while the store is away.

On air the run goes on, and only what must not happen twice waits. A run with nothing on air waits with everything.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from retake_flow.engine.driver.inbox import InboxWatch
from retake_flow.engine.driver.mailbox import Mailbox
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.ports.clock import Clock
from retake_flow.run import events

#: How often to look whether the store is back, in seconds.
_EVERY = 0.1


class Durability:
    """Waits until what a run wrote last is stored.

    Args:
        inbox: Knows whether it is; None when the store is never away.
        mailbox: The events of the run.
        clock: Gives the time.
        catalogue: The actions.
    """

    def __init__(self, inbox: InboxWatch | None, mailbox: Mailbox, clock: Clock, catalogue: Catalogue) -> None:
        self._inbox = inbox
        self._mailbox = mailbox
        self._clock = clock
        self._catalogue = catalogue

    def recorded(self) -> bool:
        """Whether everything that was written is stored."""
        return self._inbox is None or self._inbox.unwritten(once=True) is None

    async def reached(self) -> None:
        """Wait until what was written last is stored, unless a stream is on air.

        Raises:
            StoreError: The run was asked to stop meanwhile.
        """
        while self._inbox is not None and (error := self._inbox.unwritten()) is not None:
            if self._mailbox.holds(events.StopRequested):
                raise error
            await self._clock.sleep_until(self._clock.now() + _EVERY)

    async def guarded(self, do: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The work of an action; one that must not happen twice begins only once it is stored that it begins."""
        once = do in self._catalogue and self._catalogue[do].idempotency is Idempotency.ONCE
        while once and not self.recorded():
            await self._clock.sleep_until(self._clock.now() + _EVERY)
        await work()

    async def answered(self, look: Callable[[], bool]) -> bool:
        """Whether there are answers, by a store that is not away; on air, as far as can be known.

        Args:
            look: Asks the store for answers; returns whether there are any.
        """
        while not (found := look()) and self._inbox is not None and self._inbox.unwritten() is not None:
            await self.reached()
        return found

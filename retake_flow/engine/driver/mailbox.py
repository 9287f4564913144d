"""Events that a run has yet to take, requests and answers of other processes, and what has to be stored first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Container, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from retake_flow.errors import StoreError
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.ports.actions import Clock
from retake_flow.ports.runs import Inbox, Request
from retake_flow.run import events
from retake_flow.run.errors import Fenced, LeaseExpired
from retake_flow.run.events import GateAnswered


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

    async def wait_until_gone(self, awaited: Callable[[events.Event], bool]) -> None:
        """Wait until the queue holds no such event."""
        while any(awaited(event) for _, _, event in self._events):
            self._taken.clear()
            await self._taken.wait()


#: Seconds between two looks at the inbox; if the store notifies of news, the most and the least. There is a most, since
#: timers stand still while a machine sleeps, and others may take the run meanwhile.
LOOK_EVERY, LOOK_ANYWAY, LOOK_APART = 0.4, 2.0, 0.1


class InboxWatch:
    """Polls the inbox of a run.

    Args:
        inbox: The requests and answers of others.
        post: Takes the answers of people, urgently.
        stop: Called on a request to stop the run.
        kill: Called on a request to kill it.
        handle: Takes all other requests.
        tell: Takes messages about problems with the store.

    Attributes:
        failure: The error, once another process has taken the run over, or may take it.
    """

    def __init__(
        self,
        inbox: Inbox,
        post: Callable[[GateAnswered], None],
        stop: Callable[[str], None],
        kill: Callable[[], None],
        handle: Callable[[Request], None],
        tell: Callable[[str], None],
    ) -> None:
        self._inbox = inbox
        self._post = post
        self._stop = stop
        self._kill = kill
        self._handle = handle
        self._tell = tell
        self._taken: set[str] = set()
        self.failure: Fenced | LeaseExpired | None = None

    def look(self, gates: Container[str], *, fresh: bool = True) -> bool:
        """Pass on what is new; returns whether there were answers.

        `gates` are the ids of the open questions; unless `fresh`, the store may rely on notifications.

        Raises:
            StoreError: It cannot be read.
            Fenced: Another process has taken the run over.
        """
        asked = self._inbox.requests(fresh=fresh)
        if any(request.what == "stop" for request in asked):  # once, however often while no process drove the run
            self._stop("stopped from another process")
        for request in asked:
            if request.what == "kill":
                self._kill()
            elif request.what != "stop":
                self._handle(request)
        for trouble in self._inbox.troubles():
            self._tell(trouble)
        return self.answers(gates, fresh=fresh)

    def answers(self, gates: Container[str], *, fresh: bool = True) -> bool:
        """Pass on new answers; returns whether there were any. The arguments are those of `look`."""
        # A gate that was asked again after a crash has the same id as before; the old answer no longer counts.
        self._taken = {gate for gate in self._taken if gate in gates}
        new = {
            key: answer
            for key, answer in self._inbox.answers(fresh=fresh).items()
            if key in gates and key not in self._taken
        }
        for gate, answer in new.items():
            self._taken.add(gate)
            self._post(GateAnswered(gate, answer))
        return bool(new)

    async def watch(
        self,
        gates: Callable[[], Container[str]],
        clock: Clock,
        failed: Callable[[], None],
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """Poll until another process takes the run over or may do so, and call `also` each time.

        A store that is notified of news wakes it between two polls, which then rely on these notifications.
        """
        news, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop may have ended first
                loop.call_soon_threadsafe(news.set)

        listens = self._inbox.on_news(wake)
        while True:
            try:
                also()
                self.look(gates(), fresh=False)
            except (Fenced, LeaseExpired) as error:
                self.failure = error
                failed()
                return
            except StoreError:
                pass  # it may be temporary; if not, the run's next write reports it
            if not listens:
                await clock.sleep_until(clock.now() + LOOK_EVERY)
                continue
            within = max(LOOK_APART, min(LOOK_ANYWAY, self._inbox.look_within()))
            next_look = loop.call_later(within, news.set)
            await news.wait()
            next_look.cancel()
            news.clear()


#: How often to look whether the store is back, in seconds.
_EVERY = 0.1


class Durability:
    """Waits until what a run wrote last is stored.

    Without an inbox the store is never away.
    """

    def __init__(self, inbox: Inbox | None, mailbox: Mailbox, clock: Clock, catalogue: Catalogue) -> None:
        self._inbox = inbox
        self._mailbox = mailbox
        self._clock = clock
        self._catalogue = catalogue

    def is_recorded(self) -> bool:
        """Whether everything that was written is stored."""
        return self._inbox is None or self._inbox.write_error(once=True) is None

    async def wait_until_stored(self) -> None:
        """Wait until what was written last is stored, unless a stream is on air.

        Raises:
            StoreError: The run was asked to stop meanwhile.
        """
        while self._inbox is not None and (error := self._inbox.write_error()) is not None:
            if self._mailbox.holds(events.StopRequested):
                raise error
            await self._clock.sleep_until(self._clock.now() + _EVERY)

    async def guard(self, do: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The work of an action; one that must not happen twice begins only once it is stored that it begins."""
        once = do in self._catalogue and self._catalogue[do].idempotency is Idempotency.ONCE
        while once and not self.is_recorded():
            await self._clock.sleep_until(self._clock.now() + _EVERY)
        await work()

    async def has_answers(self, look: Callable[[], bool]) -> bool:
        """Whether there are answers; waits for a store that is away, unless a stream is on air.

        `look` asks the store for answers and returns whether there are any.
        """
        while not (found := look()) and self._inbox is not None and self._inbox.write_error() is not None:
            await self.wait_until_stored()
        return found

"""Chat reader: reads a chat both by polling and in real time.

The real-time connection is faster, polling is reliable. Right after each connection the chat is polled before any
real-time message counts, so that missed messages come first. After that it is polled at longer intervals.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.dedup import Dedup, History, Way, is_older
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.api.chat import ChatMessage, Page
from retake_flow.api.realtime import EVENTS, read_event, rooms
from retake_flow.backoff import Backoff
from retake_flow.errors import PlatformError
from retake_flow.ports.responders import OpenRealtime
from retake_flow.run.events import Noted
from retake_flow.tasks import end

#: How often and when one page is requested again: there may be many, and all are needed.
MOST_REPEATS, REPEATED = 2, Backoff(2.0, rate=1.0)
PAGE = 100
MOST_PAGES = 50
#: Seconds between two polls while messages arrive in real time.
CALM = 7.5

_PACE = 2.0  # seconds between two polls at least (platform.md)
_SOONEST = 1.5  # seconds; a wake-up within this time needs no poll
_PATIENCE = 0.05  # seconds that real-time messages wait for a poll in progress
_SETTLES = 0.5  # seconds after connecting until all rooms have definitely been joined
_LATER = 0.02  # seconds; two clocks may differ slightly
_TOGETHER = 0.05  # seconds; messages this close together are read at once
_MOST_RECEIVED = 5_000
_MOST_READ = 5_000  # messages that are read back
_AT_ONCE = 50  # messages that are read before everything else gets a turn
_TELLING = 1_000  # newest messages; the agent's own among them show what is history
_AGAIN = Backoff(2.0, cap=60.0)  # between two failing polls


class Reader:
    """Reads chat for one activity; a `retake_flow.ports.responders.Hearer`.

    Args:
        own: Recognises the agent's own messages, whose dates show what is history.
        dedup: The messages read so far; those returned are added to it.
        wake: Makes the activity read the chat at once.
        place: Where the chat is read, for records.

    Attributes:
        polled_at: When the chat was last polled successfully, in seconds since the epoch.
    """

    def __init__(
        self,
        access: Access,
        own: OwnMessages,
        dedup: Dedup,
        history: History,
        now: Callable[[], float],
        wake: Callable[[], None] = lambda: None,
        place: str = "",
    ) -> None:
        self._access = access
        self._own = own
        self._dedup = dedup
        self._history = history
        self._place = place
        self._now = now
        self._wake = wake
        self._received: deque[ChatMessage] = deque(maxlen=_MOST_RECEIVED)
        self._found: deque[ChatMessage] = deque()  # polled and not returned yet
        self._unreadable = 0  # the most that were skipped at once
        self._notes: list[Noted] = []
        self._state = ""
        self._settled: float | None = None  # when real-time messages become complete; None without a connection
        self._caught_up = False
        self._missed = True  # whether messages may be missing that only a poll can find
        self._failures = 0
        self._next = 0.0
        self._waking: asyncio.TimerHandle | None = None
        self._polling: asyncio.Task[list[ChatMessage]] | None = None
        self._begun = 0.0  # when that poll began
        self.polled_at = 0.0

    @property
    def polls(self) -> bool:
        """Whether a poll is in progress and its result is still incomplete."""
        return self._polling is not None or self.behind

    @property
    def behind(self) -> bool:
        """Whether the last poll has more messages to return."""
        return bool(self._found)

    @property
    def live(self) -> bool:
        """Whether real-time events are received, or soon will be."""
        return self._settled is not None

    async def open(self, realtime: OpenRealtime, scope: AsyncExitStack) -> None:
        """Receive real-time events for as long as a scope is open."""
        await scope.enter_async_context(realtime(self._rooms, self))

    async def close(self) -> None:
        """Stop polling, and no longer wake the conversation."""
        self._wake_no_more()
        if self._polling is not None:
            self._polling.remove_done_callback(self._on_polled)
            await end(self._polling)

    def take_notes(self) -> list[Noted]:
        """The records about the connection since the last call."""
        notes, self._notes = self._notes, []
        return notes

    async def read(self, *, fresh: bool) -> tuple[list[tuple[Way, ChatMessage]], PlatformError | None]:
        """The new messages, in order.

        Args:
            fresh: Poll the chat even if that is not due.

        Returns:
            Messages and how each arrived; and why the poll failed, if it did: real-time messages are returned all the
            same.
        """
        now, error = self._now(), None
        if not self._found:
            if self._polling is None and self._due(now, fresh):
                self._begun = now
                self._polling = asyncio.create_task(self._poll(), name="chat")
            polled, error = await self._poll_result()
            self._found.extend(self._without_history(polled))
        both = self._state in ("connected", "lost")
        new = self._dedup.read(_first(self._found), "poll", now, both=both)
        received = [] if self._found else self._dedup.read(self._take_received(), "socket", now, both=both)
        if self._found or (self._received and self._is_whole):
            self._wake_in(0.0)
        return [*(("poll", message) for message in new), *(("socket", message) for message in received)], error

    def ahead(self, messages: Sequence[ChatMessage] = ()) -> float | None:
        """How many seconds the clock that dates the chat is ahead of the run's time at least; None if unknown."""
        server = self._access.server_time
        offset = None if server is None else server - self._now()
        return self._own.sent.clock_offset(messages, self._own.is_author, offset)

    def _without_history(self, polled: list[ChatMessage]) -> list[ChatMessage]:
        """The messages that are not history; the first reading decides which are."""
        history = self._history
        if history.since is None or not polled:
            return polled
        if history.before is not None:
            return history.without_old(polled, self._dedup.has_polled)
        newest = polled[-_TELLING:]
        ahead = self.ahead(newest)
        first = self._own.sent.index_of_first(newest, history.cutoff(ahead))
        old = history.begin(polled, ahead, None if first is None else first + len(polled) - len(newest))
        self._dedup.skip(old)
        gone = {message.id for message in old}
        return [message for message in polled if message.id not in gone]

    # --- real time ----------------------------------------------------------------------------------------------

    def on_connected(self) -> None:
        """All rooms are being joined."""
        self._change("connected")
        wait = max(_SETTLES, self.polled_at + _PACE - self._now())
        self._settled, self._caught_up = self._now() + wait, False
        self._wake_in(wait + _LATER)

    def on_lost(self, reason: str) -> None:
        """Real-time events are no longer received."""
        self._change("absent" if self._state in ("", "absent") else "lost", reason)
        if self._settled is not None:
            self._wake_in(0.0)
        self._settled, self._caught_up, self._missed = None, False, True

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """Something has happened."""
        if event not in EVENTS:
            return
        message = read_event(event, payload, self._now() + (self.ahead() or 0.0))
        self._report_unreadable(message is None)
        if message is not None:
            self._missed = self._missed or len(self._received) == _MOST_RECEIVED
            self._received.append(message)
            self._wake_in(_TOGETHER)

    def _wake_in(self, seconds: float) -> None:
        """Have the chat read in this many seconds, or earlier."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._waking is None or not loop.time() <= self._waking.when() <= due:
            self._wake_no_more()
            self._waking = loop.call_at(due, self._wake)

    def _wake_no_more(self) -> None:
        if self._waking is not None:
            self._waking.cancel()

    def _change(self, state: str, reason: str = "") -> None:
        if state != self._state:
            self._state = state
            self._notes.append(("chat_realtime", {"state": state, **({"reason": reason} if reason else {})}))

    def _rooms(self) -> list[str]:
        known = self._access.credentials
        return rooms(known.user_db_id, known.token_address)

    def _take_received(self) -> list[ChatMessage]:
        """The real-time messages, unless earlier ones may be missing that have yet to be polled."""
        if not self._is_whole:
            return []
        before = self._history.cutoff(self.ahead())
        return [message for message in _first(self._received) if not is_older(message, before)]

    @property
    def _is_whole(self) -> bool:
        """Whether no earlier messages can be missing before the real-time ones."""
        return self._settled is None or self._caught_up or self._failures >= 2

    # --- polling ------------------------------------------------------------------------------------------

    def _due(self, now: float, fresh: bool) -> bool:
        if now < max(self._next, self.polled_at + _SOONEST):
            return False
        return fresh or self._missed or not self._caught_up or now >= self.polled_at + CALM

    async def _poll_result(self) -> tuple[list[ChatMessage], PlatformError | None]:
        """The result of the poll, or why it failed; complete real-time messages do not wait for it."""
        if self._polling is None:
            return [], None
        await asyncio.wait({self._polling}, timeout=_PATIENCE if self._caught_up else None)
        if not self._polling.done():
            self._polling.remove_done_callback(self._on_polled)
            self._polling.add_done_callback(self._on_polled)
            return [], None
        polling, self._polling = self._polling, None
        try:
            found = polling.result()
        except PlatformError as error:
            self._fail(error)
            return [], error
        self._succeed()
        return found, None

    def _on_polled(self, _: asyncio.Task[list[ChatMessage]]) -> None:
        self._wake()

    async def _poll(self) -> list[ChatMessage]:
        """All entries since the last poll, oldest first; pages back until it finds one of that poll."""
        user_id = await self._access.user_id()
        found: dict[str, ChatMessage] = {}
        before: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(user_id, before)
            unknown = {message.id: message for message in page if message.id not in found}
            found = {**unknown, **found}
            self._report_unreadable(page.unreadable)
            if not unknown or self._reaches_back(page, list(found.values())):
                break
            if len(found) >= _MOST_READ:
                self._notes.append(("chat_gap", {"messages": len(found)}))
                break
            before = page[0].id
        else:
            self._notes.append(("chat_gap", {"pages": MOST_PAGES}))
        return list(found.values())

    def _reaches_back(self, page: Sequence[ChatMessage], found: Sequence[ChatMessage]) -> bool:
        """Whether a page reaches back to known messages.

        A single message out of place (a pinned one) proves nothing.
        """
        undecided = self._history.before is None and self._history.since is not None
        cutoff = self._history.cutoff(self.ahead(found[-_TELLING:]) if undecided else None)
        known = [is_older(each, cutoff) or self._dedup.has_polled(each) for each in page]
        return known[0] or sum(known) > 1

    def _report_unreadable(self, messages: int) -> None:
        """Report messages without usable ids, if there are many more at once than ever."""
        if messages > 2 * self._unreadable:
            self._unreadable = messages
            self._notes.append(("chat_unreadable", {"what": "id", "messages": messages}))

    async def _page(self, user_id: str, before: str | None) -> Page:
        """One page, retried after an error, so that a long reading does not start again."""
        for failures in count(1):
            try:
                return await self._access.client().comments(user_id, PAGE if before else 50, before)
            except PlatformError as error:
                wait = REPEATED.wait(failures, error.retry_after)
                if not error.may_repeat or failures > MOST_REPEATS or wait > _AGAIN.cap:
                    raise
                about = {"place": self._place, "kind": error.kind, "message": error.message, "hint": error.hint}
                self._notes.append(("error", {**about, "failures": failures}))
            await asyncio.sleep(wait)
        raise AssertionError

    def _succeed(self) -> None:
        self.polled_at, self._failures, self._next, self._missed = self._begun, 0, 0.0, False
        if self._settled is not None and self._begun >= self._settled:
            self._caught_up = True

    def _fail(self, error: PlatformError) -> None:
        self._failures += 1
        if not self.live:
            return  # the activity itself backs off
        pause = _AGAIN.wait(self._failures, error.retry_after)
        self._next = self._now() + pause
        self._wake_in(pause + _LATER)


def _first(waiting: deque[ChatMessage]) -> list[ChatMessage]:
    """Take from the waiting messages those that are read at once."""
    return [waiting.popleft() for _ in range(min(len(waiting), _AT_ONCE))]

"""Chat reader: reads a chat both by polling and in real time.

The real-time connection is faster, polling is reliable. Right after each connection the chat is polled before any
real-time message counts, so that missed messages come first. After that it is still polled now and then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.dedup import Ledger, Way
from retake_flow.actions.chat.history import History, older
from retake_flow.actions.chat.own_messages import Oneself
from retake_flow.api.chat import ChatMessage, Page
from retake_flow.api.realtime.events import EVENTS, read_event, rooms
from retake_flow.backoff import Backoff
from retake_flow.errors import PlatformError
from retake_flow.ports.actions import Noted
from retake_flow.ports.realtime import OpenRealtime

#: How often and when one page is requested again: there may be many, and all are needed.
MOST_REPEATS, REPEATED = 2, Backoff(2.0, rate=1.0)
PAGE = 100
MOST_PAGES = 50
#: Seconds between two questions for the chat while all is told in real time.
CALM = 7.5

_PACE = 2.0  # seconds between two polls at least (platform.md)
_SOONEST = 1.5  # seconds; a wake-up within this time needs no poll
_PATIENCE = 0.05  # seconds that real-time messages wait for a poll in progress
_SETTLES = 0.5  # seconds after connecting until all rooms have definitely been joined
_LATER = 0.02  # seconds; two clocks may differ slightly
_TOGETHER = 0.05  # seconds; messages this close together are read at once
_MOST_HEARD = 5_000
_MOST_READ = 5_000  # messages that are read back
_AT_ONCE = 50  # messages that are read before everything else gets a turn
_TELLING = 1_000  # newest messages; the agent's own among them show what is history
_AGAIN = Backoff(2.0, cap=60.0)  # between two failing polls


class Reading:
    """Reads chat for one activity; a `retake_flow.ports.realtime.Hearer`.

    Args:
        access: The agent's credentials and client.
        oneself: Recognises the agent's own messages, whose dates show what is history.
        now: Seconds since the epoch.
        wake: Makes the activity read the chat at once.
        place: Where the chat is read, for records.

    Attributes:
        asked: When the chat was last polled successfully, in seconds since the epoch.
    """

    def __init__(
        self,
        access: Access,
        oneself: Oneself,
        now: Callable[[], float],
        wake: Callable[[], None] = lambda: None,
        place: str = "",
    ) -> None:
        self._access = access
        self._oneself = oneself
        self._place = place
        self._now = now
        self._wake = wake
        self._heard: deque[ChatMessage] = deque(maxlen=_MOST_HEARD)
        self._found: deque[ChatMessage] = deque()  # polled and not returned yet
        self._unreadable = 0  # the most that were skipped at once
        self._told: list[Noted] = []
        self._state = ""
        self._settled: float | None = None  # when real-time messages become complete; None without a connection
        self._caught_up = False
        self._missed = True  # whether messages may be missing that only a poll can find
        self._failures = 0
        self._next = 0.0
        self._waking: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[list[ChatMessage]] | None = None
        self._begun = 0.0  # when that poll began
        self.asked = 0.0

    @property
    def asks(self) -> bool:
        """Whether a poll is in progress and its result is not, or not fully, there yet."""
        return self._asking is not None or self.behind

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
        """Stop polling, and wake nobody."""
        self._wake_no_more()
        if self._asking is not None:
            self._asking.remove_done_callback(self._answered)
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def told(self) -> list[Noted]:
        """What there is to record about the connection since the last call."""
        told, self._told = self._told, []
        return told

    async def news(
        self, ledger: Ledger, history: History, *, fresh: bool
    ) -> tuple[list[tuple[Way, ChatMessage]], PlatformError | None]:
        """The new messages, in order.

        Args:
            ledger: The messages read so far; those returned are added to it.
            history: What is older than the stream.
            fresh: Poll the chat even if that is not due.

        Returns:
            Messages and how each arrived; and why the poll failed, if it did: real-time messages are returned all the
            same.
        """
        now, error = self._now(), None
        if not self._found:
            if self._asking is None and self._due(now, fresh):
                self._begun = now
                self._asking = asyncio.create_task(self._ask(ledger, history), name="chat")
            asked, error = await self._answer()
            self._found.extend(self._newer(asked, ledger, history))
        both = self._state in ("connected", "lost")
        polled = ledger.read(_first(self._found), "poll", now, both=both)
        heard = [] if self._found else ledger.read(self._taken(history), "socket", now, both=both)
        if self._found or (self._heard and self._is_whole):
            self._wake_in(0.0)
        return [*(("poll", message) for message in polled), *(("socket", message) for message in heard)], error

    def ahead(self, messages: Sequence[ChatMessage] = ()) -> float | None:
        """How many seconds the clock that dates the chat is ahead of the run's time at least; None if unknown."""
        server = self._access.server_time
        told = None if server is None else server - self._now()
        return self._oneself.sayings.ahead(messages, self._oneself.is_author, told)

    def _newer(self, asked: list[ChatMessage], ledger: Ledger, history: History) -> list[ChatMessage]:
        """The messages that are not history; the first reading decides which are."""
        if history.since is None or not asked:
            return asked
        if history.before is not None:
            return history.later(asked, ledger.polled)
        newest = asked[-_TELLING:]
        ahead = self.ahead(newest)
        first = self._oneself.sayings.first(newest, history.cutoff(ahead))
        old = history.begin(asked, ahead, None if first is None else first + len(asked) - len(newest))
        ledger.skip(old)
        gone = {message.id for message in old}
        return [message for message in asked if message.id not in gone]

    # --- heard ----------------------------------------------------------------------------------------------

    def on_connected(self) -> None:
        """All rooms are being joined."""
        self._turn("connected")
        wait = max(_SETTLES, self.asked + _PACE - self._now())
        self._settled, self._caught_up = self._now() + wait, False
        self._wake_in(wait + _LATER)

    def on_lost(self, reason: str) -> None:
        """Real-time events are no longer received."""
        self._turn("absent" if self._state in ("", "absent") else "lost", reason)
        if self._settled is not None:
            self._wake_in(0.0)
        self._settled, self._caught_up, self._missed = None, False, True

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """Something has happened."""
        if event not in EVENTS:
            return
        message = read_event(event, payload, self._now() + (self.ahead() or 0.0))
        self._pass_over(message is None)
        if message is not None:
            self._missed = self._missed or len(self._heard) == _MOST_HEARD
            self._heard.append(message)
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

    def _turn(self, state: str, reason: str = "") -> None:
        if state != self._state:
            self._state = state
            self._told.append(("chat_realtime", {"state": state, **({"reason": reason} if reason else {})}))

    def _rooms(self) -> list[str]:
        known = self._access.credentials
        return rooms(known.user_db_id, known.token_address)

    def _taken(self, history: History) -> list[ChatMessage]:
        """The real-time messages, unless earlier ones may be missing that have yet to be polled."""
        if not self._is_whole:
            return []
        before = history.cutoff(self.ahead())
        return [message for message in _first(self._heard) if not older(message, before)]

    @property
    def _is_whole(self) -> bool:
        """Whether no earlier messages can be missing before the real-time ones."""
        return self._settled is None or self._caught_up or self._failures >= 2

    # --- asked for ------------------------------------------------------------------------------------------

    def _due(self, now: float, fresh: bool) -> bool:
        if now < max(self._next, self.asked + _SOONEST):
            return False
        return fresh or self._missed or not self._caught_up or now >= self.asked + CALM

    async def _answer(self) -> tuple[list[ChatMessage], PlatformError | None]:
        """The result of the poll, or why it failed; complete real-time messages do not wait for it."""
        if self._asking is None:
            return [], None
        await asyncio.wait({self._asking}, timeout=_PATIENCE if self._caught_up else None)
        if not self._asking.done():
            self._asking.remove_done_callback(self._answered)
            self._asking.add_done_callback(self._answered)
            return [], None
        asking, self._asking = self._asking, None
        try:
            found = asking.result()
        except PlatformError as error:
            self._failed(error)
            return [], error
        self._succeeded()
        return found, None

    def _answered(self, _: asyncio.Task[list[ChatMessage]]) -> None:
        self._wake()

    async def _ask(self, ledger: Ledger, history: History) -> list[ChatMessage]:
        """Everything since the last poll, oldest first; pages back until it meets what was there then."""
        user_id = await self._access.user_id()
        found: dict[str, ChatMessage] = {}
        before: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(user_id, before)
            unknown = {message.id: message for message in page if message.id not in found}
            found = {**unknown, **found}
            self._pass_over(page.unreadable)
            if not unknown or self._reaches_back(page, list(found.values()), ledger, history):
                break
            if len(found) >= _MOST_READ:
                self._told.append(("chat_gap", {"messages": len(found)}))
                break
            before = page[0].id
        else:
            self._told.append(("chat_gap", {"pages": MOST_PAGES}))
        return list(found.values())

    def _reaches_back(
        self, page: Sequence[ChatMessage], found: Sequence[ChatMessage], ledger: Ledger, history: History
    ) -> bool:
        """Whether a page reaches back to known messages.

        A single message out of place (a pinned one) proves nothing.
        """
        ahead = self.ahead(found[-_TELLING:]) if history.before is None and history.since is not None else None
        cutoff = history.cutoff(ahead)
        known = [older(each, cutoff) or ledger.polled(each) for each in page]
        return known[0] or sum(known) > 1

    def _pass_over(self, messages: int) -> None:
        """Report messages without usable ids, if there are many more at once than ever."""
        if messages > 2 * self._unreadable:
            self._unreadable = messages
            self._told.append(("chat_unreadable", {"what": "id", "messages": messages}))

    async def _page(self, user_id: str, before: str | None) -> Page:
        """One page, retried after an error, so that one error does not restart a long way back."""
        for failures in count(1):
            try:
                return await self._access.client().comments(user_id, PAGE if before else 50, before)
            except PlatformError as error:
                wait = REPEATED.wait(failures, error.retry_after)
                if not error.may_repeat or failures > MOST_REPEATS or wait > _AGAIN.cap:
                    raise
                about = {"place": self._place, "kind": error.kind, "message": error.message, "hint": error.hint}
                self._told.append(("error", {**about, "failures": failures}))
            await asyncio.sleep(wait)
        raise AssertionError

    def _succeeded(self) -> None:
        self.asked, self._failures, self._next, self._missed = self._begun, 0, 0.0, False
        if self._settled is not None and self._begun >= self._settled:
            self._caught_up = True

    def _failed(self, error: PlatformError) -> None:
        self._failures += 1
        if not self.live:
            return  # the activity itself backs off
        pause = _AGAIN.wait(self._failures, error.retry_after)
        self._next = self._now() + pause
        self._wake_in(pause + _LATER)


def _first(waiting: deque[ChatMessage]) -> list[ChatMessage]:
    """Take from the waiting messages those that are read at once."""
    return [waiting.popleft() for _ in range(min(len(waiting), _AT_ONCE))]

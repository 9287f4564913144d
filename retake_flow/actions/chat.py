"""The actions of chat: writing, and reading what is new with a greeter that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from retake_flow.actions.access import Access
from retake_flow.api.chat import ChatMessage, is_own
from retake_flow.errors import NoSession, NotFound, PlatformError
from retake_flow.ports.actions import Call, Completion

PAGE = 100
MOST_PAGES = 50
_REMEMBERED = 1_000  # ids of messages already handled
_QUIET_AFTER = 30.0  # seconds without a message after which chat counts as quiet
_CLOCKS_DIFFER = 60.0  # seconds between the platform's clock and ours; a late answer to history harms less than none
_LONGEST_NAME = 40
_NAMED_AT_ONCE = 5


class ChatActions:
    """Reads and writes chat.

    Args:
        access: The agent's credentials and client.
        show: Puts a line on the stream.
        now: Seconds since the epoch.
    """

    def __init__(self, access: Access, show: Callable[[str], None], now: Callable[[], float] = time.time) -> None:
        self._access = access
        self._show = show
        self._now = now

    async def send(self, call: Call) -> Completion:
        """Write a message."""
        message = str(call.inputs["message"])
        to = str(call.inputs.get("to") or await self._access.user_id())
        key = await self._access.client().send_chat(message, to)
        call.note("chat_sent", text=message)
        self._show(f"> {message}")
        return Completion(value={"id": key})

    async def respond(self, call: Call) -> Completion:
        """Read what is new, in order, and greet those who write for the first time.

        What was handled is remembered by id, since ids have no order. What is older than the first session (`since`)
        is history.
        """
        memory = _Memory.of(call)
        try:
            news = await self._news(memory.seen, memory.since)
        except (NoSession, NotFound):
            return Completion("idle", {"messages": 0, "greeted": []})
        memory.seen = [*memory.seen, *(message.id for message in news)][-_REMEMBERED:]
        fresh = [message for message in news if self._counts(message)]
        for message in fresh:
            call.note("chat_message", author=_name(message), kind=message.kind, text=message.text)
            self._show(f"{_name(message)}: {message.text}")
            memory.meet(message)
        # A stream that has just begun is not quiet: its first viewer waits no longer than those in a lively chat.
        if fresh or not memory.last:
            memory.last = self._now()
        greeted = await self._greet(call, memory) if memory.waiting and self._now() >= memory.hold else []
        outcome = "done" if self._now() - memory.last < _QUIET_AFTER else "idle"
        return Completion(outcome, {"messages": len(fresh), "greeted": greeted}, asdict(memory))

    async def _news(self, seen: Sequence[str], since: float | None) -> list[ChatMessage]:
        """Every message that was not handled yet, oldest first; pages back until it meets one that was."""
        user_id = await self._access.user_id()
        handled = set(seen)
        news: list[ChatMessage] = []
        before: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._access.client().comments(user_id, PAGE if before else 50, before)
            fresh = [message for message in page if message.id not in handled and not _older(message, since)]
            handled.update(message.id for message in fresh)
            news = [*fresh, *news]
            if not page or len(fresh) < len(page):
                break
            before = page[0].id
        return news

    def _counts(self, message: ChatMessage) -> bool:
        known = self._access.known
        return message.is_message and not is_own(message, known.user_db_id, known.agent_name)

    async def _greet(self, call: Call, memory: _Memory) -> list[str]:
        names = memory.waiting
        text = str(call.inputs.get("greeting", "Welcome, {names}!")).replace("{names}", _joined(names))
        try:
            await self._access.client().send_chat(text, await self._access.user_id())
        except PlatformError as error:
            call.note("chat_undelivered", text=text, message=error.message)
            if error.may_repeat:
                memory.hold = self._now() + (error.retry_after or 0.0)
                return []
            # It may have arrived, and nobody likes to be greeted twice.
        else:
            call.note("chat_sent", text=text)
            self._show(f"> {text}")
        memory.waiting = []
        return names


@dataclass(slots=True)
class _Memory:
    """What one reading tells the next, as plain data.

    Attributes:
        seen: The ids of messages already handled, newest last.
        known: What those who wrote are recognised by.
        waiting: The names of those who were not greeted yet.
        hold: When the platform wants to hear a greeting again.
        last: When there was news.
        since: What is older is history.
    """

    seen: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    hold: float = 0.0
    last: float = 0.0
    since: float | None = None

    @classmethod
    def of(cls, call: Call) -> _Memory:
        # After an interruption there is another session; what was written meanwhile is news all the same.
        return cls(**{"since": call.inputs.get("since"), **call.memory})

    def meet(self, author: ChatMessage) -> None:
        """Let the author of a message wait for a greeting, unless they are known."""
        # Each shape of the chat tells something else of them.
        keys = [key for key in (author.author_user_id, author.wallet, author.author_name.casefold()) if key]
        if not any(key in self.known for key in keys):
            self.waiting = [*self.waiting, _name(author)]
        self.known = [*self.known, *(key for key in keys if key not in self.known)]


def _joined(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    shown = [*names[:_NAMED_AT_ONCE], f"{more} more"] if more > 0 else list(names)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _older(message: ChatMessage, since: float | None) -> bool:
    if since is None or message.sent_at is None:
        return False
    return message.sent_at.timestamp() < since - _CLOCKS_DIFFER


def _name(message: ChatMessage) -> str:
    return (message.author_display_name or message.author_name or "friend")[:_LONGEST_NAME]

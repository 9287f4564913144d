"""The actions of chat: writing, and reading what is new and having it answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext

from retake_flow.actions.access import Access
from retake_flow.actions.asking import Asking
from retake_flow.actions.conversation import Conversation, name_of
from retake_flow.actions.family import Family
from retake_flow.api.chat import ChatMessage, is_own
from retake_flow.controls import stripped
from retake_flow.errors import InputError, NoSession, NotFound, PlatformError, RetakeFlowError
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.responders import Answer, Batch, OpenResponder, Responder
from retake_flow.responders.greeter import GREETINGS, Greeter

PAGE = 100
MOST_PAGES = 50
#: What a responder may say to one batch.
MOST_REPLIES = 5
LONGEST_REPLY = 500

_QUIET_AFTER = 30.0  # seconds without a message after which chat counts as quiet
_CLOCKS_DIFFER = 60.0  # seconds between the platform's clock and ours; a late answer to history harms less than none
_PATIENCE = 2.0  # seconds that reading waits for a responder; one that thinks for longer is heard the next time


class ChatActions(Family):
    """Reads and writes chat.

    Args:
        access: The agent's credentials and client.
        show: Puts a line on the stream.
        now: Seconds since the epoch.
        responders: Who may answer beside the greeter, by the key that names them under `responder` in a flow.
    """

    def __init__(
        self,
        access: Access,
        show: Callable[[str], None],
        now: Callable[[], float] = time.time,
        responders: Mapping[str, OpenResponder] | None = None,
    ) -> None:
        self._access = access
        self._show = show
        self._now = now
        self._responders = responders or {}
        self._asking: dict[str, Asking] = {}
        self.tasks = {"chat.respond": self.respond, "chat.send": self.send}

    async def send(self, call: Call) -> Completion:
        """Write a message."""
        message = str(call.inputs["message"])
        to = str(call.inputs.get("to") or await self._access.user_id())
        key = await self._access.client().send_chat(message, to)
        call.note("chat_sent", text=message)
        self._show(f"> {message}")
        return Completion(value={"id": key})

    async def respond(self, call: Call) -> Completion:
        """Read what is new, in order, and have it answered.

        What was handled is remembered by id, since ids have no order. What is older than the first session (`since`)
        is history. A responder that fails in an activity is asked again later; where it is asked once, that fails.
        """
        chat = Conversation.of(call)
        try:
            news = await self._news(chat.seen, chat.since)
        except (NoSession, NotFound):
            return Completion("idle", {"messages": 0, "greeted": [], "said": 0, "unanswered": len(chat.unanswered)})
        fresh = self._heard(call, chat, news)
        # A stream that has just begun is not quiet: its first viewer waits no longer than those in a lively chat.
        if fresh or not chat.last:
            chat.last = self._now()
        said = await self._say(call, chat)
        greeted, replies = await self._answer(call, chat)
        outcome = "done" if self._now() - chat.last < _QUIET_AFTER else "idle"
        said += replies
        value = {"messages": fresh, "greeted": greeted, "said": said, "unanswered": len(chat.unanswered)}
        return Completion(outcome, value, chat.kept())

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

    def _heard(self, call: Call, chat: Conversation, news: Sequence[ChatMessage]) -> int:
        """Take note of what is new; gives how many messages of others there were."""
        known, fresh = self._access.known, 0
        chat.read(news)
        for message in news:
            own = is_own(message, known.user_db_id, known.agent_name)
            if message.is_message:
                chat.hear(message, own=own)
            if message.is_message and not own:
                fresh += 1
                call.note("chat_message", author=name_of(message), kind=message.kind, text=message.text)
                self._show(f"{name_of(message)}: {message.text}")
        return fresh

    async def _answer(self, call: Call, chat: Conversation) -> tuple[list[str], int]:
        """Have answered what nobody has answered yet; gives who was greeted, and how many replies have arrived."""
        if not chat.unanswered or chat.unsaid or self._now() < chat.hold:
            return [], 0
        batch = chat.batch(self._access.known.agent_name, self._access.audience)
        async with AsyncExitStack() as alone:
            asking = await self._asked_by(call, call.scope or alone)
            try:
                answer = await asking.about(batch, _PATIENCE if call.scope else None)
            except RetakeFlowError as error:
                if call.scope is None:
                    raise
                self._failed(call, chat, asking.asked, error)
                return [], 0
        if answer is None:
            return [], 0
        chat.unsaid = self._allowed(call, answer)
        said = await self._say(call, chat)
        if answer.renewed and chat.unsaid and not said:
            chat.unsaid = []
            return [], 0
        chat.answered(asking.asked)
        return list(answer.greeted), said

    def _failed(self, call: Call, chat: Conversation, asked: Batch, error: RetakeFlowError) -> None:
        call.note("error", place=call.place, kind=error.kind, message=error.message, hint=error.hint)
        given_up = chat.failed(asked, self._now())
        if given_up:
            call.note("chat_unanswered", messages=given_up)

    async def _asked_by(self, call: Call, scope: AsyncExitStack) -> Asking:
        """The responder of an activity, which begins when it is first asked and ends with the activity."""
        if call.key not in self._asking:
            scope.callback(self._asking.pop, call.key, None)
            self._asking[call.key] = await Asking.opened(self._responder(call), scope)
        return self._asking[call.key]

    def _responder(self, call: Call) -> AbstractAsyncContextManager[Responder]:
        named = call.inputs.get("responder")
        if named is None:
            return nullcontext(Greeter((str(call.inputs.get("greeting", GREETINGS[0])),)))
        for kind, opened in self._responders.items():
            if kind in named:
                return opened(named, call.note)
        raise InputError(f"there is no responder {named!r} here")

    def _allowed(self, call: Call, answer: Answer) -> list[str]:
        """Replies as they may be said: a few, each on one line, without what a terminal would obey."""
        lines = (" ".join(stripped(reply).split()) for reply in answer.replies)
        replies = [line[:LONGEST_REPLY] for line in lines if line]
        if len(replies) > MOST_REPLIES:
            call.note("chat_unsaid", texts=replies[MOST_REPLIES:])
        return replies[:MOST_REPLIES]

    async def _say(self, call: Call, chat: Conversation) -> int:
        """Say what is to be said, in order; gives how many messages have surely arrived."""
        said = 0
        while chat.unsaid and self._now() >= chat.hold:
            text = chat.unsaid[0]
            try:
                await self._access.client().send_chat(text, await self._access.user_id())
            except PlatformError as error:
                call.note("chat_undelivered", text=text, message=error.message)
                if error.may_repeat:
                    chat.hold = self._now() + (error.retry_after or 0.0)
                    break
                # It may have arrived, and nobody likes to be told anything twice.
            else:
                said += 1
                call.note("chat_sent", text=text)
                self._show(f"> {text}")
            chat.unsaid = chat.unsaid[1:]
        return said


def _older(message: ChatMessage, since: float | None) -> bool:
    if since is None or message.sent_at is None:
        return False
    return message.sent_at.timestamp() < since - _CLOCKS_DIFFER

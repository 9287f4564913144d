"""Chat actions: write messages, read new ones and have them answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from typing import Any

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
from retake_flow.actions.chat.conversation import Conversation, ResponderTask, current_snapshot
from retake_flow.actions.chat.inbox import Inbox
from retake_flow.actions.chat.outbox import Outbox, Speak, SpeakQueue, post
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.actions.chat.reader import Reader
from retake_flow.actions.chat.turn import Turn
from retake_flow.errors import InputError
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.responders import OpenRealtime, OpenResponder, Responder
from retake_flow.responders.agent import Replies
from retake_flow.responders.greeter import Greeter
from retake_flow.run.records import Record


class ChatActions(Family):
    """Reads and writes chat.

    Args:
        responders: All responders beside the greeter, by their key under `responder` in a flow.
        speak: Speaks a text on stream, and returns once it has been played; None without a voice.
        journal: The records of the run so far, with the messages of earlier processes.
    """

    def __init__(
        self,
        access: Access,
        show: Callable[[str], None],
        now: Callable[[], float],
        responders: Mapping[str, OpenResponder] | None = None,
        realtime: OpenRealtime | None = None,
        speak: Speak | None = None,
        journal: Callable[[], Iterable[Record]] = tuple,
        replies: Replies | None = None,
    ) -> None:
        self._replies = Replies() if replies is None else replies
        self._access = access
        self._show = show
        self._now = now
        self._responders = responders or {}
        self._realtime = realtime
        self._speak = speak
        self._journal = journal
        self._own = OwnMessages(access, now)
        self._post = partial(post, access, self._own)
        self._conversations: dict[str, Conversation] = {}
        self.tasks = {"chat.respond": self.respond, "chat.send": self.send}

    async def send(self, call: Call) -> Completion:
        """Send a message."""
        message = str(call.inputs["message"])
        to = str(call.inputs.get("to") or await self._access.user_id())
        key = await self._post(message, to)
        own = to == self._access.credentials.user_db_id
        about: dict[str, Any] = {**({} if own else {"to": to}), **({"id": key} if key else {})}
        answers = call.inputs.get("answers")
        if answers is not None:
            about["answers"] = list(answers or self._unanswered_ids())
            self._replies.add(about["answers"])
        call.note("chat_sent", text=message, **about)
        self._show(f"> {message}")
        return Completion(value={"id": key})

    def _unanswered_ids(self) -> list[str]:
        return [message for chat in self._conversations.values() for message in chat.unanswered_ids]

    async def respond(self, call: Call) -> Completion:
        """Read new messages in order and have them answered.

        Handled messages are remembered by id, since ids have no order. Messages older than the first session (`since`)
        are history. In an activity, a failing responder is asked again later; in a single task, its failure fails the
        task.
        """
        async with AsyncExitStack() as alone:
            chat = await self._conversation(call, alone)
            turn = Turn(call, chat.snapshot)
            await chat.advance(turn)
            while call.scope is None and chat.reader.behind:
                await chat.advance(turn)
            if call.scope is None:
                await chat.outbox.finish()
        return chat.completion(turn)

    async def _conversation(self, call: Call, alone: AsyncExitStack) -> Conversation:
        """The conversation of an activity, which lasts from one performance to the next; otherwise a new one."""
        if call.scope is None:
            return self._restore(call, alone)
        if call.key not in self._conversations:
            await self._access.user_id()
            chat = self._restore(call, call.scope)
            if self._realtime is not None:
                await chat.reader.open(self._realtime, call.scope)
            call.scope.callback(self._conversations.pop, call.key, None)
            self._conversations[call.key] = chat
        return self._conversations[call.key]

    def _restore(self, call: Call, scope: AsyncExitStack) -> Conversation:
        kept = current_snapshot(call.memory)
        for record in self._journal():
            if record["event"] == "chat_sent" and "answers" in record:
                self._replies.add(record["answers"])
        inbox = Inbox(kept.get("inbox", {}), call.inputs.get("since"))
        reader = Reader(self._access, self._own, inbox.dedup, inbox.history, self._now, call.hurry, call.place)
        scope.push_async_callback(reader.close)
        voice = None
        if self._speak is not None:
            voice = SpeakQueue(self._speak, call.note)
            scope.push_async_callback(voice.close)
        given = kept.get("outbox", {})
        outbox = Outbox(given, self._post, self._own, self._now, self._show, voice, self._journal)
        responder = ResponderTask(kept.get("responder", {}), scope, call.hurry)
        return Conversation(inbox, outbox, reader, responder, self._responder, self._access, self._now, self._show)

    def _responder(self, call: Call) -> AbstractAsyncContextManager[Responder]:
        named = call.inputs.get("responder")
        if named is None:
            return nullcontext(Greeter((str(call.inputs["greeting"]),)))
        for kind, opened in self._responders.items():
            if kind in named:
                return opened(named, call.note)
        raise InputError(f"there is no responder {named!r} here")

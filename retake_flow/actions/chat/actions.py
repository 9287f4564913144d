"""Chat actions: write messages, read new ones and have them answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import Literal

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
from retake_flow.actions.chat import viewer_events
from retake_flow.actions.chat.dedup import Way
from retake_flow.actions.chat.own_messages import Oneself
from retake_flow.actions.chat.reader import Reading
from retake_flow.actions.chat.responder_task import Asking
from retake_flow.actions.chat.sender import Saying
from retake_flow.actions.chat.silence import Silence
from retake_flow.actions.chat.speak_queue import Aloud, Speak
from retake_flow.actions.chat.turn import Round
from retake_flow.api.chat import ChatMessage
from retake_flow.errors import InputError, NoSession, NotFound, PlatformError, RetakeFlowError, Unauthorized
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.realtime import OpenRealtime
from retake_flow.ports.responders import Answer, Batch, OpenResponder, Responder
from retake_flow.responders.greeter import Greeter
from retake_flow.responders.schema import GREETINGS
from retake_flow.run.records import Record

_QUIET_AFTER = 30.0  # seconds without a message after which chat counts as quiet
_PATIENCE = 0.25  # seconds that a reading waits for a responder; a slower one wakes the activity when it is done
_MOST_BATCHES = 20  # per reading


class ChatActions(Family):
    """Reads and writes chat.

    Args:
        access: The agent's credentials and client.
        show: Puts a line on the stream.
        now: Seconds since the epoch.
        responders: All responders beside the greeter, by their key under `responder` in a flow.
        realtime: Receives real-time events; without it, chat is only polled.
        speak: Speaks a text on stream, and returns when it was heard; None without a voice.
        journal: The records of the run so far, which show what earlier processes have said.
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
    ) -> None:
        self._access = access
        self._show = show
        self._now = now
        self._responders = responders or {}
        self._realtime = realtime
        self._speak = speak
        self._journal = journal
        self._oneself = Oneself(access, now)
        self._saying = Saying(access, self._oneself.sayings, show, now)
        self._talks: dict[str, _Talk] = {}
        self.tasks = {"chat.respond": self.respond, "chat.send": self.send}

    async def send(self, call: Call) -> Completion:
        """Send a message."""
        message = str(call.inputs["message"])
        to = str(call.inputs.get("to") or await self._access.user_id())
        key = await self._saying.send(message, to)
        own = to == self._access.credentials.user_db_id
        call.note("chat_sent", text=message, **({} if own else {"to": to}), **({"id": key} if key else {}))
        self._show(f"> {message}")
        return Completion(value={"id": key})

    async def respond(self, call: Call) -> Completion:
        """Read new messages in order and have them answered.

        Handled messages are remembered by id, since ids have no order. Messages older than the first session (`since`)
        are history. In an activity, a failing responder is asked again later; in a single task, its failure fails the
        task.
        """
        async with AsyncExitStack() as alone:
            talk = await self._talk(call, alone)
            now = Round(call, talk.aloud)
            self._recollect(now)
            await self._go_on(now, talk)
            while call.scope is None and talk.reading.behind:
                await self._go_on(now, talk)
            if talk.aloud is not None and call.scope is None:
                await talk.aloud.finish()
        return self._completion(now, talk)

    async def _go_on(self, now: Round, talk: _Talk) -> None:
        # The message goes after all that was there; otherwise it would look like an answer to it.
        if await self._read(now, talk) and not talk.reading.behind:
            await self._saying.go_on(now)
            await self._answer(now, talk)
            await self._break_silence(now, talk)

    def _completion(self, now: Round, talk: _Talk) -> Completion:
        chat = now.chat
        lively = self._now() - chat.last < _QUIET_AFTER and not talk.closed
        outcome = "done" if lively or now.fresh else "idle"
        due, chat.due = chat.due, []
        return Completion(outcome, now.value, chat.kept(), now.notes(), due)

    # --- for as long as an activity lasts -------------------------------------------------------------------

    async def _talk(self, call: Call, alone: AsyncExitStack) -> _Talk:
        """The state that one activity shares between its readings; outside an activity, a new one."""
        if call.key in self._talks and call.scope is not None:
            return self._talks[call.key]
        scope = call.scope or alone
        talk = _Talk(Reading(self._access, self._oneself, self._now, call.hurry, call.place), scope)
        scope.push_async_callback(talk.reading.close)
        if self._speak is not None:
            talk.aloud = Aloud(self._speak, call.note)
            scope.push_async_callback(talk.aloud.close)
        if call.scope is not None:
            await self._access.user_id()
            if self._realtime is not None:
                await talk.reading.open(self._realtime, scope)
            scope.callback(self._talks.pop, call.key, None)
            self._talks[call.key] = talk
        return talk

    async def _asking(self, now: Round, talk: _Talk) -> Asking:
        """The responder of an activity, opened at its first request and closed with the activity."""
        if talk.asking is None:
            talk.asking = await Asking.opened(self._responder(now.call), talk.scope, now.call.hurry)
        return talk.asking

    def _responder(self, call: Call) -> AbstractAsyncContextManager[Responder]:
        named = call.inputs.get("responder")
        if named is None:
            return nullcontext(Greeter((str(call.inputs.get("greeting", GREETINGS[0])),)))
        for kind, opened in self._responders.items():
            if kind in named:
                return opened(named, call.note)
        raise InputError(f"there is no responder {named!r} here")

    # --- reading --------------------------------------------------------------------------------------------

    async def _read(self, now: Round, talk: _Talk) -> bool:
        """Read new messages; returns whether there is a chat to speak in."""
        chat = now.chat
        silence = Silence.of(now.call.inputs)
        quiet = silence is not None and self._now() - chat.spoken >= silence.after
        news, error = await talk.reading.news(chat.ledger, chat.history, fresh=quiet or bool(chat.speech.doubt))
        for event, fields in talk.reading.told():
            now.note(event, **fields)
        self._heard(now, news, talk.reading.ahead([message for _, message in news]))
        self._look_up(now, talk)
        # A stream that has just begun is not quiet: its first viewer waits no longer than viewers of a lively chat.
        if now.fresh or not chat.last:
            chat.last = self._now()
        if now.fresh or not chat.spoken:
            chat.spoken = self._now()
        if news:
            now.keep()
        return self._readable(now, talk, error)

    def _readable(self, now: Round, talk: _Talk, error: PlatformError | None) -> bool:
        """Handle a failed poll of the chat, if any; returns whether there is a chat to speak in.

        Raises:
            PlatformError: There is no other source of new messages.
        """
        was_closed, talk.closed = talk.closed, isinstance(error, NoSession | NotFound)
        if error is None:
            return True
        if talk.closed:
            if not was_closed:
                now.note("chat_closed", message=error.message)
            return now.fresh > 0
        if isinstance(error, Unauthorized) or not talk.reading.live:
            now.fail()
            raise error
        now.trouble(error)
        return True

    def _recollect(self, now: Round) -> None:
        """Restore what earlier processes have said."""
        speech = now.chat.speech
        self._oneself.restore(now.chat.own, self._journal)
        if speech.doubt:
            self._oneself.sayings.doubted(speech.doubt, speech.doubted)

    def _heard(self, now: Round, news: Sequence[tuple[Way, ChatMessage]], ahead: float | None) -> None:
        """Take in new messages."""
        chat = now.chat
        told = [(way, message) for way, message in news if viewer_events.counts(message)]
        own = self._oneself.sift(told, ahead)
        chat.own = self._oneself.kept()
        for name in self._oneself.learnt():
            now.note("chat_oneself", name=name)
        for mine, (_, message) in zip(own, told, strict=True):
            if mine:
                self._hear_oneself(now, message)
                continue
            newcomer = message.is_message and chat.hear(message, own=False)
            now.fresh += message.is_message
            chat.due += viewer_events.events(message, newcomer)
            for event, fields in viewer_events.records(message):
                now.note(event, **fields)
            self._show(viewer_events.line(message))
        dropped = chat.overflow()
        if dropped:
            now.note("chat_unanswered", messages=dropped)

    def _hear_oneself(self, now: Round, message: ChatMessage) -> None:
        chat = now.chat
        if not message.is_message:
            return
        chat.spoken = self._now()
        chat.hear(message, own=True)
        if chat.speech.found(message.text):
            self._saying.delivered(now, chat.speech.doubt)

    def _look_up(self, now: Round, talk: _Talk) -> None:
        """Resend a message that may have arrived but is not in the chat."""
        speech = now.chat.speech
        if not talk.reading.behind and speech.missing(talk.reading.asked):
            self._oneself.sayings.missing(speech.doubt)
            speech.withdraw()

    # --- answering ------------------------------------------------------------------------------------------

    async def _answer(self, now: Round, talk: _Talk) -> None:
        """Have all unanswered messages answered."""
        chat = now.chat
        for _ in range(_MOST_BATCHES):
            waits = chat.unanswered or (talk.asking is not None and talk.asking.thinks)
            if not waits or chat.speech.doubt or self._now() < chat.hold:
                return
            if not await self._answered(now, talk):
                return

    async def _answered(self, now: Round, talk: _Talk) -> bool:
        """Have one batch answered; returns whether the next batch can be."""
        asking = await self._asking(now, talk)
        alone = now.call.scope is None
        try:
            answer = await asking.about(self._batch(now), None if alone else _PATIENCE)
        except RetakeFlowError as error:
            if alone:
                now.fail()
                raise
            self._failed(now, asking.asked, error)
            return False
        return answer is not None and await self._taken(now, asking.asked, answer)

    async def _taken(self, now: Round, asked: Batch, answer: Answer) -> bool:
        """Send a responder's replies; returns whether it can get the next batch."""
        chat = now.chat
        if asked.occasion == "silence" and chat.unanswered:
            now.note("chat_unsaid", texts=list(answer.replies))  # somebody wrote first
            return True
        before = list(chat.speech.unsaid)
        replies, unsaid = now.limits.allowed(answer.replies)
        unsaid = [*chat.speech.wish(replies), *unsaid]
        if unsaid:
            now.note("chat_unsaid", texts=unsaid)
        chat.answered(asked)
        said = now.said
        await self._saying.go_on(now)
        if answer.renewed and replies and now.said == said and not chat.speech.doubt:
            chat.speech.unsaid = before
            chat.reopened(asked)
            return False
        now.greeted += answer.greeted
        return True

    def _failed(self, now: Round, asked: Batch, error: RetakeFlowError) -> None:
        if now.chat.tells(error.message, self._now()):
            now.trouble(error)
        else:
            now.note("responder_failed", kind=error.kind, message=error.message)
        given_up = now.chat.failed(asked, self._now(), error.retry_after or 0.0)
        if given_up:
            now.note("chat_unanswered", messages=given_up)

    def _batch(self, now: Round) -> Batch:
        direction = str(now.call.inputs.get("direction") or "")
        occasion: Literal["messages", "silence"] = "messages" if now.chat.unanswered else "silence"
        return now.chat.batch(self._access.credentials.agent_name, self._access.audience, direction, occasion)

    async def _break_silence(self, now: Round, talk: _Talk) -> None:
        """Say something if nobody has for long and nothing is about to be said."""
        chat = now.chat
        silence = Silence.of(now.call.inputs)
        thinks = talk.asking is not None and talk.asking.thinks
        busy = chat.unanswered or chat.speech.pending or thinks or talk.reading.asks
        if silence is None or busy or self._now() < chat.hold or self._now() - chat.spoken < silence.after:
            return
        chat.spoken = self._now()
        text = silence.next(chat.speech.told)
        if text is not None:
            chat.speech.told.add([text])
            chat.speech.wish(now.limits.allowed([text])[0])
            await self._saying.go_on(now)
        elif now.call.inputs.get("responder") is not None:
            await self._answered(now, talk)


class _Talk:
    """What lasts as long as an activity.

    Attributes:
        reading: Reads the chat.
        scope: Closed with the activity.
        asking: Asks the responder; None before the first request.
        aloud: Speaks messages; None without a voice.
        closed: Whether the platform said last that there is no session.
    """

    def __init__(self, reading: Reading, scope: AsyncExitStack) -> None:
        self.reading = reading
        self.scope = scope
        self.asking: Asking | None = None
        self.aloud: Aloud | None = None
        self.closed = False

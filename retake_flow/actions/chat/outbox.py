"""Outbox: the agent's messages to its own chat, in order, within the rate, each sent once, even if the process dies."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.dedup import Digests
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.actions.chat.turn import Limits, Turn
from retake_flow.api.spelling import same_words
from retake_flow.errors import PlatformError, RetakeFlowError, SecretRefused, Unauthorized
from retake_flow.redact import MASK
from retake_flow.run.records import Record
from retake_flow.tasks import end

MOST_WAITING = 30  # messages
SETTLES = 2.0  # seconds after which a sent message can be read in the chat
_MINUTE = 60.0
_MOST_SILENCES = 500

#: Sends one message to a chat; returns its id if the platform gives one.
Post = Callable[[str, str], Awaitable[str | None]]


class Outbox:
    """The messages to send, sent, and possibly sent.

    A message is kept as one in doubt before it is sent. If it is unknown whether it arrived, it is looked for in the
    chat and sent again only if it is not there.

    Args:
        kept: The result of `snapshot`; empty before the first message.
        voice: Speaks messages on stream; None without a voice.
        journal: The records of the run so far, with the messages of earlier processes.

    Attributes:
        waiting: Messages that wait their turn and were definitely not delivered.
        doubt: A message that was sent and may not have arrived; it is looked for in the chat.
        hold: The time until which no message is sent and no responder is asked.
        spoken: When anyone last wrote, the agent included, or a silence was last to be broken.
    """

    def __init__(
        self,
        kept: Mapping[str, Any],
        post: Post,
        own: OwnMessages,
        now: Callable[[], float],
        show: Callable[[str], None] = lambda line: None,
        voice: SpeakQueue | None = None,
        journal: Callable[[], Iterable[Record]] = tuple,
    ) -> None:
        self.waiting: list[str] = list(kept.get("waiting", ()))
        self.doubt: str = kept.get("doubt", "")
        self.hold: float = kept.get("hold", 0.0)
        self.spoken: float = kept.get("spoken", 0.0)
        self.own = own
        self._doubted: float = kept.get("doubted", 0.0)  # when that message was sent
        self._times: list[float] = list(kept.get("times", ()))  # when the messages of the last minute were sent
        self._silences = Digests(6, _MOST_SILENCES, kept.get("silences", ""))  # the texts that have broken a silence
        self._post = post
        self._now = now
        self._show = show
        self._voice = voice
        own.restore(kept.get("own", {}), journal)
        if self.doubt:
            own.sent.add_doubtful(self.doubt, self._doubted)

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "waiting": list(self.waiting),
            "doubt": self.doubt,
            "doubted": self._doubted,
            "times": list(self._times),
            "silences": self._silences.pack(),
            "hold": self.hold,
            "spoken": self.spoken,
            "own": self.own.snapshot(),
        }

    @property
    def pending(self) -> bool:
        """Whether a message waits to be sent, or may have to be sent again."""
        return bool(self.waiting or self.doubt)

    def queue(self, texts: Iterable[str]) -> list[str]:
        """Queue texts; returns the oldest ones, which are dropped when too many wait."""
        self.waiting = [*self.waiting, *texts]
        dropped, self.waiting = self.waiting[:-MOST_WAITING], self.waiting[-MOST_WAITING:]
        return dropped

    def queue_for_silence(self, texts: Iterable[str], limits: Limits) -> bool:
        """Queue the first text that has not broken a silence of this stream yet; returns whether there is one."""
        text = next((text for text in texts if text.strip() and text not in self._silences), None)
        if text is None:
            return False
        self._silences.add([text])
        self.queue(limits.apply([text])[0])
        return True

    async def flush(self, turn: Turn) -> None:
        """Send what waits, as far as that is possible now.

        Raises:
            Unauthorized: The platform no longer accepts the token.
        """
        while self.waiting and not self.doubt and self._now() >= max(self.hold, self._next_time(turn.limits)):
            self.doubt, *self.waiting = self.waiting
            self._doubted = self._now()
            self._times = [*self._times, self._doubted]
            turn.keep()
            if not turn.call.recorded():
                self._requeue()  # silence is better than saying it twice
                return
            try:
                await self._post(self.doubt, "")
            except SecretRefused as error:
                self.doubt = ""
                turn.note("chat_undelivered", text=MASK, message=error.message)
                turn.trouble(error)
            except PlatformError as error:
                if not self._fail(turn, error):
                    return
            else:
                self._arrive(turn)

    async def finish(self) -> None:
        """Wait until everything is spoken, but not for long."""
        if self._voice is not None:
            await self._voice.finish()

    def find(self, text: str, turn: Turn) -> None:
        """Process one of the agent's messages in the chat, which may be the one in doubt."""
        self.spoken = self._now()
        if self.doubt and same_words(self.doubt, text):
            self._arrive(turn)

    def requeue_lost(self, polled_at: float) -> None:
        """Requeue the message in doubt if the chat, polled at this time, should have had it and did not."""
        if self.doubt and polled_at >= self._doubted + SETTLES:
            self.own.sent.withdraw_doubtful(self.doubt)
            self._requeue()

    def _next_time(self, limits: Limits) -> float:
        """When the next message may be sent, in seconds since the epoch."""
        now = self._now()
        self._times = [at for at in self._times if now - _MINUTE < at <= now]
        return 0.0 if len(self._times) < limits.per_minute else self._times[-limits.per_minute] + _MINUTE

    def _arrive(self, turn: Turn) -> None:
        text, self.doubt = self.doubt, ""
        self.spoken = self._now()
        turn.said += 1
        turn.note("chat_sent", text=text)
        if turn.call.inputs["show"]:
            self._show(f"> {text}")
        if turn.call.inputs["speak"] and self._voice is not None:
            self._voice.say(text)

    def _fail(self, turn: Turn, error: PlatformError) -> bool:
        """Handle a message that was not sent, or may not have been; returns whether the next one can be sent."""
        turn.note("chat_undelivered", text=self.doubt, message=error.message)
        if isinstance(error, Unauthorized):
            self._requeue()
            turn.fail()
            raise error
        if error.unsure:
            return False
        if error.may_repeat:
            self._requeue()
            self.hold = self._now() + (error.retry_after or 0.0)
            return False
        self.doubt = ""
        return True

    def _requeue(self) -> None:
        """Requeue the message in doubt: it was definitely not delivered."""
        self.waiting, self.doubt = [self.doubt, *self.waiting], ""
        self._times = self._times[:-1]


async def post(access: Access, own: OwnMessages, text: str, to: str) -> str | None:
    """Send one message. It is known as the agent's before the call, since it may be in the chat at once.

    `to` is the user id of the one in whose chat it goes; "" for the agent's own.
    """
    to = to or await access.user_id()
    sent = own.sent.begin(text, "" if to == access.credentials.user_db_id else to)
    try:
        key = await access.client().send_chat(text, to)
    except RetakeFlowError as error:
        if error.unsure:
            own.sent.finish(sent)
        else:
            own.sent.withdraw(sent)
        raise
    own.sent.finish(sent, key)
    return key


Speak = Callable[[str], Awaitable[None]]

_MOST = 10  # waiting texts; beyond that, the newest are not spoken
_LAST_WORDS = 30.0  # seconds


class SpeakQueue:
    """Speaks texts in order.

    Args:
        note: Writes a record of a text that could not be spoken.
    """

    def __init__(self, speak: Speak, note: Callable[..., None]) -> None:
        self._speak = speak
        self._note = note
        self._waiting: deque[str] = deque()
        self._speaking: asyncio.Task[None] | None = None
        self._reported = ""

    def say(self, text: str) -> None:
        """Queue a text."""
        if len(self._waiting) == _MOST:
            self._report(text, "too many texts wait to be spoken")
            return
        self._waiting.append(text)
        if self._speaking is None or self._speaking.done():
            self._speaking = asyncio.create_task(self._speak_all(), name="speak queue")

    async def finish(self) -> None:
        """Wait until everything is spoken, but not for long."""
        if self._speaking is not None:
            await asyncio.wait({self._speaking}, timeout=_LAST_WORDS)

    async def close(self) -> None:
        """Stop speaking."""
        if self._speaking is not None:
            await end(self._speaking)

    async def _speak_all(self) -> None:
        while self._waiting:
            text = self._waiting.popleft()
            try:
                await self._speak(text)
                self._reported = ""
            except RetakeFlowError as error:
                self._report(text, error.message)

    def _report(self, text: str, message: str) -> None:
        # A missing voice is reported once, not with each answer.
        if message != self._reported:
            self._note("chat_unspoken", text=text, message=message)
        self._reported = message

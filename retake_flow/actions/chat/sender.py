"""Sender: sends the agent's messages in order, within the rate, each once, even if the process dies."""

from __future__ import annotations

from collections.abc import Callable

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.recently_sent import Sayings
from retake_flow.actions.chat.turn import Round
from retake_flow.errors import PlatformError, RetakeFlowError, SecretRefused, Unauthorized
from retake_flow.redact import MASK


class Saying:
    """Sends messages to the agent's own chat.

    A message is recorded as one that may have arrived before it is sent. If it is unknown whether it did, it is looked
    for in the chat and sent again only if it is not there.

    Args:
        access: The agent's credentials and client.
        sayings: Remembers what was said.
        show: Puts a line on the stream.
        now: Seconds since the epoch.
    """

    def __init__(self, access: Access, sayings: Sayings, show: Callable[[str], None], now: Callable[[], float]) -> None:
        self._access = access
        self._sayings = sayings
        self._show = show
        self._now = now

    async def send(self, text: str, to: str) -> str | None:
        """Send a message; it is remembered as the agent's own before, since it may be in the chat at once."""
        said = self._sayings.begin(text, "" if to == self._access.credentials.user_db_id else to)
        try:
            key = await self._access.client().send_chat(text, to)
        except RetakeFlowError as error:
            if error.unsure:
                self._sayings.arrived(said)
            else:
                self._sayings.withdraw(said)
            raise
        self._sayings.arrived(said, key)
        return key

    async def go_on(self, now: Round) -> None:
        """Send what waits, as far as that is possible now.

        Raises:
            Unauthorized: The platform no longer accepts the token.
        """
        chat, speech = now.chat, now.chat.speech
        while speech.unsaid and not speech.doubt and self._now() >= chat.hold:
            wait = speech.turn(self._now(), now.limits)
            if wait > 0:
                return
            text = speech.begin(self._now())
            now.keep()
            try:
                await self.send(text, await self._access.user_id())
            except SecretRefused as error:
                speech.end()
                now.note("chat_undelivered", text=MASK, message=error.message)
                now.trouble(error)
            except PlatformError as error:
                if not self._undelivered(now, text, error):
                    return
            else:
                self.delivered(now, text)

    def delivered(self, now: Round, text: str) -> None:
        """Note that the sent message has arrived."""
        now.chat.speech.end()
        now.chat.spoken = self._now()
        now.said += 1
        now.note("chat_sent", text=text)
        if now.call.inputs.get("show", True):
            self._show(f"> {text}")
        if now.call.inputs.get("speak", False) and now.aloud is not None:
            now.aloud.say(text)

    def _undelivered(self, now: Round, text: str, error: PlatformError) -> bool:
        """Handle a message that was not sent, or may not have been; returns whether the next one can be sent."""
        speech = now.chat.speech
        now.note("chat_undelivered", text=text, message=error.message)
        if isinstance(error, Unauthorized):
            speech.withdraw()
            now.fail()
            raise error
        if error.unsure:
            return False
        if error.may_repeat:
            speech.withdraw()
            now.chat.hold = self._now() + (error.retry_after or 0.0)
            return False
        speech.end()
        return True

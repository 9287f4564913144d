"""Speak queue: speaks chat messages on stream one after the other, while chat continues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from retake_flow.errors import RetakeFlowError

Speak = Callable[[str], Awaitable[None]]

_MOST = 10  # waiting texts; beyond that, the newest are not spoken
_LAST_WORDS = 30.0  # seconds


class SpeakQueue:
    """Speaks texts in order.

    Args:
        speak: Speaks one text, and returns when it was heard.
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
            self._report(text, "too much waits to be spoken")
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
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

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

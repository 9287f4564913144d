"""DevTools: a client of Chromium's DevTools protocol over a pipe, without a port.

Messages are JSON texts that end with a zero byte (chromedevtools.github.io/devtools-protocol).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from retake_flow.errors import NotReady, ProcessFailed
from retake_flow.tasks import time_limit

#: The longest accepted message, in bytes. A request that uploads something is reported with its content.
LONGEST_MESSAGE: Final = 64 * 1024 * 1024
ANSWERS_WITHIN: Final = 10.0  # seconds

Listener = Callable[[str, Mapping[str, Any], str], None]


class Refused(ProcessFailed):
    """Chromium refused a command."""


class DevTools:
    """A connection to a browser.

    Args:
        send: Writes bytes to the browser.
        listener: Receives each event: its method, its parameters, and the id of its session.
    """

    def __init__(self, send: Callable[[bytes], object], listener: Listener) -> None:
        self._send = send
        self._listener = listener
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._unread = bytearray()
        self._closed = ""

    def receive(self, data: bytes) -> None:
        """Take bytes from the browser."""
        if self._closed:
            return
        searched = len(self._unread)
        self._unread += data
        while (end := self._unread.find(b"\0", searched)) >= 0:
            message = bytes(self._unread[:end])
            del self._unread[: end + 1]
            searched = 0
            self._take(message)
        if len(self._unread) > LONGEST_MESSAGE:
            self.close(f"Chromium sent a message of more than {LONGEST_MESSAGE} bytes")

    async def call(
        self, method: str, params: Mapping[str, Any] | None = None, *, session: str = "", within: float = ANSWERS_WITHIN
    ) -> Mapping[str, Any]:
        """Send a command and return its result.

        `session` is the id of the session it is for; by default, the browser itself. It waits `within` seconds.

        Raises:
            Refused: Chromium refused it.
            NotReady: No answer in time.
            ProcessFailed: The connection is closed.
        """
        if self._closed:
            raise ProcessFailed(self._closed)
        number = next(self._numbers)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        self._send(_encode(number, method, params, session))
        try:
            async with time_limit(within):
                await answer
        except TimeoutError:
            raise NotReady(f"Chromium did not answer {method} within {within:g} s") from None
        finally:
            self._pending.pop(number, None)
        return answer.result()

    def send(self, method: str, params: Mapping[str, Any] | None = None, *, session: str = "") -> None:
        """Send a command whose result does not matter."""
        if not self._closed:
            self._send(_encode(next(self._numbers), method, params, session))

    def close(self, reason: str) -> None:
        """Fail all commands without an answer, and all later ones."""
        self._closed = self._closed or reason
        self._unread.clear()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ProcessFailed(reason))

    def _take(self, message: bytes) -> None:
        try:
            heard = json.loads(message)
            number, method = heard.get("id"), heard.get("method")
        except (ValueError, AttributeError, RecursionError):
            self.close("Chromium sent a message that is not in the form of its protocol")
            return
        if number is None:
            self._listener(str(method), heard.get("params") or {}, str(heard.get("sessionId", "")))
            return
        answer = self._pending.get(number)
        if answer is None or answer.done():
            return  # it came too late, or its result does not matter
        if "error" in heard:
            answer.set_exception(Refused(f"Chromium refused a command: {_message(heard['error'])}"))
        else:
            answer.set_result(heard.get("result") or {})


def _encode(number: int, method: str, params: Mapping[str, Any] | None, session: str) -> bytes:
    message = {"id": number, "method": method, "params": params or {}, **({"sessionId": session} if session else {})}
    return json.dumps(message).encode() + b"\0"


def _message(error: Any) -> str:
    return str(error.get("message", error) if isinstance(error, Mapping) else error)[:300]

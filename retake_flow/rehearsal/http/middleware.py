"""Middleware of the rehearsed platform: the log of calls, latency and faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retake_flow.redact import scrub
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.state.call_log import Call
from retake_flow.rehearsal.state.platform import Platform

CONTROL_PATH = "/_rehearsal"
LARGEST_BODY = 16 * 1024 * 1024
#: How much of a body that is too large is read before it is refused.
MOST_READ = 16 * LARGEST_BODY


class Gateway:
    """An ASGI app around the platform's own.

    Args:
        app: The platform's endpoints.
        platform: Its state: the options' latency, the faults, the log.
        dropped: Makes the exception for a dropped connection. The server of `server.py` understands the default and
            hangs up; a caller in the same process passes the exception that its client should see.
    """

    def __init__(self, app: ASGIApp, platform: Platform, dropped: Callable[[], Exception]) -> None:
        self._app = app
        self._platform = platform
        self._dropped = dropped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(CONTROL_PATH):
            await self._control(scope, receive, send)
            return
        call = Call(self._platform.now(), scope["method"], scrub(scope["path"]), self._agent(scope))
        self._platform.calls.add(call)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message = self._with_date(message)
            await send(message)

        try:
            body = await _whole_body(receive)
        except _TooLarge:
            await _refuse(answer, 413, f"The body is larger than {LARGEST_BODY >> 20} MiB")
            return
        if body is None or await _wait_for_disconnect(receive, self._platform.options.latency):
            return
        fault = self._platform.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, _replay(body, receive), answer)
        else:
            call.fault = True
            await self._misbehave(fault, scope, body, receive, answer)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one of the rehearsal's own calls, without log and faults."""
        try:
            body = await _whole_body(receive)
        except _TooLarge:
            await _refuse(send, 413, f"The body is larger than {LARGEST_BODY >> 20} MiB")
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

    async def _misbehave(self, fault: Fault, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        if fault.effect:
            await self._app(scope, _replay(body, receive), keep)
        if await _wait_for_disconnect(receive, fault.delay):
            return
        if fault.drop:
            raise self._dropped()
        if fault.replaces_answer:
            kept = _own_answer(fault)
        elif not fault.effect:
            await self._app(scope, _replay(body, receive), send)
            return
        for message in kept:
            await send(message)

    def _with_date(self, message: Message) -> Message:
        """The start of an answer, with the platform's time unless it already has one."""
        headers = list(message.get("headers", ()))
        if not self._platform.options.date or any(name.lower() == b"date" for name, _ in headers):
            return message
        return {**message, "headers": [*headers, (b"date", formatdate(self._platform.now(), usegmt=True).encode())]}

    def _agent(self, scope: Scope) -> str:
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
        agent = self._platform.agents.by_token(token)
        return "" if agent is None else agent.name


async def _refuse(send: Send, status: int, words: str) -> None:
    content = json.dumps({"error": words}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _own_answer(fault: Fault) -> list[Message]:
    body = fault.answer_body
    if isinstance(body, str):
        text, kind = body, "text/html" if body.lstrip().startswith("<") else "text/plain"
    else:
        text, kind = json.dumps(body), "application/json"
    content = text.encode()
    headers = {"content-type": f"{kind}; charset=utf-8", "content-length": str(len(content)), **fault.answer_headers}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return [
        {"type": "http.response.start", "status": fault.answer_status, "headers": encoded},
        {"type": "http.response.body", "body": content},
    ]


class _TooLarge(Exception):
    """The body is larger than any call needs."""


async def _whole_body(receive: Receive) -> bytes | None:
    """The body of the request; None if the client disconnected.

    Raises:
        _TooLarge: The body is too large.
    """
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= LARGEST_BODY:
            body += part
        # Keep reading a body that is too large: a client that is still sending does not read an answer.
        last = not message.get("more_body", False)
        if size > MOST_READ or (last and size > LARGEST_BODY):
            raise _TooLarge
        if last:
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _wait_for_disconnect(receive: Receive, seconds: float) -> bool:
    """Let time pass, and return whether the client disconnected meanwhile."""
    if not seconds:
        return False
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True

"""Middleware of the rehearsed platform: access, the log of calls, latency and faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retake_flow.addresses import is_loopback
from retake_flow.redact import scrub
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.state.platform import Call, Platform

CONTROL_PATH = "/_rehearsal"
LARGEST_BODY = 16 * 1024 * 1024
#: How much of a body that is too large is read before it is refused.
MOST_READ = 16 * LARGEST_BODY


class Gateway:
    """An ASGI app around the platform's own.

    Args:
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
        call = Call(self._platform.now(), scope["method"], scrub(scope["path"]), self._agent(scope))
        of_rehearsal = scope["path"].startswith(CONTROL_PATH)  # without log, latency and faults
        if not of_rehearsal:
            self._platform.calls.add(call)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not of_rehearsal:
                call.status = message["status"]
                message = self._with_date(message)
            await send(message)

        try:
            body = await _whole_body(receive)
        except _TooLarge:
            refusal = {"error": f"The body is larger than {LARGEST_BODY >> 20} MiB"}
            await JSONResponse(refusal, 413, {"connection": "close"})(scope, receive, answer)
            return
        if body is None or (not of_rehearsal and await _wait_for_disconnect(receive, self._platform.options.latency)):
            return
        fault = None if of_rehearsal else self._platform.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, _replay(body, receive), answer)
        else:
            call.fault = True
            await self._misbehave(fault, scope, body, receive, answer)

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
            await _own_answer(fault)(scope, receive, send)
        elif not fault.effect:
            await self._app(scope, _replay(body, receive), send)
        else:
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


def _own_answer(fault: Fault) -> Response:
    body = fault.answer_body
    if isinstance(body, str):
        text, kind = body, "text/html" if body.lstrip().startswith("<") else "text/plain"
    else:
        text, kind = json.dumps(body), "application/json"
    return Response(text, fault.answer_status, {"content-type": f"{kind}; charset=utf-8", **fault.answer_headers})


class _TooLarge(Exception):
    """The body is larger than any call needs."""


async def _whole_body(receive: Receive) -> bytes | None:
    """The body of the request; None if the client disconnected."""
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


_HINT: Final = "a rehearsal answers programs of its own machine; call it by the address that it printed"


class OnlyLocal:
    """An ASGI app that refuses requests for another host, or from a page of another host.

    A page whose name suddenly resolves to this machine (DNS rebinding) sends its own name as `Host`. A page that
    posts across origins sends its own as `Origin`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        app = self._app if scope["type"] == "lifespan" or _is_local(Headers(scope=scope)) else _refuse_foreign
        await app(scope, receive, send)


def _is_local(headers: Headers) -> bool:
    hosts = [f"//{host}" for host in headers.getlist("host")]
    return len(hosts) == 1 and all(map(_leads_here, (*hosts, *headers.getlist("origin"))))


def _leads_here(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname)
    except ValueError:
        return False


async def _refuse_foreign(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    refusal = JSONResponse({"error": "this host or origin is not of this machine", "hint": _HINT}, 403)
    await refusal(scope, receive, send)

"""A network with one host: retake.tv, as a rehearsed platform in the same process, with its real-time events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from retake_flow.addresses import RETAKE
from retake_flow.ports.responders import EventListener
from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.state.platform import Platform


class Network(httpx.AsyncBaseTransport):
    """Passes requests to the platform; no other host answers.

    Attributes:
        strays: The addresses of requests to other hosts, with their authorization.
        authorized: The number of requests with a token.
    """

    def __init__(self, platform: Platform) -> None:
        self.strays: list[tuple[str, str]] = []
        self.authorized = 0
        app = create_app(platform, dropped=lambda: httpx.ReadError("the connection was dropped"))
        self._platform = httpx.ASGITransport(app)
        self._host = httpx.URL(RETAKE).host

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, within the client's timeout."""
        if request.url.host != self._host:
            self.strays.append((str(request.url), request.headers.get("authorization", "")))
            raise httpx.ConnectError("there is no such host")
        self.authorized += "authorization" in request.headers
        try:
            # There is no socket to read from, so the client's read timeout is enforced here.
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                return await self._platform.handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None


CONNECTS = 0.1  # seconds
COMES_BACK = 1.0  # seconds


class FakeRealtime:
    """Receives the events of a platform's rooms, like a socket that can break."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @asynccontextmanager
    async def open(self, rooms: Callable[[], Sequence[str]], listener: EventListener) -> AsyncIterator[None]:
        """Listen in rooms until the context is left."""
        listening = asyncio.create_task(self._listen(rooms, listener), name="wire")
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(self, rooms: Callable[[], Sequence[str]], listener: EventListener) -> None:
        while True:
            await asyncio.sleep(CONNECTS)
            if self._platform.options.realtime is False:
                listener.on_lost("status 404")
            elif self._platform.faults.take_connection():
                listener.on_lost("status 503")
            else:
                await self._connection(rooms, listener)
                listener.on_lost("the connection broke")
            await asyncio.sleep(COMES_BACK)

    async def _connection(self, rooms: Callable[[], Sequence[str]], listener: EventListener) -> None:
        broken = asyncio.Event()

        def receive(event: str, data: Any) -> None:
            if not broken.is_set():
                listener.on_event(event, [data])

        ends = [self._platform.rooms.subscribe(room, receive) for room in rooms()]
        self._platform.rooms.on_drop.append(broken.set)
        try:
            listener.on_connected()
            await broken.wait()
        finally:
            self._platform.rooms.on_drop.remove(broken.set)
            for end in ends:
                end()

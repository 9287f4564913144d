"""A network with one host: retake.tv, as a rehearsed platform in the same process."""

from __future__ import annotations

import asyncio

import httpx

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.settings import RETAKE


class Network(httpx.AsyncBaseTransport):
    """Takes requests to the platform; nobody else answers.

    Attributes:
        strays: The addresses of requests that were meant for somebody else, with what authorized them.
        authorized: How many requests came with a token.
    """

    def __init__(self, platform: Platform) -> None:
        self.strays: list[tuple[str, str]] = []
        self.authorized = 0
        app = create_app(platform, dropped=lambda: httpx.ReadError("the connection was dropped"))
        self._platform = httpx.ASGITransport(app)
        self._host = httpx.URL(RETAKE).host

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, within the time that the client gives it."""
        if request.url.host != self._host:
            self.strays.append((str(request.url), request.headers.get("authorization", "")))
            raise httpx.ConnectError("there is no such host")
        self.authorized += "authorization" in request.headers
        try:
            # Nobody reads from a socket here, so the client's patience with one has to be kept by us.
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                return await self._platform.handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None

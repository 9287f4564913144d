"""A network with one host: retake.tv, as a rehearsed platform in the same process."""

from __future__ import annotations

import asyncio

import httpx

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.settings import RETAKE


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

"""Connection pool for one origin: no redirects, cookies or netrc, a proxy only as a tunnel, and limited bodies."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from retake_flow import __version__, network
from retake_flow.sanitize import cut

#: gzip or zlib, as the data itself says.
_EITHER: Final = zlib.MAX_WBITS | 32
_KNOWN: Final = ("gzip", "x-gzip", "deflate")


class Pool:
    """Connections opened on demand, with the proxy and certificates of the environment.

    Attributes:
        proxy: The proxy's address, for messages; "" without one.
    """

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None, **options: Any) -> None:
        """Prepare connections.

        `transport` replaces the network; `options` are the caller's, of httpx's client.

        Raises:
            SettingsError: The environment's proxy or certificates cannot be used.
        """
        found = None if transport else network.proxy_for(url)
        self.proxy = network.proxy_host(found) if found else ""
        # Bodies are short, and the size of a compressed one is unknown until it is unpacked.
        headers = {"User-Agent": f"retake-flow/{__version__}", "Accept-Encoding": "identity"}
        self._options = {
            **options,
            "transport": transport,
            "proxy": _proxy(found.reveal()) if found else None,
            # Loading the certificates takes 50 ms, and plain HTTP, which is loopback, has none to verify.
            "verify": network.certificates() if url.startswith("https:") else False,
            "follow_redirects": False,
            "trust_env": False,
            # No cookies: nothing here needs them, and httpx cannot send back every one that it takes.
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
            "headers": headers,
        }
        self._client = httpx.AsyncClient(**self._options)
        self._retired: list[httpx.AsyncClient] = []
        self._calls = 0

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._client, *self._retired):
            await client.aclose()

    @asynccontextmanager
    async def stream(self, method: str, url: str, **call: Any) -> AsyncIterator[httpx.Response]:
        """Stream as httpx's client does."""
        self._calls += 1
        try:
            async with self._client.stream(method, url, **call) as response:
                yield response
        except BaseException:
            # A tunnel whose encryption fails stays in httpx's pool for ever, and such tunnels fill it in the end.
            if self.proxy:
                self._retired.append(self._client)
                self._client = httpx.AsyncClient(**self._options)
            raise
        finally:
            self._calls -= 1
            while self._retired and not self._calls:
                await self._retired.pop().aclose()


def _proxy(url: str) -> httpx.Proxy:
    return httpx.Proxy(url, ssl_context=network.certificates() if url.startswith("https:") else None)


async def read_body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """Read a body as it comes over the wire, up to `most` bytes, and return it with whether it is longer."""
    body = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        body += chunk
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


class CannotUnpack(Exception):
    """A body has a compression that was not requested and is not supported."""


def decompress(body: bytes, encoding: str, most: int) -> tuple[bytes, bool]:
    """A body without its `Content-Encoding`, and whether it was cut off at `most` bytes.

    One layer of gzip is unpacked, since some servers send files as they are stored. Other or repeated
    compression is not. An empty body stays empty, since a response to HEAD or one without content names an encoding
    too.

    Raises:
        CannotUnpack: The body has such a compression, or is broken.
    """
    layers = [
        layer for layer in (part.strip().lower() for part in encoding.split(",")) if layer not in ("", "identity")
    ]
    if not layers or not body:
        return body, False
    if layers[1:] or layers[0] not in _KNOWN:
        raise CannotUnpack(f"its encoding is {cut(encoding)!r}, which was not requested")
    unpacking = zlib.decompressobj(_EITHER)
    try:
        text = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise CannotUnpack(f"it is no {layers[0]}: {error}") from None
    if not unpacking.eof and len(text) <= most:
        raise CannotUnpack("it breaks off")
    return text[:most], len(text) > most

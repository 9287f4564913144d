"""Transport: sends requests to one origin and receives the responses.

No redirects, cookies or netrc; a proxy only as a tunnel; limited bodies.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from retake_flow import __version__, network
from retake_flow.api.responses import Request, Response
from retake_flow.errors import Blocked, PlatformError, UnexpectedAnswer, Unreachable
from retake_flow.redact import scrub
from retake_flow.sanitize import cut
from retake_flow.spans import Value, span

MAX_BODY: Final = 1 << 20  # bytes; the longest documented answer, 100 comments, is far below
#: The errors after which a request was definitely not delivered.
NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
#: All errors of a request.
HTTP_ERRORS: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)

# Idle connections are dropped a second before common servers drop them (after 5 s), so that no call that must not be
# sent twice goes into a connection that is just being closed.
_EXPIRY: Final = 4.0
_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_PROXY_REFUSES: Final = ("403", "407")
#: gzip or zlib, as the data itself says.
_EITHER: Final = zlib.MAX_WBITS | 32
_KNOWN: Final = ("gzip", "x-gzip", "deflate")


class Pool:
    """Connections opened on demand, with the proxy and certificates of the environment.

    Args:
        url: The address, or an address of the same origin.
        transport: Replaces the network.

    Attributes:
        proxy: The proxy's address, for messages; "" without one.

    Raises:
        SettingsError: The environment's proxy or certificates cannot be used.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None,
        timeout: float | httpx.Timeout,
        connections: int = 2,
    ) -> None:
        found = None if transport else network.proxy_for(url)
        self.proxy = network.proxy_host(found) if found else ""
        # Bodies are short, and the size of a compressed one is unknown until it is unpacked.
        headers = {"User-Agent": f"retake-flow/{__version__}", "Accept-Encoding": "identity"}
        self._options: dict[str, Any] = {
            "transport": transport,
            "timeout": timeout,
            "limits": httpx.Limits(max_connections=connections, keepalive_expiry=_EXPIRY),
            "event_hooks": {"response": [_put_location_aside]},
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

    async def fetch(self, method: str, url: str, most: int, **call: Any) -> Response:
        """Send a request once, and read the response.

        Args:
            method: The method.
            url: The address.
            most: The longest body, packed and unpacked, in bytes; the rest is cut off.
            call: More of the request, as httpx's client takes it.

        Raises:
            CannotUnpack: The body has a compression that is not supported.
            httpx.HTTPError: There is no whole response; see `HTTP_ERRORS` and `NOT_SENT`.
        """
        async with self._stream(method, url, **call) as response:
            body, longer = await _read_body(response, most)
        # Copied at once: each look-up in httpx's headers passes all of them, and there may be thousands.
        headers = {**dict(response.headers.items()), **response.extensions.get("location", {})}
        if not longer:
            body, longer = decompress(body, headers.get("content-encoding", ""), most)
        return Response(response.status_code, headers, body, longer)

    @asynccontextmanager
    async def _stream(self, method: str, url: str, **call: Any) -> AsyncIterator[httpx.Response]:
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


async def _put_location_aside(response: httpx.Response) -> None:
    # Otherwise httpx parses the target of a redirect, which may not be an address at all.
    if "location" in response.headers:
        response.extensions["location"] = {"location": response.headers.pop("location")}


async def _read_body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """A body as it comes over the wire, up to `most` bytes, and whether it is longer."""
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


class Transport:
    """Sends calls of the platform to its origin, and describes why one could not be sent.

    Attributes:
        first_took: How long the first answered call took, in seconds, including its connection.

    Raises:
        SettingsError: The environment's proxy or certificates cannot be used.
    """

    def __init__(self, origin: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._origin = origin
        self.first_took: float | None = None
        self._pool = Pool(origin, transport, _TIMEOUT, connections=10)

    @property
    def proxy(self) -> str:
        """The proxy that calls go through, for messages; "" for none."""
        return self._pool.proxy

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def send(self, request: Request, headers: dict[str, str]) -> Response:
        """Send a call once.

        Raises:
            PlatformError: There is no whole response; `unsure` if the call must not be made twice and may have been
                carried out.
        """
        about: dict[str, Value] = {"http.request.method": request.method, "server.address": self._origin}
        with span(request.call, about, outward=True) as traced:
            response = await self._send(request, headers)
            traced.set("http.response.status_code", response.status)
        return response

    async def _send(self, request: Request, headers: dict[str, str]) -> Response:
        url, began = self._origin + request.path, asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(request.deadline):
                response = await self._pool.fetch(request.method, url, MAX_BODY, headers=headers, **_content(request))
        except (*HTTP_ERRORS, TimeoutError) as error:
            # Not chained: httpx keeps the request, and with it the token, in its errors.
            raise self._unreachable(request, error) from None
        except CannotUnpack as error:
            self._time_first(began)
            failure: PlatformError = UnexpectedAnswer(f"the answer to {request.call} cannot be unpacked: {error}")
            failure.unsure = not request.repeatable
            raise failure from None
        self._time_first(began)
        return response

    def _time_first(self, began: float) -> None:
        if self.first_took is None:
            self.first_took = asyncio.get_running_loop().time() - began

    def _unreachable(self, request: Request, error: Exception) -> Unreachable:
        host = self._origin.partition("://")[2]
        by = f" by the proxy {self.proxy}" if self.proxy else ""
        not_sent = isinstance(error, NOT_SENT)
        unsure = "" if not_sent or request.repeatable else "; whether it was carried out is not known"
        message = f"{host} could not be reached{by} for {request.call}: {_what_happened(error)}{unsure}"
        hint = "check the network, and that this host is up"
        if network.is_untrusted(error):
            hint = network.UNTRUSTED_HINT
        elif isinstance(error, httpx.ProxyError):
            hint = network.PROXY_HINT
        # A proxy or certificate that let one answer through may do so again; one that never did needs a person.
        kind = Blocked if _is_refused(error) and self.first_took is None else Unreachable
        failure = kind(message, hint=hint)
        failure.unsure = kind is Unreachable and not (request.repeatable or not_sent)
        return failure


def _is_refused(error: Exception) -> bool:
    proxy_refused = isinstance(error, httpx.ProxyError) and str(error).startswith(_PROXY_REFUSES)
    return proxy_refused or network.is_untrusted(error)


def _content(request: Request) -> dict[str, Any]:
    content: dict[str, Any] = {"params": dict(request.params)} if request.params else {}
    if request.json is not None:
        content["content"] = json.dumps(request.json)
    if request.upload is not None:
        upload = request.upload
        content["files"] = {upload.name: (upload.filename, upload.content, upload.content_type)}
    return content


def _reason(error: Exception) -> str:
    """The reason why a certificate cannot be verified, without OpenSSL's own words around it."""
    return str(error).partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or str(error)


def _what_happened(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException() | TimeoutError():
            return "no answer in time"
        case httpx.ConnectError() if network.is_untrusted(error):
            return f"its certificate cannot be verified ({_reason(error)})"
        case httpx.ProxyError():
            return f"the proxy refuses ({scrub(str(error))})"
        case httpx.ConnectError():
            return f"no connection ({scrub(str(error)) or 'refused'})"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the connection broke before an answer came"
        case _:
            return scrub(f"{type(error).__name__}: {error}")

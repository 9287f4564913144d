"""Transport: the only module that sends bytes to retake.tv and receives them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from retake_flow import network
from retake_flow.api.http.pool import CannotUnpack, Pool, decompress, read_body
from retake_flow.api.protocol import Request
from retake_flow.api.responses import Response
from retake_flow.errors import Blocked, PlatformError, UnexpectedAnswer, Unreachable
from retake_flow.redact import scrub
from retake_flow.spans import Value, span

MAX_BODY = 1 << 20  # bytes; the longest documented answer, 100 comments, is far below

# Idle connections are dropped a second before common servers drop them (after 5 s), so that no call that must not be
# sent twice goes into a connection that is just being closed.
_LIMITS = httpx.Limits(max_connections=10, keepalive_expiry=4.0)
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_PROXY_REFUSES = ("403", "407")


class Transport:
    """Sends calls to one origin over persistent connections: no redirects, no netrc of the environment.

    A proxy of the environment is a tunnel: everything that goes through it is encrypted for the origin.

    Attributes:
        first_took: How long the first answered call took, in seconds, including its connection.

    Raises:
        SettingsError: The environment's proxy or certificates cannot be used.
    """

    def __init__(self, origin: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._origin = origin
        self.first_took: float | None = None
        self._pool = Pool(
            origin, transport, timeout=_TIMEOUT, limits=_LIMITS, event_hooks={"response": [_put_location_aside]}
        )

    @property
    def proxy(self) -> str:
        """The proxy that calls go through, for messages; "" for none."""
        return self._pool.proxy

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def send(self, request: Request, headers: dict[str, str]) -> Response:
        """Send a call once; see `_send`."""
        about: dict[str, Value] = {"http.request.method": request.method, "server.address": self._origin}
        with span(request.call, about, outward=True) as traced:
            response = await self._send(request, headers)
            traced.set("http.response.status_code", response.status)
        return response

    async def _send(self, request: Request, headers: dict[str, str]) -> Response:
        """Send a call."""
        url, began = self._origin + request.path, asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(request.deadline),
                self._pool.stream(request.method, url, headers=headers, **_content(request)) as response,
            ):
                body, longer = await read_body(response, MAX_BODY)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            # Not chained: httpx keeps the request, and with it the token, in its errors.
            raise self._unreachable(request, error) from None
        if self.first_took is None:
            self.first_took = asyncio.get_running_loop().time() - began
        try:
            if not longer:
                body, longer = decompress(body, response.headers.get("content-encoding", ""), MAX_BODY)
        except CannotUnpack as error:
            failure: PlatformError = UnexpectedAnswer(f"the answer to {request.call} cannot be unpacked: {error}")
            failure.unsure = not request.repeatable
            raise failure from None
        # Copied at once: each look-up in httpx's headers passes all of them, and there may be thousands.
        headers_told = {**dict(response.headers.items()), **response.extensions.get("location", {})}
        return Response(response.status_code, headers_told, body, longer)

    def _unreachable(self, request: Request, error: Exception) -> Unreachable:
        host = self._origin.partition("://")[2]
        by = f" by the proxy {self.proxy}" if self.proxy else ""
        not_sent = isinstance(error, _NOT_SENT)
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


async def _put_location_aside(response: httpx.Response) -> None:
    # Otherwise httpx parses the target of a redirect, which may not be an address at all.
    if "location" in response.headers:
        response.extensions["location"] = {"location": response.headers.pop("location")}


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

"""The one place where bytes go to retake.tv and come back."""

from __future__ import annotations

import asyncio
import json
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from retake_flow import __version__, settings
from retake_flow.api.answers import Response, redirected
from retake_flow.api.protocol import Request
from retake_flow.errors import UnexpectedAnswer, Unreachable
from retake_flow.redact import scrub

MAX_BODY = 1 << 20  # bytes; the longest documented answer, 100 comments, is far below

# Idle connections are dropped a second before common servers drop them (after 5 s), so that no call that must not
# be sent twice goes into a connection that is just being closed.
_LIMITS = httpx.Limits(max_connections=10, keepalive_expiry=4.0)
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Transport:
    """Sends calls to one origin over connections that are kept: no redirects, no proxy or netrc of the environment."""

    def __init__(self, origin: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._origin = origin
        self._http = httpx.AsyncClient(
            transport=transport,
            # Loading the certificates takes 50 ms, and plain HTTP, which is loopback, has none to verify.
            verify=origin.startswith("https:"),
            follow_redirects=False,
            trust_env=False,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            # No cookies: nothing here needs them, and httpx cannot send back every one that it takes.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": f"retake-flow/{__version__}"},
            event_hooks={"response": [_refuse_redirect]},
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(self, request: Request, headers: dict[str, str]) -> Response:
        """Send a call once.

        Raises:
            Unreachable: No answer came; `may_repeat` says whether the call surely was not carried out, or may be twice.
            Redirected: The answer points elsewhere.
            UnexpectedAnswer: The answer is compressed in a broken way.
        """
        url = self._origin + request.path
        try:
            async with (
                asyncio.timeout(request.deadline),
                self._http.stream(request.method, url, headers=headers, **_content(request)) as response,
            ):
                body, truncated = await _read(response)
        except httpx.DecodingError:
            raise UnexpectedAnswer(f"retake.tv's answer to {request.call} cannot be unpacked") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            # Not chained: httpx keeps the request, and with it the token, in its errors.
            raise self._unreachable(request, error) from None
        return Response(response.status_code, dict(response.headers), body, truncated)

    def _unreachable(self, request: Request, error: Exception) -> Unreachable:
        host = self._origin.partition("://")[2]
        not_sent = isinstance(error, _NOT_SENT)
        unsure = "" if not_sent or request.repeatable else "; whether it was carried out is not known"
        failure = Unreachable(
            f"{host} could not be reached for {request.call}: {_what_happened(error)}{unsure}",
            hint="check the network, and that this host is up",
        )
        failure.may_repeat = request.repeatable or not_sent
        return failure


async def _refuse_redirect(response: httpx.Response) -> None:
    # Before httpx looks at the place it points to, which may be no address at all.
    if response.has_redirect_location:
        path = response.request.url.path.removeprefix(settings.API_PATH)
        raise redirected(f"{response.request.method} {path}", response.headers.get("location", ""))


def _content(request: Request) -> dict[str, Any]:
    content: dict[str, Any] = {"params": dict(request.params)} if request.params else {}
    if request.json is not None:
        content["content"] = json.dumps(request.json)
    if request.upload is not None:
        upload = request.upload
        content["files"] = {upload.name: (upload.filename, upload.content, upload.content_type)}
    return content


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            return bytes(body[:MAX_BODY]), True
    return bytes(body), False


def _what_happened(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException() | TimeoutError():
            return "no answer in time"
        case httpx.ConnectError():
            return f"no connection ({scrub(str(error)) or 'refused'})"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the connection broke before an answer came"
        case _:
            return scrub(f"{type(error).__name__}: {error}")

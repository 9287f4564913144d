"""HTTP client: the only module that sends batches of chat over HTTP, to an address that no response can change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from retake_flow import network
from retake_flow.addresses import is_loopback
from retake_flow.api.responses import Response, retry_after
from retake_flow.api.transport import HTTP_ERRORS, NOT_SENT, CannotUnpack, Pool
from retake_flow.backoff import Backoff
from retake_flow.errors import ResponderFailed, SettingsError
from retake_flow.flow import duration
from retake_flow.redact import require_no_secret, scrub
from retake_flow.responders.replies import LONGEST, excerpt

_AGAIN: Final = Backoff(0.5, rate=3.0)  # until a request that was definitely not delivered is retried
_MOST_RETRIES: Final = 2
_BUSY: Final = (429, 503)
_NOTHING_THERE: Final = (404, 405, 410)  # most likely the address is wrong
_LONGEST_PATH: Final = 100  # characters of the path in messages


class Refused(ResponderFailed):
    """The responder refuses a batch."""


class Connection:
    """Posts JSON to one address, over connections that are kept: no redirects, no cookies; through a proxy only
    encrypted.

    Attributes:
        host: The host, for messages; the rest of the address may be secret.
    """

    def __init__(self, url: str, within: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Prepare to post.

        Args:
            url: The address: https, or this machine.
            within: How long a response may take with all retries, in seconds.
            transport: The network; by default the real one.

        Raises:
            ResponderFailed: The address is not allowed, or the environment's proxy or certificates cannot be used.
        """
        self.host = _host(url)
        self._url = url
        self._within = within
        try:
            self._pool = Pool(url, transport, within)
        except SettingsError as error:
            raise ResponderFailed(f"{self.host} cannot be asked: {error.message}", hint=error.hint) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Post JSON; retry if it was definitely not accepted: without a connection, or when asked to come back later.

        Raises:
            Refused: It was definitely not accepted: there is no connection, or the response is not a success.
            ResponderFailed: No response arrived in time, or none that can be read.
            SecretRefused: It contains a secret.
        """
        require_no_secret(f"the request to {self.host}", body.decode(errors="replace"))
        late, tries = asyncio.get_running_loop().time() + self._within, 1
        try:
            async with asyncio.timeout_at(late):
                while not isinstance(found := await self._try(body, headers, tries, late), Response):
                    await asyncio.sleep(found)
                    tries += 1
                return found
        except TimeoutError:
            raise ResponderFailed(f"{self.host} gave no answer within {duration.exact(self._within)}") from None

    async def _try(self, body: bytes, headers: Mapping[str, str], tries: int, late: float) -> Response | float:
        """The response, or how long to wait before the next try."""
        given = {"Content-Type": "application/json", **headers}
        try:
            reply = await self._pool.fetch("POST", self._url, LONGEST, content=body, headers=given)
        except NOT_SENT as error:
            if tries <= _MOST_RETRIES:
                return _AGAIN.wait(tries)
            hint = network.UNTRUSTED_HINT if network.is_untrusted(error) else ""
            raise Refused(f"{self.host} cannot be reached: {_words(error)}", hint=hint) from None
        except HTTP_ERRORS as error:
            # Not chained: httpx keeps the request, and with it the key, in its errors.
            raise ResponderFailed(f"{self.host} gave no answer: {_words(error)}") from None
        except CannotUnpack:
            raise self._packed() from None
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise self._packed()
        if reply.truncated:
            raise ResponderFailed(f"{self.host} gave an answer of more than {LONGEST // 1024} KiB")
        after = retry_after(reply.headers)
        left = late - asyncio.get_running_loop().time()
        if reply.status in _BUSY and after is not None and after < left and tries <= _MOST_RETRIES:
            return after
        if not 200 <= reply.status < 300:
            asked = self.host
            if reply.status in _NOTHING_THERE:
                asked = f"the responder's `url`, {self.host}{_path(self._url)},"
            failure = Refused(f"{asked} {_refusal(reply)}")
            failure.retry_after = after
            raise failure
        return reply

    def _packed(self) -> ResponderFailed:
        return ResponderFailed(f"{self.host} gave a compressed answer, which was not requested")


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        parts, port = urlsplit(""), ""
    local = parts.scheme == "http" and is_loopback(parts.hostname)
    if not parts.hostname or parts.username or parts.password or not (parts.scheme == "https" or local):
        raise ResponderFailed(
            "the address of the responder cannot be used",
            hint="it begins with https://, or with http:// when it is on this machine, and has no password in it",
        )
    return f"{parts.hostname}{port}"


def _path(url: str) -> str:
    """The path of an address, for messages: without its query, and "" if it contains a secret."""
    return excerpt(urlsplit(url).path.encode(), _LONGEST_PATH) if scrub(url) == url else ""


def _refusal(reply: Response) -> str:
    if 300 <= reply.status < 400:
        return f"points elsewhere ({reply.status}), which is not followed; give the address that it leads to"
    page = reply.headers.get("content-type", "").startswith("text/html")
    words = f": {excerpt(reply.body, 200)}" if reply.body and not page else ""
    return f"refused with status {reply.status}{words}"


def _words(error: Exception) -> str:
    match error:
        case httpx.TimeoutException():
            return "not in time"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the connection broke"
        case _:
            return scrub(str(error)) or type(error).__name__

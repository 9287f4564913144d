"""Posting to one address: what is sent again, what is refused, and what is said of it."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from responder_samples import Service

from retake_flow.api.responses import Response
from retake_flow.errors import ResponderFailed
from retake_flow.redact import Secret
from retake_flow.responders.http_client import Connection, Refused
from retake_flow.responders.replies import LONGEST
from retake_flow.whatif.virtual_time import run

URL = "https://owl.example/chat?key=in-the-address"


def posted(service: httpx.AsyncBaseTransport, within: float = 20.0, **headers: str) -> tuple[Response, float]:
    """What came back, and after how many virtual seconds."""

    async def main() -> tuple[Response, float]:
        began = asyncio.get_running_loop().time()
        async with Connection(URL, within, service) as connection:
            reply = await connection.post(b"{}", headers)
        return reply, asyncio.get_running_loop().time() - began

    return run(main())


def failed(service: httpx.AsyncBaseTransport, within: float = 20.0) -> ResponderFailed:
    """What is said when no answer was had."""
    with pytest.raises(ResponderFailed) as raised:
        posted(service, within)
    assert "in-the-address" not in f"{raised.value.message}{raised.value.hint}"
    return raised.value


def packed(body: bytes, encoding: str) -> httpx.Response:
    """A response with a compressed body, as it comes from the network."""
    return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(body))


def test_a_batch_is_posted_as_json_without_anything_of_ours() -> None:
    """The body and the headers arrive; no cookie goes, and no answer may be packed."""
    service = Service(httpx.Response(200, json={}, headers={"Set-Cookie": "a=b"}))

    async def main() -> None:
        async with Connection(URL, 20.0, service) as connection:
            for _ in range(2):
                await connection.post(b'{"a": 1}', {"X-Owl": "yes"})

    run(main())
    for request in service.requests:
        assert (request.method, str(request.url), request.content) == ("POST", URL, b'{"a": 1}')
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["x-owl"] == "yes"
        assert not {"cookie", "authorization"} & set(request.headers)


@pytest.mark.parametrize(
    "url",
    ["http://owl.example/", "http://10.0.0.1/", "https://me:secret@owl.example/", "ftp://127.0.0.1/", "owl", "https://",
     "http://127.0.0.1.owl.example/", "http://[::1", "https://owl.example:port/"],
)  # fmt: skip
def test_an_address_is_https_or_this_machine(url: str) -> None:
    """Everything else is refused before anything is sent, without showing it."""
    with pytest.raises(ResponderFailed, match="of the responder cannot be used") as raised:
        Connection(url, 20.0)
    assert "secret" not in raised.value.message


def test_what_surely_was_not_delivered_is_sent_again() -> None:
    """A connection that cannot be made is tried three times within two seconds."""
    refused = httpx.ConnectError("All connection attempts failed")
    service = Service(refused, refused, httpx.Response(200, content=b"ok"))
    reply, took = posted(service)
    assert (reply.body, len(service.requests), took) == (b"ok", 3, 2.0)
    gone = failed(Service(refused))
    assert gone.message == "owl.example cannot be reached: All connection attempts failed"
    assert isinstance(gone, Refused)


@pytest.mark.parametrize("error", [httpx.ReadError(""), httpx.RemoteProtocolError("no answer"), httpx.ReadTimeout("")])
def test_what_may_have_been_delivered_is_not_sent_again(error: httpx.HTTPError) -> None:
    """A connection that breaks behind the request is an answer that could not be had."""
    service = Service(error)
    raised = failed(service)
    assert raised.message.startswith("owl.example gave no answer: ")
    assert not isinstance(raised, Refused)
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_when_it_says(status: int) -> None:
    """Retry-After is honoured to the second, as long as there is time."""
    busy = httpx.Response(status, headers={"Retry-After": "7"})
    reply, took = posted(Service(busy, httpx.Response(200, content=b"ok")))
    assert (reply.body, took) == (b"ok", 7.0)


def test_a_service_that_is_busy_for_longer_is_not_waited_for() -> None:
    """The failure says for how long, and comes at once."""
    service = Service(httpx.Response(429, headers={"Retry-After": "60"}, json={"error": "slow down"}))
    raised = failed(service)
    assert raised.retry_after == 60.0
    assert raised.message == 'owl.example refused with status 429: {"error":"slow down"}'
    assert len(service.requests) == 1


def test_a_service_that_is_always_busy_is_left_alone() -> None:
    """It is asked three times at most."""
    service = Service(httpx.Response(429, headers={"Retry-After": "1"}))
    failed(service)
    assert len(service.requests) == 3


def test_no_redirect_is_followed() -> None:
    """Neither to another host nor to another path: nothing that an answer says changes who is sent the chat."""
    for place in ("https://evil.example/", "/elsewhere", "http://[bad"):
        service = Service(httpx.Response(307, headers={"Location": place}))
        assert "points elsewhere (307), which is not followed" in failed(service).message
        assert len(service.requests) == 1


def test_all_tries_together_have_one_time() -> None:
    """A service that thinks for ever has failed after its time."""

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(1_000)
            raise AssertionError

    assert failed(Slow(), within=3.0).message == "owl.example gave no answer within 3s"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(500, html="<html>secret page</html>"), "owl.example refused with status 500"),
        (httpx.Response(400, text="\x1b[31mno such model"), "owl.example refused with status 400: no such model"),
        (httpx.Response(200, content=b"x" * (LONGEST + 1)), "owl.example gave an answer of more than 64 KiB"),
        (httpx.Response(200, content=b"", headers={"Content-Encoding": "gzip"}), "gave a compressed answer"),
        (packed(b"\x0b\x02\x80hello\x03", "br"), "gave a compressed answer"),
        (packed(gzip.compress(b"{}"), "gzip"), "gave a compressed answer"),
    ],
    ids=["page", "escapes", "huge", "packed", "packed in another way", "packed and readable"],
)
def test_what_is_no_success_is_said_in_a_sentence(answer: httpx.Response, said: str) -> None:
    """Pages are left out, texts are short and without what a terminal would obey, and nothing larger is read."""
    message = failed(Service(answer)).message
    assert said in message
    assert "\x1b" not in message
    assert "secret page" not in message


@pytest.mark.parametrize("status", [404, 405, 410])
@pytest.mark.parametrize(
    ("url", "place"), [(URL, "owl.example/chat"), ("https://owl.example/hooks/that-nobody-may-see", "owl.example")]
)
def test_where_nothing_is_the_address_is_named(status: int, url: str, place: str) -> None:
    """By its path, without the query; by the host alone where a secret is in it."""
    secret = Secret("that-nobody-may-see")

    async def main() -> None:
        async with Connection(url, 20.0, Service(httpx.Response(status))) as connection:
            await connection.post(b"{}", {})

    with pytest.raises(Refused) as raised:
        run(main())
    assert raised.value.message == f"the responder's `url`, {place}, refused with status {status}"
    assert secret.reveal() not in raised.value.message


def test_no_error_holds_the_request() -> None:
    """A header with a key is in no chain of causes."""
    raised: Any = failed(Service(httpx.ReadError("")))
    assert raised.__cause__ is None
    assert raised.__suppress_context__

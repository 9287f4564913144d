"""A request of the flow's own, and what a server that nobody knows may answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httpx
import pytest

from retake_flow.actions.own.request import RequestActions
from retake_flow.actions.performer import Performer
from retake_flow.api import own_request
from retake_flow.errors import InputError, RequestFailed, RequestRefused
from retake_flow.ports.actions import Call, Completion


def request(answer: httpx.Response, url: str = "https://example.org/", **inputs: Any) -> Completion:
    """What comes of a request to a server that always answers like this."""

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    send = partial(own_request.send, transport=httpx.MockTransport(respond))
    performer = Performer(RequestActions({}, lambda: 0.0, send))
    call = Call("owl", "tell", 1, "http.request", {"url": url, **inputs}, {}, "owl/tell/1")
    return asyncio.run(performer.perform(call))


@pytest.mark.parametrize("url", ["https://[owl.example/", "https://owl.example:port/", "https://me:word@owl.example/"])
def test_an_address_that_cannot_be_used_is_an_input_error(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InputError, match="begins with https:// or http://"):
        request(httpx.Response(200), url)


@pytest.mark.parametrize("charset", ["latin-1", "idna", "undefined", "hex", "no-such", "punycode"])
def test_any_charset_of_a_server_gives_a_text(charset: str) -> None:
    """Also one that decodes no text, or that Python decodes in a way of its own."""
    answer = httpx.Response(200, content=b"gr\xf6\xdfer", headers={"Content-Type": f"text/plain; charset={charset}"})
    assert request(answer).value["text"].startswith("gr")


@pytest.mark.parametrize("place", ["https://[elsewhere/", "//[", "https://owl.example:port/"])
def test_a_redirect_to_no_address_is_said_in_a_sentence(place: str) -> None:
    """Whether redirects are followed or not."""
    answer = httpx.Response(302, headers={"Location": place})
    with pytest.raises((RequestFailed, InputError)):
        request(answer, redirects=1)
    with pytest.raises(RequestRefused, match="which leads to"):
        request(answer)


def test_where_a_redirect_leads_is_shown_without_what_a_terminal_would_obey() -> None:
    """And not longer than other words of a server."""
    answer = httpx.Response(302, headers=[(b"Location", b"/\x9b2J" + b"a" * 1000)])
    with pytest.raises(RequestRefused) as raised:
        request(answer)
    assert "\x9b" not in raised.value.message
    assert len(raised.value.message) < 400

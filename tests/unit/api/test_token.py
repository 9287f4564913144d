"""The access token goes to the origin that issued it, and nowhere else."""

from __future__ import annotations

import re
import traceback
from typing import Any

import httpx
import pytest

from retake_flow.api.client import RetakeClient
from retake_flow.api.models import Registration
from retake_flow.errors import CredentialsError, PlatformError, Redirected, RetakeFlowError
from retake_flow.redact import Secret

TOKEN = "rtk_owl-0123456789"
OWL = Registration(
    "Owl", "Night sky.", "https://example.com/o.png", "So11111111111111111111111111111111111111112", "OWL"
)
LOCAL = "http://127.0.0.1:8080"
AUTHENTICATED = {
    "verification_status": lambda client: client.verification_status(),
    "prepare_verify": lambda client: client.prepare_verify(),
    "verify": lambda client: client.verify("https://x.com/owl/status/20"),
    "rtmp": lambda client: client.rtmp(),
    "start_stream": lambda client: client.start_stream(),
    "stream_status": lambda client: client.stream_status(),
    "update_thumbnail": lambda client: client.update_thumbnail(b"png", "image/png"),
    "stop_stream": lambda client: client.stop_stream(),
    "send_chat": lambda client: client.send_chat("hi", "user_a"),
    "comments": lambda client: client.comments("user_a"),
}
PUBLIC = {
    "register": lambda client: client.register(OWL),
    "skill": lambda client: client.guide_version(),
    "guide": lambda client: client.guide(),
}


def everything_sent(platform: Any) -> str:
    """All that went out, in one text."""
    return "".join(f"{request.url}{request.headers.raw}{request.content!r}" for request in platform.requests)


@pytest.mark.parametrize("name", AUTHENTICATED)
def test_the_token_goes_in_the_header_alone(platform: Any, name: str) -> None:
    """An agent's call carries the token once, as a bearer, to its issuer."""
    platform.answer(httpx.Response(400))
    with pytest.raises(PlatformError):
        platform.call(AUTHENTICATED[name])
    (request,) = platform.requests
    assert request.url.host == "retake.tv"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert everything_sent(platform).count(TOKEN) == 1


@pytest.mark.parametrize("name", PUBLIC)
def test_public_calls_never_carry_it(platform: Any, name: str) -> None:
    """Registering and fetching the guide need no token and send none."""
    platform.answer(httpx.Response(400))
    with pytest.raises(PlatformError):
        platform.call(PUBLIC[name])
    assert len(platform.requests) == 1
    assert TOKEN not in everything_sent(platform)


@pytest.mark.parametrize("name", AUTHENTICATED)
@pytest.mark.parametrize(
    ("origin", "issuer"),
    [
        (LOCAL, "https://retake.tv"),
        ("https://retake.tv", LOCAL),
        ("http://127.0.0.1:8081", LOCAL),
        ("http://retake.tv", "https://retake.tv"),
        ("https://retake.tv:8443", "https://retake.tv"),
        ("https://retake.tv.evil.example", "https://retake.tv"),
    ],
)
def test_another_origin_gets_nothing(platform: Any, name: str, origin: str, issuer: str) -> None:
    """Where the origin is not the token's issuer no request leaves at all, and the error names both."""
    platform.answer(httpx.Response(200, json={}))
    with pytest.raises(CredentialsError) as caught:
        platform.call(AUTHENTICATED[name], origin=origin, issued_by=issuer)
    assert platform.requests == []
    assert issuer in str(caught.value)
    assert origin in str(caught.value)


@pytest.mark.parametrize("issuer", ["https://retake.tv/", "HTTPS://RETAKE.TV:443", " https://retake.tv "])
def test_one_origin_in_another_spelling_is_the_same(platform: Any, issuer: str) -> None:
    """Case, the default port and a slash at the end make no other issuer."""
    platform.answer(httpx.Response(200, json={"verified": True}))
    assert platform.call(AUTHENTICATED["verification_status"], issued_by=issuer) is True


@pytest.mark.parametrize(
    "issuer", ["", "retake.tv", "ftp://retake.tv", "https://", "https://a@retake.tv", "https://[x"]
)
def test_what_is_no_origin_issues_nothing(issuer: str) -> None:
    """An issuer that cannot be understood is refused before there is a client."""
    with pytest.raises(CredentialsError, match="origin"):
        RetakeClient("https://retake.tv", Secret(TOKEN), issued_by=issuer)


@pytest.mark.parametrize("name", [*AUTHENTICATED, *PUBLIC])
def test_no_call_follows_a_redirect(platform: Any, name: str) -> None:
    """A redirect ends every call, and nothing is sent where it points."""
    platform.answer(httpx.Response(307, headers={"Location": "https://evil.example/x"}))
    with pytest.raises(Redirected, match=r"evil\.example"):
        platform.call((AUTHENTICATED | PUBLIC)[name])
    assert len(platform.requests) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 308])
@pytest.mark.parametrize(
    "location",
    ["https://retake.tv/x", "http://retake.tv/x", "/api/v1/x", "ftp://evil.example", "https://[x", "", "\x00"],
)
def test_no_redirect_is_followed(platform: Any, status: int, location: str) -> None:
    """Every kind of redirect is the same error, to the same host, to another, or to what is no address."""
    platform.answer(httpx.Response(status, headers={"Location": location}))
    with pytest.raises(Redirected, match=re.escape(location.strip("\x00") or "nowhere")):
        platform.call(AUTHENTICATED["rtmp"])
    assert len(platform.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError(f"cannot send Bearer {TOKEN}"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        httpx.ReadError(f"{TOKEN}"),
        httpx.Response(500, text=f"<p>Authorization: Bearer {TOKEN}</p>"),
        httpx.Response(400, json={"error": f"unknown {TOKEN}"}),
        httpx.Response(200, text=TOKEN),
        httpx.Response(302, headers={"Location": f"https://evil.example/?token={TOKEN}"}),
    ],
)
def test_no_error_shows_it(platform: Any, answer: Any) -> None:
    """The token is in no error and in no traceback, whatever httpx or the platform say."""
    platform.answer(answer)
    with pytest.raises(RetakeFlowError) as caught:
        platform.call(AUTHENTICATED["rtmp"])
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


@pytest.mark.parametrize("token", ["rtk_owl\nX-Other: 1", "rtk_öwl-0123456789", "rtk owl"])
def test_a_token_that_fits_no_header_is_not_sent(platform: Any, token: str) -> None:
    """A damaged token is refused in our own words before httpx could quote it."""
    platform.answer(httpx.Response(200, json={}))
    with pytest.raises(CredentialsError) as caught:
        platform.call(AUTHENTICATED["rtmp"], token=token)
    assert platform.requests == []
    assert token not in "".join(traceback.format_exception(caught.value))


def test_no_token_is_said_plainly(platform: Any) -> None:
    """Without a token an agent's call says so, and asks nobody."""
    platform.answer(httpx.Response(200, json={}))
    with pytest.raises(CredentialsError, match="needs an access token"):
        platform.call(AUTHENTICATED["rtmp"], token=None)
    assert platform.requests == []


def test_no_cookie_is_kept(platform: Any) -> None:
    """What the platform sets as a cookie does not come back with a later call."""
    platform.answer(httpx.Response(200, headers={"Set-Cookie": "a=b"}, json={"verified": True}))

    async def twice(client: RetakeClient) -> None:
        await client.verification_status()
        await client.verification_status()

    platform.call(twice)
    assert "cookie" not in platform.requests[1].headers

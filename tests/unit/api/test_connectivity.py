"""Asking retake.tv whether it is there, without a token."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from retake_flow.api.connectivity import Connectivity, check_connectivity
from retake_flow.errors import Redirected, Unreachable


def reached(answer: httpx.Response | Exception, requests: list[httpx.Request] | None = None) -> Connectivity:
    """What is found when this is the answer."""

    def answered(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asyncio.run(check_connectivity("https://retake.tv", httpx.MockTransport(answered)))


def at(seconds: float) -> dict[str, str]:
    """The headers of a platform whose clock is ahead by some seconds."""
    return {"Date": format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}


def test_no_token_is_needed_and_none_is_sent() -> None:
    """One call for the version of the guide, with nothing of the agent in it."""
    requests: list[httpx.Request] = []
    found = reached(httpx.Response(200, json={"version": "2.1.2"}), requests)
    assert (found.status, found.version, found.proxy) == (200, "2.1.2", "")
    [request] = requests
    assert (request.method, str(request.url)) == ("GET", "https://retake.tv/skill.json")
    assert "authorization" not in request.headers


@pytest.mark.parametrize("seconds", [0, 75, -600, 172_800])
def test_the_difference_of_clocks_is_told_to_a_second(seconds: int) -> None:
    """Ahead is positive; the header has whole seconds, so half a second is open."""
    found = reached(httpx.Response(200, json={}, headers=at(seconds)))
    assert found.ahead is not None
    assert abs(found.ahead + seconds) < 20


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}, {"Date": "Wed, 99 Foo 2026 25:61:00 GMT"}])
def test_a_platform_that_tells_no_time_leaves_it_open(headers: dict[str, str]) -> None:
    """What cannot be read is no difference."""
    assert reached(httpx.Response(200, json={}, headers=headers)).ahead is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_a_page_that_is_no_guide_has_no_version(body: bytes) -> None:
    """The answer counts all the same."""
    found = reached(httpx.Response(403, content=body))
    assert (found.status, found.version) == (403, "")


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[]", b"null", b'{"version": {"a": 1}}', b"\xff"])
def test_a_version_that_cannot_be_read_is_none(body: bytes) -> None:
    """Whatever comes in its place."""
    assert reached(httpx.Response(200, content=body)).version == ""


def test_no_answer_is_an_error_with_its_reason() -> None:
    """As for every other call."""
    with pytest.raises(Unreachable, match="could not be reached"):
        reached(httpx.ConnectError("refused"))
    with pytest.raises(Redirected):
        reached(httpx.Response(302, headers={"Location": "https://elsewhere.example"}))

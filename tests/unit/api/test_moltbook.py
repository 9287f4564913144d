"""A post on Moltbook: what is sent where, and what is made of the answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from retake_flow.addresses import MOLTBOOK
from retake_flow.api.moltbook import LONGEST_TITLE, MoltbookClient, Post
from retake_flow.errors import RetakeFlowError, ShareFailed
from retake_flow.redact import Secret
from retake_flow.whatif.virtual_time import run

KEY = "moltbook_sk_owl_0123456789"
Work = Callable[[MoltbookClient], Awaitable[Any]]


def called(
    work: Work, *answers: httpx.Response | Exception, origin: str = MOLTBOOK, key: str = KEY
) -> tuple[Any, list[httpx.Request]]:
    """Do something with a client that gets these answers; gives what it ended with, and what was sent."""
    sent: list[httpx.Request] = []
    coming = [*answers]

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        answer = coming.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def session() -> Any:
        async with MoltbookClient(Secret(key), origin, httpx.MockTransport(handle)) as client:
            try:
                return await work(client)
            except RetakeFlowError as error:
                return error

    return run(session()), sent


async def posting(client: MoltbookClient) -> Post:
    """Post something."""
    return await client.post("I'm live", "I'm live. Watch: https://retake.tv/owl", "general")


GOOD = {"success": True, "post": {"id": "p1", "url": "/post/p1"}}


def test_a_post_goes_to_moltbook_with_its_key() -> None:
    """To the one name that does not redirect, as JSON, under both names that the community's field has had."""
    post, [request] = called(posting, httpx.Response(201, json=GOOD))
    assert post == Post("p1", "https://www.moltbook.com/post/p1")
    assert (request.method, str(request.url)) == ("POST", "https://www.moltbook.com/api/v1/posts")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    form = json.loads(request.content)
    assert form["submolt_name"] == form["submolt"] == "general"
    assert (form["title"], form["content"]) == ("I'm live", "I'm live. Watch: https://retake.tv/owl")


def test_what_stands_for_moltbook_on_this_machine_never_gets_the_key() -> None:
    """It gets another one."""
    _, [request] = called(posting, httpx.Response(201, json=GOOD), origin="http://127.0.0.1:9")
    assert KEY not in str(request.headers.raw)
    assert request.headers["authorization"].startswith("Bearer moltbook_")


def test_a_redirect_is_not_followed() -> None:
    """The key stays where it was sent."""
    elsewhere = httpx.Response(301, headers={"Location": "https://moltbook.example/api/v1/posts"})
    error, sent = called(posting, elsewhere)
    assert isinstance(error, ShareFailed)
    assert "redirect" in error.message
    assert len(sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="<html>oops</html>"),
        httpx.Response(200, json={"success": False, "error": "Failed to create post"}),
        httpx.Response(200, text="not JSON"),
        httpx.ReadTimeout("late"),
        httpx.ReadError("dropped"),
        httpx.ConnectError("refused"),
    ],
)
def test_nothing_is_sent_twice(answer: httpx.Response | Exception) -> None:
    """Whatever goes wrong: nobody wants the same post twice."""
    error, sent = called(posting, answer)
    assert isinstance(error, ShareFailed)
    assert len(sent) == 1
    assert KEY not in error.message


def test_an_answer_that_is_lost_leaves_open_whether_it_is_posted() -> None:
    """The message says so, and of whom it speaks."""
    error, _ = called(posting, httpx.ReadTimeout("late"))
    assert "www.moltbook.com could not be reached for POST /posts" in error.message
    assert "whether it was carried out is not known" in error.message


def test_words_of_moltbook_are_told_in_short_and_without_controls() -> None:
    """What it says is data, whatever it says."""
    said = {"success": False, "error": "\x1b[31mno\nway " + "x" * 9000 + KEY}
    error, _ = called(posting, httpx.Response(400, json=said))
    assert "status 400): no way xxx" in error.message
    assert len(error.message) < 400
    assert "\x1b" not in error.message


@pytest.mark.parametrize(("status", "hint"), [(401, True), (403, True), (400, False)])
def test_a_key_that_is_refused_is_a_matter_for_the_operator(status: int, hint: bool) -> None:
    """The hint names the setting."""
    error, _ = called(posting, httpx.Response(status, json={"success": False, "error": "no"}))
    assert ("MOLTBOOK_API_KEY" in error.hint) == hint


def test_the_hint_of_moltbook_is_told() -> None:
    """What it says can be done goes before what we say, and is as tame as its other words."""
    said = {"success": False, "error": "Agent not claimed", "hint": "Ask your human\x1b[2J to open /claim/x"}
    error, _ = called(posting, httpx.Response(403, json=said))
    assert "Agent not claimed" in error.message
    assert error.hint.startswith("Ask your human to open /claim/x; check MOLTBOOK_API_KEY")
    error, _ = called(posting, httpx.Response(400, json={"error": "Missing field", "hint": "Send `submolt`"}))
    assert error.hint == "Send `submolt`"


def test_a_hint_without_an_error_is_told() -> None:
    """Also where nothing else is said, and never as anything but a text."""
    error, _ = called(posting, httpx.Response(429, json={"success": False, "hint": "Wait 30 minutes"}))
    assert error.hint == "Wait 30 minutes"
    error, _ = called(posting, httpx.Response(400, json={"error": "no", "hint": {"a": 1}}))
    assert error.hint == ""


@pytest.mark.parametrize(
    ("answer", "unsure"),
    [
        (httpx.Response(403, html="<title>Just a moment...</title>", headers={"cf-mitigated": "challenge"}), False),
        (httpx.Response(401, html="<title>Log in</title>"), False),
        (httpx.Response(502, html="<title>Bad gateway</title>"), True),
        (httpx.Response(200, html="<title>Log in</title>"), True),
        (httpx.Response(200, json=[]), True),
        (httpx.Response(200, json={}), True),
        (httpx.Response(201, content=b'{"success": tr'), True),
        (httpx.ReadTimeout("late"), True),
        (httpx.ConnectError("refused"), False),
    ],
)
def test_what_stands_before_moltbook_is_not_its_answer(answer: httpx.Response | Exception, unsure: bool) -> None:
    """It says nothing of the key; a flow that tries again does so only where the post surely is not there."""
    error, sent = called(posting, answer)
    assert isinstance(error, ShareFailed)
    assert "MOLTBOOK_API_KEY" not in error.hint
    assert "retake.tv" not in error.message
    assert error.unsure is unsure
    assert len(sent) == 1


def test_who_is_too_fast_is_told_how_long_to_wait() -> None:
    """As Moltbook says it."""
    error, _ = called(posting, httpx.Response(429, headers={"Retry-After": "180"}, json={"error": "slow down"}))
    assert error.retry_after == 180


@pytest.mark.parametrize("key", ["two words", "moltbook_\n", "schlüssel_0123"])
def test_a_key_that_cannot_be_one_is_not_sent(key: str) -> None:
    """Nor shown."""
    error, sent = called(posting, key=key)
    assert "MOLTBOOK_API_KEY" in error.message
    assert key not in error.message
    assert sent == []


def test_a_title_is_one_line_of_a_length_that_is_taken() -> None:
    """What is too long is cut."""

    async def long(client: MoltbookClient) -> Post:
        return await client.post("a\nb " + "x" * 999, "text", "general")

    _, [request] = called(long, httpx.Response(201, json=GOOD))
    title = json.loads(request.content)["title"]
    assert title.startswith("a b x")
    assert len(title) == LONGEST_TITLE


HELD = {"verification_code": "v1", "challenge_text": "A] lO^bSt-Er\x1b[2J + 2"}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({"success": True, "data": {"id": 7}}, Post("7", "https://www.moltbook.com/post/7")),
        ({"id": "p", "url": "https://www.moltbook.com/m/x/p"}, Post("p", "https://www.moltbook.com/m/x/p")),
        ({"post": {"id": "p", "url": "javascript:alert(1)"}}, Post("p", "")),
        (
            {"post": {"id": "p", "verification": HELD}},
            Post("p", "https://www.moltbook.com/post/p", "v1", "A] lO^bSt-Er + 2"),
        ),
        ({"verification": {"code": "v1", "challenge": "2"}, "post": {}}, Post("", "", "v1", "2")),
        ({"data": {"verification_code": "v1", "challenge_text": "2"}}, Post("", "", "v1", "2")),
        ({"post": None, "code": 200}, Post("", "")),
    ],
)  # fmt: skip
def test_all_known_shapes_of_the_answer_are_read(answer: dict[str, Any], wanted: Post) -> None:
    """A post may stand under several names, and may be held back until a challenge is answered."""
    assert Post.parse(answer) == wanted


def test_a_challenge_is_answered() -> None:
    """By its code."""

    async def verifying(client: MoltbookClient) -> None:
        await client.verify("v1", "15.00")

    done, [request] = called(verifying, httpx.Response(200, json={"success": True}))
    assert done is None
    assert request.url.path == "/api/v1/verify"
    assert json.loads(request.content) == {"verification_code": "v1", "answer": "15.00"}

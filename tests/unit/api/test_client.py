from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retake_flow import errors
from retake_flow.api.client import Connectivity, RetakeClient, check_connectivity
from retake_flow.api.models import Registration
from retake_flow.api.responses import LONGEST_WAIT
from retake_flow.api.transport import MAX_BODY
from retake_flow.errors import Redirected, RetakeFlowError, Unreachable

OWL = Registration("Owl", "Night sky.", "https://example.com/o.png", "1" * 32, "OWL")
POST = "https://x.com/owl/status/20"

Call = Callable[[RetakeClient], Coroutine[Any, Any, Any]]
CALLS: dict[str, Call] = {
    "register": lambda client: client.register(OWL),
    "verification_status": lambda client: client.verification_status(),
    "prepare_verify": lambda client: client.prepare_verify(),
    "verify": lambda client: client.verify(POST),
    "rtmp": lambda client: client.rtmp(),
    "start_stream": lambda client: client.start_stream(),
    "stream_status": lambda client: client.stream_status(),
    "update_thumbnail": lambda client: client.update_thumbnail(b"\x89PNG", "image/png"),
    "stop_stream": lambda client: client.stop_stream(),
    "send_chat": lambda client: client.send_chat("hi", "user_a"),
    "comments": lambda client: client.comments("user_a"),
    "skill": lambda client: client.guide_version(),
    "guide": lambda client: client.guide(),
}
REPEATABLE = sorted(set(CALLS) - {"register", "start_stream", "send_chat"})
ONCE = sorted(set(CALLS) - set(REPEATABLE))
calls = pytest.mark.parametrize("name", CALLS)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("register", "POST /agent/register"),
        ("verification_status", "GET /agent/verification-status"),
        ("prepare_verify", "POST /agent/prepare-verify"),
        ("verify", "POST /agent/verify"),
        ("rtmp", "POST /agent/rtmp"),
        ("start_stream", "POST /agent/stream/start"),
        ("stream_status", "GET /agent/stream/status"),
        ("update_thumbnail", "POST /agent/update-thumbnail"),
        ("stop_stream", "POST /agent/stream/stop"),
        ("send_chat", "POST /agent/stream/chat/send"),
        ("comments", "GET /agent/stream/comments"),
        ("skill", "GET /skill.json"),
        ("guide", "GET /skill.md"),
    ],
)
def test_each_call_is_the_guides(platform: Any, name: str, call: str) -> None:
    """Each call has the method and path of the guide."""
    platform.answer(httpx.Response(500))
    with pytest.raises(errors.PlatformError):
        platform.call(CALLS[name])
    (request,) = platform.requests
    assert f"{request.method} {request.url.path.removeprefix('/api/v1')}" == call
    assert request.url.path.startswith("/api/v1/") == ("skill" not in call)


def test_a_status_may_mean_more_for_one_call(platform: Any) -> None:
    """What was observed of single calls goes before the general table."""
    platform.answer(httpx.Response(404, json={}), httpx.Response(409, json={}), httpx.Response(409, json={}))
    for name, kind in {"comments": errors.NoSession, "register": errors.Rejected, "verify": errors.Rejected}.items():
        with pytest.raises(kind):
            platform.call(CALLS[name])


def test_only_a_persons_post_may_be_handed_in(platform: Any) -> None:
    """It is taken without the blanks around it; the guide's example addresses never reach the platform."""
    platform.answer(httpx.Response(200, json={"verified": True}))
    platform.call(lambda client: client.verify(f" {POST} "))
    assert json.loads(platform.requests[0].content) == {"tweet_url": POST}
    for url in ("later", "https://twitter.com/username/status/1234567890"):
        with pytest.raises(errors.InputError):
            platform.call(lambda client, url=url: client.verify(url))
    assert len(platform.requests) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.send_chat(" ", "user_a"),
        lambda client: client.send_chat("hi", ""),
        lambda client: client.comments("", 50),
        lambda client: client.comments("user_a", 101),
        lambda client: client.comments("user_a", 0),
        lambda client: client.update_thumbnail(b"", "image/png"),
        lambda client: client.update_thumbnail(b"GIF89a", "image/gif"),
        lambda client: client.register(Registration("", "", "", "", "")),
    ],
)
def test_what_the_platform_would_refuse_is_not_asked(platform: Any, call: Call) -> None:
    """Empty messages, pages past the limit and files that are no picture are refused here, with the reason."""
    with pytest.raises(errors.InputError):
        platform.call(call)
    assert platform.requests == []


def test_half_characters_can_be_sent(platform: Any) -> None:
    """A text that is not valid Unicode, as programs may make by cutting one, is sent as far as it is."""
    platform.answer(httpx.Response(200, json={}))
    platform.call(lambda client: client.send_chat("owl \ud83e", "user_a"))
    assert json.loads(platform.requests[0].content) == {"message": "owl ?", "destination_user_id": "user_a"}


def test_a_registration_gives_the_account(platform: Any) -> None:
    """Registering sends the five fields of the guide and gives the token and the ids."""
    platform.answer(httpx.Response(201, json={"access_token": "rtk_new-12345", "userDbId": "user_o"}))
    account = platform.call(CALLS["register"], token=None)
    assert (account.access_token.reveal(), account.user_db_id) == ("rtk_new-12345", "user_o")
    (request,) = platform.requests
    assert request.url == "https://retake.tv/api/v1/agent/register"
    assert json.loads(request.content) == {
        "agent_name": "Owl",
        "agent_description": "Night sky.",
        "image_url": "https://example.com/o.png",
        "wallet_address": "1" * 32,
        "ticker": "OWL",
    }
    assert request.headers["content-type"] == "application/json"


def test_verification(platform: Any) -> None:
    """A post is handed in as `tweet_url`, and the answer says whether the agent is verified."""
    platform.answer(
        httpx.Response(200, json={"verification_message": "Claiming. Code: 7"}),
        httpx.Response(200, json={"verified": True}),
    )
    assert platform.call(CALLS["prepare_verify"]) == "Claiming. Code: 7"
    assert platform.call(CALLS["verify"]) is True
    assert json.loads(platform.requests[1].content) == {"tweet_url": POST}


def test_the_text_to_post_stays_word_for_word(platform: Any) -> None:
    """Only what a terminal obeys is removed: a changed text would not verify the agent."""
    platform.answer(httpx.Response(200, json={"verification_message": "\u200fאני\tעל\u200e retake.tv\x1b\nCode: 7"}))
    assert platform.call(CALLS["prepare_verify"]) == "\u200fאני\tעל\u200e retake.tv\nCode: 7"


def test_a_stream_from_key_to_end(platform: Any) -> None:
    """Key, session, status and stop are read as typed values."""
    platform.answer(
        httpx.Response(200, json={"url": "rtmps://live.example/app", "key": "sk_owl12345"}),
        httpx.Response(200, json={"success": True, "token": {"tokenAddress": "So1", "ticker": "OWL"}}),
        httpx.Response(200, json={"is_live": True, "viewers": 3, "userDbId": "user_o"}),
        httpx.Response(200, json={"status": "stopped", "duration_seconds": 60, "viewers": 4}),
    )

    async def work(client: RetakeClient) -> list[Any]:
        return [
            await client.rtmp(),
            await client.start_stream(),
            await client.stream_status(),
            await client.stop_stream(),
        ]

    target, token, status, summary = platform.call(work)
    assert target.push_url.reveal() == "rtmps://live.example/app/sk_owl12345"
    assert (token.token_address, status.viewers, summary.duration_seconds) == ("So1", 3, 60)
    assert [request.url.path for request in platform.requests] == [
        "/api/v1/agent/rtmp",
        "/api/v1/agent/stream/start",
        "/api/v1/agent/stream/status",
        "/api/v1/agent/stream/stop",
    ]


def test_a_thumbnail_is_a_multipart_file(platform: Any) -> None:
    """The picture goes in the field `image` with its type."""
    platform.answer(httpx.Response(200, json={"message": "ok", "thumbnail_url": "https://cdn.example/t"}))
    assert platform.call(CALLS["update_thumbnail"]) == "https://cdn.example/t"
    (request,) = platform.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="image"; filename="thumbnail.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in request.content


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (b'{"_id": "c1"}', "c1"),
        (b'{"message": {"chat_event_id": "105"}}', "105"),
        (b'{"success": true, "message": "sent"}', None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_a_chat_message_tells_its_id_if_the_platform_does(platform: Any, answer: bytes, key: str | None) -> None:
    """A message is sent with the user id of the chat it goes to, whatever the undocumented answer holds."""
    platform.answer(httpx.Response(200, content=answer))
    assert platform.call(CALLS["send_chat"]) == key
    assert json.loads(platform.requests[0].content) == {"message": "hi", "destination_user_id": "user_a"}


def test_chat_is_paged_back(platform: Any) -> None:
    """The cursor goes as `beforeId`, exactly as it was read."""
    platform.answer(httpx.Response(200, json=[{"chat_event_id": "105", "text": "hi"}]))
    (message,) = platform.call(lambda client: client.comments("user a&b", 2, "c/9 +"))
    assert message.text == "hi"
    assert dict(platform.requests[0].url.params) == {"userDbId": "user a&b", "limit": "2", "beforeId": "c/9 +"}


def test_the_guide_is_beside_the_api(platform: Any) -> None:
    """The guide and its version are fetched from the root of the site."""
    platform.answer(httpx.Response(200, json={"name": "retake", "version": "2.1.2"}), httpx.Response(200, text="# go"))
    assert platform.call(CALLS["skill"]) == "2.1.2"
    assert platform.call(CALLS["guide"]) == "# go"
    assert [str(request.url) for request in platform.requests] == [
        "https://retake.tv/skill.json",
        "https://retake.tv/skill.md",
    ]


PAGE = "<!DOCTYPE html><title>Just a moment...</title>"


@calls
@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(503),
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(403, html=PAGE, headers={"cf-mitigated": "challenge"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("x"),
    ],
    ids=["503", "429", "challenge", "refused", "timeout"],
)
def test_every_call_is_one_request(platform: Any, name: str, failure: Any) -> None:
    """Whether a call is made again is decided in one place, and that is not here."""
    platform.answer(failure)
    with pytest.raises(errors.PlatformError) as caught:
        platform.call(CALLS[name])
    assert len(platform.requests) == 1
    assert caught.value.retry_after == (
        7.0 if isinstance(failure, httpx.Response) and failure.status_code == 429 else None
    )


@pytest.mark.parametrize("name", REPEATABLE)
@pytest.mark.parametrize("failure", [httpx.Response(500), httpx.ReadTimeout("x"), httpx.ConnectError("refused")])
def test_a_passing_failure_may_be_repeated(platform: Any, name: str, failure: Any) -> None:
    """What happens to a call that does nothing twice leaves nothing in doubt."""
    platform.answer(failure)
    with pytest.raises((errors.Unavailable, errors.Unreachable)) as caught:
        platform.call(CALLS[name])
    assert caught.value.may_repeat


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500),
        httpx.Response(502, html=PAGE),
        httpx.Response(504, json={"error": "late"}),
        httpx.Response(520, html=PAGE),
        httpx.Response(524, html=PAGE),
        httpx.Response(408, html=PAGE),
        httpx.Response(200, html=PAGE),
        httpx.Response(200, content=b'{"access_tok'),
        httpx.Response(302, headers={"Location": "https://login.example/"}),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.WriteError("x"),
    ],
)
def test_what_may_have_happened_may_not_be_repeated(platform: Any, name: str, failure: Any) -> None:
    """A registration, a start, a chat message is in doubt when it may have arrived."""
    platform.answer(failure)
    with pytest.raises(errors.PlatformError) as caught:
        platform.call(CALLS[name])
    assert caught.value.unsure
    assert not caught.value.may_repeat
    assert isinstance(failure, httpx.Response) or "not known" in str(caught.value)


def test_a_registration_without_a_token_is_in_doubt(platform: Any) -> None:
    """Whoever answers 200 may have made the agent, though the token cannot be read."""
    platform.answer(httpx.Response(200, json={"agent_id": "a1"}))
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        platform.call(CALLS["register"], token=None)
    assert caught.value.unsure


@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("x"),
        httpx.Response(429),
        httpx.Response(429, html=PAGE, headers={"cf-mitigated": "challenge"}),
        httpx.Response(503, html=PAGE, headers={"cf-mitigated": "challenge"}),
        httpx.Response(202, html=PAGE, headers={"x-amzn-waf-action": "challenge"}),
        httpx.Response(401, html=PAGE),
        httpx.Response(403, html=PAGE),
        httpx.Response(404, html=PAGE),
        httpx.Response(403),
        httpx.Response(403, json={"cloudflare_error": True, "error_code": 1020, "detail": "Access denied"}),
        httpx.Response(511, html=PAGE),
        httpx.Response(521, html=PAGE),
        httpx.Response(530, html=PAGE),
        httpx.Response(308, headers={"Location": "https://retake.tv/elsewhere"}),
    ],
)
def test_what_surely_did_not_happen_may_be_repeated(platform: Any, name: str, failure: Any) -> None:
    """Even a call that must not happen twice may be made again when it surely did not get through."""
    platform.answer(failure)
    with pytest.raises(errors.PlatformError) as caught:
        platform.call(CALLS[name])
    assert caught.value.may_repeat


def test_a_long_retry_after_is_bounded(platform: Any) -> None:
    """Whoever asks for a day is asked again after some minutes: nothing that answers can end a stream by a header."""
    platform.answer(httpx.Response(429, headers={"Retry-After": "86400"}))
    with pytest.raises(errors.RateLimited) as caught:
        platform.call(CALLS["rtmp"])
    assert caught.value.retry_after == LONGEST_WAIT


@calls
@pytest.mark.parametrize("status", [400, 401, 404, 409])
def test_a_refusal_is_final(platform: Any, name: str, status: int) -> None:
    """What the API itself refuses is refused, whatever else stands on the way."""
    platform.answer(httpx.Response(status, json={"error": "no owls", "hint": "ask an owl"}))
    with pytest.raises(errors.PlatformError, match="no owls") as caught:
        platform.call(CALLS[name])
    assert not caught.value.may_repeat
    assert not caught.value.unsure
    assert caught.value.hint == "ask an owl"


def test_an_endless_answer_is_cut(platform: Any) -> None:
    """An answer past a mebibyte is refused, and an error page past it is still the error it is."""
    platform.answer(httpx.Response(200, content=b"#" * (MAX_BODY + 1)))
    with pytest.raises(errors.UnexpectedAnswer, match="too large"):
        platform.call(CALLS["guide"])
    platform.answers = [httpx.Response(502, content=b"#" * (MAX_BODY + 1))]
    with pytest.raises(errors.Unavailable):
        platform.call(CALLS["rtmp"])


def test_a_broken_compression_is_unexpected(platform: Any) -> None:
    """An answer that says gzip and is not is an error of ours."""

    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))

    async def work() -> None:
        async with RetakeClient("https://retake.tv", transport=Broken()) as client:
            await client.guide_version()

    with pytest.raises(errors.UnexpectedAnswer, match="unpacked"):
        asyncio.run(work())


def test_a_trickling_platform_is_left(platform: Any) -> None:
    """A platform that answers for ever, byte by byte, is unreachable after the call's deadline."""

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                await asyncio.sleep(1)
                yield b" "

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Trickle())

    async def work(_: RetakeClient) -> float:
        async with RetakeClient("http://127.0.0.1:9", transport=Slow()) as client:
            with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:9 could not be reached .*no answer in time"):
                await client.register(OWL)
        return asyncio.get_running_loop().time()

    assert platform.call(work) == 20.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@calls
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from([200, 200, 201, 204, 301, 400, 404, 418, 500, 599]),
    st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["location", "content-type", "retry-after", "set-cookie"]), st.text()),
)
def test_any_answer_to_any_call_is_ours(
    platform: Any, name: str, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """No answer whatever makes a call end in another way than with a value or an error of ours."""
    raw = [(key.encode(), value.encode("utf-8", "replace")) for key, value in headers.items()]
    platform.answers = [httpx.Response(status, headers=raw, content=body)]
    with suppress(RetakeFlowError):
        platform.call(CALLS[name])


# --- asking retake.tv whether it is there, without a token ---


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

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow import errors
from retake_flow.api.client import POST_REFUSALS
from retake_flow.api.responses import Answer, Request, Response, interpret, parse_json, retry_after
from retake_flow.errors import PlatformError
from retake_flow.redact import Secret

HTML = b"<!DOCTYPE html><html><head><title>Bad&nbsp;gateway</title><style>p{}</style></head><body><p>Try\n later</p>"

STATUS = Request("GET", "/api/v1/agent/stream/status")
RTMP = Request("POST", "/api/v1/agent/rtmp")
START = Request("POST", "/api/v1/agent/stream/start", repeatable=False, answer=Answer.JSON_OR_NOTHING)
STOP = Request("POST", "/api/v1/agent/stream/stop", answer=Answer.JSON_OR_NOTHING)
VERIFY = Request("POST", "/api/v1/agent/verify", refusals=POST_REFUSALS)
COMMENTS = Request("GET", "/api/v1/agent/stream/comments", meanings={404: errors.NoSession})
GUIDE = Request("GET", "/skill.md", answer=Answer.TEXT)


def failure(status: int, body: bytes = b"", request: Request | None = None, **headers: str) -> PlatformError:
    """The error that an answer stands for."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(PlatformError) as caught:
        interpret(request or STATUS, Response(status, names, body))
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (400, errors.Rejected, "operator"),
        (401, errors.Unauthorized, "operator"),
        (403, errors.Rejected, "operator"),
        (404, errors.NotFound, "platform"),
        (409, errors.NoSession, "platform"),
        (422, errors.Rejected, "operator"),
        (429, errors.RateLimited, "platform"),
        (500, errors.Unavailable, "platform"),
        (503, errors.Unavailable, "platform"),
        (599, errors.Unavailable, "platform"),
        (307, errors.Redirected, "platform"),
        (999, errors.UnexpectedAnswer, "platform"),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[PlatformError], fault: str) -> None:
    """Each status is the error that says whose fault it is, and the message has the call and the status."""
    error = failure(status, b'{"error": "no owls"}')
    assert type(error) is kind
    assert error.fault == fault
    assert "GET /agent/stream/status" in str(error)
    if status != 307:
        assert str(status) in str(error)
        assert "no owls" in str(error)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 200])
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("No verification message found. Call prepare-verify first.", errors.NotPrepared),
        ("No Verification Message yet", errors.NotPrepared),
        ("Please prepare verification", errors.NotPrepared),
        ("Call prepare-verify before you submit a tweet", errors.NotPrepared),
        ("Tweet does not contain the verification code", errors.PostRefused),
        ("Post doesn't contain the verification message", errors.PostRefused),
        ("Tweet must be the verification message", errors.PostRefused),
        ("Invalid tweet URL", errors.PostRefused),
        ("Tweet not found", errors.PostRefused),
        ("no owls", errors.PostRefused),
    ],
)
def test_a_refused_post_is_told_apart_by_words(status: int, words: str, kind: type[PlatformError]) -> None:
    """Whichever status it has, a refusal of verify says by its words whether to prepare or to ask for another post."""
    error = failure(status, json.dumps({"error": words}).encode(), VERIFY)
    assert type(error) is kind
    assert words in error.message
    assert not error.may_repeat


@pytest.mark.parametrize(
    ("status", "kind"), [(401, errors.Unauthorized), (429, errors.RateLimited), (500, errors.Unavailable)]
)
def test_what_is_no_refusal_is_not_read_as_one(status: int, kind: type[PlatformError]) -> None:
    """A bad token, too many calls and a failure of the platform say nothing of the post."""
    body = b'{"error": "Tweet not found"}'
    assert type(failure(status, body, VERIFY)) is kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "name taken"}}', "name taken"),
        (b'{"message": "slow"}', "slow"),
        (HTML, "Bad gateway Try later"),
        (b"upstream  down\r\n", "upstream down"),
        (b"\xff\xfe\x1b[31m", "��"),
    ],
)
def test_the_platforms_own_words_are_told(body: bytes, words: str) -> None:
    """An error says what the platform said, from JSON, from a page, from plain text, in one printable line."""
    message = str(failure(502, body))
    assert words in message
    assert message.isprintable()


def test_long_words_are_cut() -> None:
    """A whole page in an error is cut to a line."""
    assert len(str(failure(500, b"x" * 5000))) < 400


def test_a_secret_in_an_answer_is_masked() -> None:
    """A platform that repeats the token in its error does not make us print it."""
    Secret("owls-token-value")
    assert "owls-token-value" not in str(failure(400, b'{"error": "bad owls-token-value or sk_12345678"}'))
    assert "owls-token-value" not in str(failure(302, location="https://evil.example/?t=owls-token-value"))


@pytest.mark.parametrize("body", [b"", b"OK", HTML, b"\xff", b'{"is_live"', b"[" * 100_000, b"9" * 5000])
def test_a_good_status_without_json_is_unexpected(body: bytes) -> None:
    """A 200 that is not JSON is never taken for an answer."""
    assert isinstance(failure(200, body), errors.UnexpectedAnswer)


def test_nothing_is_enough_where_nothing_is_needed() -> None:
    """An empty answer to a stop, a start, a thumbnail or a chat message is a success."""
    assert interpret(STOP, Response(204)) is None
    assert interpret(START, Response(200, {}, b"\n")) is None


@pytest.mark.parametrize("call", [RTMP, STOP, GUIDE, COMMENTS])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 409, 451])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><title>Just a moment...</title>", "a page: Just a moment..."),
        (b"\n <html><body>Please log in to the hotel's network", "a page: Please log in"),
        (b'{"cloudflare_error": true, "detail": "You are being rate limited"}', "a page: You are being rate limited"),
        (b'{"type": "about:blank", "detail": "Denied", "ray_id": "8a", "zone": "retake.tv"}', "a page: Denied"),
    ],
)
def test_what_is_not_the_apis_own_answer_says_nothing_of_the_call(
    call: Request, status: int, body: bytes, words: str
) -> None:
    """A firewall's challenge, a login page: whatever its status, it passes, and is told as what it is."""
    error = failure(status, body, call)
    assert isinstance(error, errors.Intercepted)
    assert error.may_repeat
    assert words in error.message
    assert "not from retake.tv's API" in error.message


@pytest.mark.parametrize("header", ["cf_mitigated", "x_vercel_mitigated", "x_amzn_waf_action"])
@pytest.mark.parametrize("status", [200, 202, 403, 429, 503])
def test_an_edge_that_says_so_has_answered_itself(header: str, status: int) -> None:
    """Its header goes before the status and before what the body looks like."""
    error = failure(status, b'{"error": "no"}', START, **{header: "challenge"})
    assert isinstance(error, errors.Intercepted)
    assert error.may_repeat


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize("body", [b"", b"Forbidden", b"null", b'"no"', b"[]", b'{"error": "no'])
def test_a_verdict_is_an_object(status: int, body: bytes) -> None:
    """The API gives its reasons in a JSON object; what gives none is not the API."""
    assert isinstance(failure(status, body), errors.Intercepted)


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "Forbidden"}',
        b'{"message": "Missing Authentication Token"}',
        b'{"error": {"code": "403", "message": "Forbidden"}}',
        b'{"code": 403, "reason": "request blocked", "request_id": "1"}',
        b"{}",
    ],
)
def test_a_gateway_forbids_in_json_of_its_own(body: bytes) -> None:
    """It stands before the API, and passes; the API's own reasons are a text, `error`."""
    error = failure(403, body, STATUS)
    assert isinstance(error, errors.Intercepted)
    assert error.may_repeat
    assert isinstance(failure(403, b'{"error": "this agent is banned"}'), errors.Rejected)


def test_an_answer_that_breaks_off_passes() -> None:
    """Half of a good answer is none, and the next one may be whole."""
    error = failure(200, b'{"is_live": tr')
    assert type(error) is errors.UnexpectedAnswer
    assert error.may_repeat


def test_success_false_is_a_refusal() -> None:
    """A 200 that says `success: false` is the refusal it is, with its words."""
    error = failure(200, b'{"success": false, "error": "not verified"}', START)
    assert isinstance(error, errors.Rejected)
    assert "not verified" in str(error)


def test_a_cut_answer_is_unexpected() -> None:
    """An answer longer than any should be is not read in part."""
    with pytest.raises(errors.UnexpectedAnswer, match="too large"):
        interpret(GUIDE, Response(200, {}, b"# guide", truncated=True))


def test_a_start_page_is_not_the_guide() -> None:
    """A site that answers an unknown file with its start page does not become the guide."""
    assert interpret(GUIDE, Response(200, {}, b"# retake.tv")) == "# retake.tv"
    assert isinstance(failure(200, HTML, GUIDE), errors.UnexpectedAnswer)


def test_only_passing_failures_may_be_repeated() -> None:
    """Too busy may be repeated always, own failure only where nothing happens twice, a refusal never."""
    assert failure(429, request=START).may_repeat
    assert failure(503).may_repeat
    assert not failure(503, request=START).may_repeat
    assert not failure(400, b"{}").may_repeat


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0.0),
        ({"retry-after": "9" * 400}, 300.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After is read in both its forms, a date against the sender's clock, and nonsense is no wish."""
    assert retry_after(headers) == seconds


@given(st.text())
def test_any_retry_after_is_read(value: str) -> None:
    """No header whatever breaks the reading of an error."""
    found = retry_after({"retry-after": value, "date": value})
    assert found is None or found >= 0


def test_values_that_json_does_not_know_are_dropped() -> None:
    """Infinities become null and half characters a question mark, so every value can be stored and shown."""
    assert parse_json(b'[NaN, Infinity, 1e999, 2.5, "\\ud83e", "\\ud83e\\udd89"]') == [None, None, None, 2.5, "?", "🦉"]


bodies = st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "success", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())


@given(
    st.integers(0, 999),
    bodies,
    st.sampled_from([RTMP, STOP, GUIDE]),
    st.dictionaries(st.sampled_from(["location", "content-type", "retry-after"]), st.text()),
)
def test_any_answer_is_a_value_or_our_error(
    status: int, body: bytes, request_: Request, headers: dict[str, str]
) -> None:
    """Whatever comes back, it is read, or it is an error of ours in one printable line that UTF-8 can hold."""
    try:
        value = interpret(request_, Response(status, headers, body))
    except PlatformError as error:
        value, message = None, error.message
    else:
        message = ""
        assert 200 <= status < 300
    assert message.encode().decode().isprintable()
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def test_a_refusal_without_end_is_parsed_once_and_told_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much stands in a refusal, it is parsed once, and what is told of it is short."""
    parsed: list[int] = []

    def counted(body: bytes) -> object:
        parsed.append(len(body))
        return parse_json(body)

    monkeypatch.setattr("retake_flow.api.responses.parse_json", counted)
    long = {"success": False, "error": "x" * 900_000, "hint": []}
    for status, body in ((500, long), (200, long)):
        parsed.clear()
        with pytest.raises(PlatformError) as raised:
            interpret(STATUS, Response(status, {}, json.dumps(body).encode()))
        assert len(parsed) == 1
        assert len(raised.value.message) < 500

"""Responses: reads the answer to a call as parsed JSON, or as the error that says who is at fault. No I/O.

Firewalls, proxies and login pages between here and the API can answer in its place, with any status. The API speaks
JSON, so an answer that is not JSON says nothing about the call, whatever its status is.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property
from statistics import median
from typing import Any, Final, Literal

from retake_flow.addresses import API_PATH
from retake_flow.errors import (
    Intercepted,
    NoSession,
    NotFound,
    NotPrepared,
    PlatformError,
    PostRefused,
    RateLimited,
    Redirected,
    Rejected,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import scrub
from retake_flow.sanitize import cut, strip_controls, unescape_html

MAX_WORDS = 200
_LOOKED_AT = 16_384  # bytes of a page, or characters of a text, from which words are taken
#: The longest wait for a `Retry-After`, in seconds: one that asks for a day does not end a stream.
LONGEST_WAIT = 300.0

_SENTENCES: dict[type[PlatformError], str] = {
    Rejected: "retake.tv refused the request as wrong",
    NotPrepared: "retake.tv has not prepared a message to post yet",
    PostRefused: "retake.tv does not accept this post",
    Unauthorized: "retake.tv does not accept the access token",
    NotFound: "retake.tv does not know the requested item",
    NoSession: "no stream session is active on retake.tv",
    RateLimited: "retake.tv asks to slow down",
    Unavailable: "retake.tv failed on its own side",
    UnexpectedAnswer: "retake.tv answered in an undocumented form",
    Intercepted: "the response is not from retake.tv's API",
}
_MEANINGS: dict[int, type[PlatformError]] = {
    401: Unauthorized,
    404: NotFound,
    408: Unavailable,
    409: NoSession,
    425: Unavailable,
    429: RateLimited,
}
_REFUSED = (Rejected, NotFound, NoSession)
_PASSING = (RateLimited, Unavailable, UnexpectedAnswer)
#: With these headers an edge says that it handled the request itself and did not pass it on.
_MITIGATED = ("cf-mitigated", "x-vercel-mitigated", "x-amzn-waf-action")
_NO_JSON = object()
# A server that ran out of patience, or its client, may have begun.
_MAYBE_BEGUN = frozenset({408, 425, 460, 499})
# A redirect that repeats the call elsewhere; a portal's login; a CDN that got no connection to the server.
_NOT_BEGUN = frozenset({301, 307, 308, 511, 521, 523, 525, 526, 530})


Refusals = tuple[tuple[str, type[PlatformError]], ...]


class Answer(Enum):
    """The form that the body of a successful answer must have."""

    JSON = "JSON"
    JSON_OR_NOTHING = "JSON, or empty where nothing in it is needed"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a multipart body."""

    name: str
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call.

    Attributes:
        path: The path from the origin, which begins with /api/v1 for all but the guide.
        deadline: The limit for the whole exchange, in seconds.
        meanings: Statuses with another meaning than usual for this call.
        refusals: Meanings of a refusal by the platform's words, if its status does not tell: the first entry whose
            text they contain counts, ignoring case.
    """

    method: Literal["GET", "POST"]
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    upload: Upload | None = None
    authenticated: bool = True
    repeatable: bool = True
    answer: Answer = Answer.JSON
    deadline: float = 20.0
    meanings: Mapping[int, type[PlatformError]] = field(default_factory=dict)
    refusals: Refusals = ()

    @property
    def call(self) -> str:
        """The call as the guide names it, such as `POST /agent/rtmp`."""
        return f"{self.method} {self.path.removeprefix(API_PATH)}"


@dataclass(frozen=True)
class Response:
    """A received response. Names of headers are in lower case; a body beyond the limit is cut off."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False

    @cached_property
    def value(self) -> object:
        """The body as JSON, or `_NO_JSON`; cached, since it is read often and may take long to parse."""
        try:
            return parse_json(self.body)
        except ValueError:
            return _NO_JSON


def interpret(request: Request, response: Response) -> object:
    """The result of a call.

    Returns:
        Parsed JSON without values that JSON does not have (infinities, lone surrogates); the text for a call that asks
        for text; None for an empty answer where that is allowed.

    Raises:
        PlatformError: The kind of error that the answer stands for. It is `unsure` when the call must not be made twice
            and may have been carried out.
    """
    try:
        return _value(request, response)
    except PlatformError as error:
        error.status, error.retry_after = response.status, retry_after(response.headers)
        in_doubt = error.doubtful or isinstance(error, Intercepted)
        error.unsure = in_doubt and not request.repeatable and not _not_begun(response)
        raise


def _value(request: Request, response: Response) -> object:
    if 300 <= response.status < 400:
        raise _redirect_error(request, response)
    value = response.value
    if not _is_the_apis(request, response, value):
        raise _no_answer(request, response)
    if not 200 <= response.status < 300:
        raise _refusal(request, response)
    if response.truncated:
        raise _failure(UnexpectedAnswer, request, response, "it is too large")
    if request.answer is Answer.TEXT:
        return response.body.decode("utf-8", "replace")
    if isinstance(value, Mapping) and (value.get("success") is False or (request.refusals and value.get("error"))):
        raise _refusal_error(_kind_of_words(request, response), request, response)
    return None if value is _NO_JSON else value


def _is_the_apis(request: Request, response: Response, value: object) -> bool:
    """Whether an answer comes from the API, or only says that a problem is temporary; the API refuses in JSON."""
    if any(name in response.headers for name in _MITIGATED) or _is_cloudflares(value):
        return False
    if response.status == 403:  # no known refusal of the API; gateways send their own in JSON
        return isinstance(value, Mapping) and isinstance(value.get("error"), str)
    if not 200 <= response.status < 300:
        return isinstance(value, Mapping) or _meaning(request, response) in _PASSING
    if response.truncated:
        return not _is_html(response)
    if request.answer is Answer.TEXT:
        # A site without the file may still answer 200, with its start page.
        return bool(response.body.strip()) and not _is_html(response)
    return value is not _NO_JSON or (request.answer is Answer.JSON_OR_NOTHING and not response.body.strip())


def _is_cloudflares(value: object) -> bool:
    """Whether the answer is Cloudflare's error page, which is JSON for clients that ask for JSON."""
    return isinstance(value, Mapping) and (value.get("cloudflare_error") is True or {"ray_id", "zone"} <= value.keys())


def _not_begun(response: Response) -> bool:
    """Whether a call that the API did not answer, or did not answer well, was certainly not carried out."""
    if any(name in response.headers for name in _MITIGATED):
        return True
    refused = 400 <= response.status < 500 and response.status not in _MAYBE_BEGUN
    return refused or response.status in _NOT_BEGUN


def parse_json(body: bytes) -> object:
    """Parse JSON so that every value in it can be stored and shown.

    Raises:
        ValueError: The body is not JSON, or nested too deeply.
    """
    collects = gc.isenabled()
    gc.disable()  # it would scan a page of empty lists again and again, and none of that is garbage yet
    try:
        value = json.loads(body.decode(), parse_constant=lambda _: None, parse_float=_finite)
        if b"\\ud" in body.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    finally:
        if collects:
            gc.enable()
    return value


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait that `Retry-After` asks for, in seconds, at most `LONGEST_WAIT`; None when it is missing or unreadable.

    A date is relative to the sender's own clock if the answer gives it.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value, re.ASCII):
        return min(float(value), LONGEST_WAIT)
    until = http_date(value)
    if until is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _redirect_error(request: Request, response: Response) -> Redirected:
    where = _shorten(response.headers.get("location", "")) or "nowhere"
    return Redirected(
        f"{request.call} was answered with a redirect to {where}, which is not followed",
        hint="nothing was sent there; if this network has a login page, log in; if retake.tv has moved permanently, "
        "update this program",
    )


def _meaning(request: Request, response: Response) -> type[PlatformError]:
    return request.meanings.get(response.status) or _MEANINGS.get(response.status) or _kind_of_status(response.status)


def _refusal(request: Request, response: Response) -> PlatformError:
    kind = _meaning(request, response)
    if kind in _REFUSED:
        kind = _kind_of_words(request, response, kind)
    return _refusal_error(kind, request, response)


def _refusal_error(kind: type[PlatformError], request: Request, response: Response) -> PlatformError:
    error = _failure(kind, request, response, _words(response))
    error.hint = _hint(response) or error.hint
    return error


def _kind_of_status(status: int) -> type[PlatformError]:
    if 400 <= status < 500:
        return Rejected
    return Unavailable if 500 <= status < 600 else UnexpectedAnswer


def _kind_of_words(
    request: Request, response: Response, otherwise: type[PlatformError] = Rejected
) -> type[PlatformError]:
    words = _words(response).casefold()
    return next((kind for text, kind in request.refusals if text in words), otherwise)


def _failure(kind: type[PlatformError], request: Request, response: Response, words: str) -> PlatformError:
    message = f"{_SENTENCES[kind]} ({request.call}, status {response.status})"
    return kind(f"{message}: {words}" if words else message)


def _no_answer(request: Request, response: Response) -> PlatformError:
    """The error for an answer that does not come from the API."""
    words = _words(response)
    if not response.body.strip():
        return _failure(Intercepted, request, response, "an empty answer")
    if _is_html(response) or response.value is not _NO_JSON:
        return _failure(Intercepted, request, response, f"a page: {words}" if words else "a page")
    broken = 200 <= response.status < 300 and response.body.lstrip()[:1] in (b"{", b"[")
    return _failure(UnexpectedAnswer if broken else Intercepted, request, response, f"not JSON: {words}")


def _words(response: Response) -> str:
    """The platform's own words: from its JSON, else the text of its page."""
    value = response.value
    if value is _NO_JSON:
        page = response.body[:_LOOKED_AT].decode("utf-8", "replace")
        return _shorten(_page_text(page) if _is_html(response) else page)
    while isinstance(value, Mapping):
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), None)
    return _shorten(value) if isinstance(value, str) else ""


def _hint(response: Response) -> str:
    value = response.value
    hint = value.get("hint") if isinstance(value, Mapping) else None
    return _shorten(hint) if isinstance(hint, str) else ""


def _is_html(response: Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.body.lstrip()[:1] == b"<"


def _page_text(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?(</\1\s*>|\Z)", " ", page, flags=re.DOTALL | re.IGNORECASE)
    return unescape_html(re.sub(r"<[^>]*>?", " ", page))


def _shorten(words: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in strip_controls(scrub(words[:_LOOKED_AT])))
    return cut(" ".join(printable.split()), MAX_WORDS)


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def http_date(value: str) -> datetime | None:
    """The time in a `Date` or `Retry-After` header; None when there is none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


_SAMPLES: Final = 16
# A `Date` has whole seconds, and an answer may take its time: samples of one clock differ by no more than that.
_SPREAD: Final = 1.5


class ServerClock:
    """How far the platform's clock is ahead of a monotonic clock here.

    An answer is made before it arrives, so its `Date` is a lower bound of the platform's clock; the highest of the last
    ones comes closest. A cached answer is older, and raises nothing. One that is far ahead of most others comes from a
    machine whose clock is wrong.
    """

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=_SAMPLES)

    def observe(self, headers: Mapping[str, str], now: float) -> None:
        """Add the sample of an answer.

        Args:
            headers: The headers of the answer, their names in lower case.
            now: When it arrived, in seconds of the monotonic clock.
        """
        date = http_date(headers.get("date", ""))
        if date is not None and headers.get("age", "0").strip() in ("", "0"):
            self._ahead.append(date.timestamp() - now)

    @property
    def ahead(self) -> float | None:
        """How many seconds the platform's clock is ahead at least; None before any answer with a date."""
        if not self._ahead:
            return None
        likely = median(self._ahead) + _SPREAD
        return max(ahead for ahead in self._ahead if ahead <= likely)

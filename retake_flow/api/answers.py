"""Read what retake.tv answered: parsed JSON, or the error that says whose fault it is. No I/O."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape

from retake_flow.api.protocol import Answer, Request
from retake_flow.errors import (
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

MAX_WORDS = 200
_DAY = 86400.0

_SENTENCES: dict[type[PlatformError], str] = {
    Rejected: "retake.tv refused the request as wrong",
    NotPrepared: "retake.tv has no message yet that could have been posted",
    PostRefused: "retake.tv does not take this post",
    Unauthorized: "retake.tv does not accept the access token",
    NotFound: "retake.tv does not know what was asked for",
    NoSession: "no stream session is active on retake.tv",
    RateLimited: "retake.tv asks to slow down",
    Unavailable: "retake.tv failed on its own side",
    UnexpectedAnswer: "retake.tv answered in a form nobody documented",
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


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Names of headers are in lower case; a body past the limit is cut off."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False


def interpret(request: Request, response: Response) -> object:
    """What a call gave.

    Returns:
        Parsed JSON without anything that JSON does not know (infinities, lone surrogates); the text for a call
        that asks for text; None for an empty answer where that is allowed.

    Raises:
        PlatformError: The one of its kinds that the answer stands for.
    """
    if 300 <= response.status < 400:
        raise redirected(request.call, response.headers.get("location", ""))
    if not 200 <= response.status < 300:
        raise _refusal(request, response)
    if response.truncated:
        raise _failure(UnexpectedAnswer, request, response, "it is longer than any answer should be")
    if request.answer is Answer.TEXT:
        return _guide_text(request, response)
    if request.answer is Answer.JSON_OR_NOTHING and not response.body.strip():
        return None
    try:
        value = parse_json(response.body)
    except ValueError:
        raise _failure(UnexpectedAnswer, request, response, f"not JSON: {_words(response)}") from None
    if isinstance(value, Mapping) and (value.get("success") is False or (request.refusals and value.get("error"))):
        raise _failure(_by_words(request, response), request, response, _words(response))
    return value


def parse_json(body: bytes) -> object:
    """Parse JSON so that every value in it can be stored and shown.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        value = json.loads(body.decode(), parse_constant=lambda _: None, parse_float=_finite)
        if b"\\ud" in body.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def redirected(call: str, location: str) -> Redirected:
    """The error for an answer that points elsewhere."""
    where = _shortened(location) or "nowhere"
    return Redirected(
        f"retake.tv answered {call} with a redirect to {where}, which is not followed",
        hint="nothing was sent there; if retake.tv has moved for good, this program needs an update",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks to wait, at most a day; None when it says nothing readable.

    A date is taken against the sender's own clock where the answer tells it.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value, re.ASCII):
        return min(float(value), _DAY)
    until = http_date(value)
    if until is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), _DAY)


def _refusal(request: Request, response: Response) -> PlatformError:
    kind = request.meanings.get(response.status) or _MEANINGS.get(response.status) or _by_class(response.status)
    if kind in _REFUSED:
        kind = _by_words(request, response, kind)
    error = _failure(kind, request, response, _words(response))
    error.retry_after = retry_after(response.headers)
    error.may_repeat = kind is RateLimited or (kind is Unavailable and request.repeatable)
    return error


def _by_class(status: int) -> type[PlatformError]:
    if 400 <= status < 500:
        return Rejected
    return Unavailable if 500 <= status < 600 else UnexpectedAnswer


def _by_words(request: Request, response: Response, otherwise: type[PlatformError] = Rejected) -> type[PlatformError]:
    words = _words(response).casefold()
    return next((kind for text, kind in request.refusals if text in words), otherwise)


def _failure(kind: type[PlatformError], request: Request, response: Response, words: str) -> PlatformError:
    message = f"{_SENTENCES[kind]} ({request.call}, status {response.status})"
    return kind(f"{message}: {words}" if words else message)


def _guide_text(request: Request, response: Response) -> str:
    # A site that does not know the file may still answer 200, with its start page.
    if not response.body.strip() or _is_html(response):
        raise _failure(UnexpectedAnswer, request, response, f"not a text: {_words(response)}")
    return response.body.decode("utf-8", "replace")


def _words(response: Response) -> str:
    """The platform's own words: from its JSON, else the text of its page."""
    try:
        value = parse_json(response.body)
    except ValueError:
        page = response.body[:16384].decode("utf-8", "replace")
        return _shortened(_page_text(page) if _is_html(response) else page)
    while isinstance(value, Mapping):
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), None)
    return _shortened(value) if isinstance(value, str) else ""


def _is_html(response: Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.body.lstrip()[:1] == b"<"


def _page_text(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?(</\1\s*>|\Z)", " ", page, flags=re.DOTALL | re.IGNORECASE)
    return unescape(re.sub(r"<[^>]*>?", " ", page))


def _shortened(words: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in scrub(words))
    line = " ".join(printable.split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def http_date(value: str) -> datetime | None:
    """The moment that a `Date` or `Retry-After` header names; None when it names none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

"""Read what retake.tv answered: parsed JSON, or the error that says whose fault it is. No I/O.

Between here and the API stand firewalls, proxies and login pages that answer in its place, with any status. The API
speaks JSON, so an answer that is none says nothing about the call, whatever its status is.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from html import unescape

from retake_flow.api.protocol import Answer, Request
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
from retake_flow.sanitize import stripped

MAX_WORDS = 200
_LOOKED_AT = 16_384  # bytes of a page, or characters of a text, that words are taken from
#: The longest that a `Retry-After` is waited for, in seconds: one that asks for a day does not end a stream.
LONGEST_WAIT = 300.0

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
    Intercepted: "what answered is not retake.tv's API",
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
#: By these headers an edge says that it has dealt with the request itself, which has not come any further.
_MITIGATED = ("cf-mitigated", "x-vercel-mitigated", "x-amzn-waf-action")
_NO_JSON = object()
# A server that lost patience, or its client, may have begun.
_MAYBE_BEGUN = frozenset({408, 425, 460, 499})
# A redirect that has the call made again elsewhere; a portal's login; a CDN that got no connection to the server.
_NOT_BEGUN = frozenset({301, 307, 308, 511, 521, 523, 525, 526, 530})


@dataclass(frozen=True)
class Response:
    """What came back. Names of headers are in lower case; a body past the limit is cut off."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False

    @cached_property
    def value(self) -> object:
        """The body as JSON, or `_NO_JSON`; it is looked at often, and may take long to parse."""
        try:
            return parse_json(self.body)
        except ValueError:
            return _NO_JSON


def interpret(request: Request, response: Response) -> object:
    """What a call gave.

    Returns:
        Parsed JSON without anything that JSON does not know (infinities, lone surrogates); the text for a call
        that asks for text; None for an empty answer where that is allowed.

    Raises:
        PlatformError: The one of its kinds that the answer stands for. It is `unsure` when the call must not be made
            twice and may have been carried out.
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
        raise _redirected(request, response)
    value = response.value
    if not _is_the_apis(request, response, value):
        raise _no_answer(request, response)
    if not 200 <= response.status < 300:
        raise _refusal(request, response)
    if response.truncated:
        raise _failure(UnexpectedAnswer, request, response, "it is longer than any answer should be")
    if request.answer is Answer.TEXT:
        return response.body.decode("utf-8", "replace")
    if isinstance(value, Mapping) and (value.get("success") is False or (request.refusals and value.get("error"))):
        raise _refused(_by_words(request, response), request, response)
    return None if value is _NO_JSON else value


def _is_the_apis(request: Request, response: Response, value: object) -> bool:
    """Whether an answer is the API's own, or says nothing but that it passes; what the API refuses, it does in JSON."""
    if any(name in response.headers for name in _MITIGATED) or _is_cloudflares(value):
        return False
    if response.status == 403:  # no refusal of the API's that is known of; gateways say it in JSON of their own
        return isinstance(value, Mapping) and isinstance(value.get("error"), str)
    if not 200 <= response.status < 300:
        return isinstance(value, Mapping) or _meaning(request, response) in _PASSING
    if response.truncated:
        return not _is_html(response)
    if request.answer is Answer.TEXT:
        # A site that does not know the file may still answer 200, with its start page.
        return bool(response.body.strip()) and not _is_html(response)
    return value is not _NO_JSON or (request.answer is Answer.JSON_OR_NOTHING and not response.body.strip())


def _is_cloudflares(value: object) -> bool:
    """Whether it is an error page of Cloudflare, which it gives as JSON to those who ask for JSON."""
    return isinstance(value, Mapping) and (value.get("cloudflare_error") is True or {"ray_id", "zone"} <= value.keys())


def _not_begun(response: Response) -> bool:
    """Whether a call surely was not carried out that was answered by somebody else than the API, or not well."""
    if any(name in response.headers for name in _MITIGATED):
        return True
    refused = 400 <= response.status < 500 and response.status not in _MAYBE_BEGUN
    return refused or response.status in _NOT_BEGUN


def parse_json(body: bytes) -> object:
    """Parse JSON so that every value in it can be stored and shown.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    collects = gc.isenabled()
    gc.disable()  # it would look through a page of empty lists again and again, and nothing of that is garbage yet
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
    """The seconds that `Retry-After` asks to wait, at most `LONGEST_WAIT`; None when it says nothing readable.

    A date is taken against the sender's own clock where the answer tells it.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value, re.ASCII):
        return min(float(value), LONGEST_WAIT)
    until = http_date(value)
    if until is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _redirected(request: Request, response: Response) -> Redirected:
    where = _shortened(response.headers.get("location", "")) or "nowhere"
    return Redirected(
        f"{request.call} was answered with a redirect to {where}, which is not followed",
        hint="nothing was sent there; on a network with a login page, log in; if retake.tv has moved for good, this "
        "program needs an update",
    )


def _meaning(request: Request, response: Response) -> type[PlatformError]:
    return request.meanings.get(response.status) or _MEANINGS.get(response.status) or _by_class(response.status)


def _refusal(request: Request, response: Response) -> PlatformError:
    kind = _meaning(request, response)
    if kind in _REFUSED:
        kind = _by_words(request, response, kind)
    return _refused(kind, request, response)


def _refused(kind: type[PlatformError], request: Request, response: Response) -> PlatformError:
    error = _failure(kind, request, response, _words(response))
    error.hint = _hint(response) or error.hint
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


def _no_answer(request: Request, response: Response) -> PlatformError:
    """The error for what came in the place of an answer."""
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
        return _shortened(_page_text(page) if _is_html(response) else page)
    while isinstance(value, Mapping):
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), None)
    return _shortened(value) if isinstance(value, str) else ""


def _hint(response: Response) -> str:
    """What the platform itself says can be done."""
    value = response.value
    hint = value.get("hint") if isinstance(value, Mapping) else None
    return _shortened(hint) if isinstance(hint, str) else ""


def _is_html(response: Response) -> bool:
    return "html" in response.headers.get("content-type", "") or response.body.lstrip()[:1] == b"<"


def _page_text(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?(</\1\s*>|\Z)", " ", page, flags=re.DOTALL | re.IGNORECASE)
    return unescape(re.sub(r"<[^>]*>?", " ", page))


def _shortened(words: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in stripped(scrub(words[:_LOOKED_AT])))
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

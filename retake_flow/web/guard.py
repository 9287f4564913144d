"""Guard: decides which requests reach the page, and under which name.

In this order: the name of the host (a foreign one means DNS rebinding), where a write comes from (a foreign page means
forgery), whether the asker has the token, whether the page may write at all, and how often.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retake_flow import printable
from retake_flow.redact import Secret
from retake_flow.web.templates import refusal
from retake_flow.wiring.storing import this_user

#: Where the token is exchanged for the cookie.
ENTER: Final = "/enter"
#: The most bytes of a form.
LARGEST: Final = 64 << 10
_OPEN: Final = ("/static/", ENTER)
_READS: Final = ("GET", "HEAD")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # `no-referrer` would make our own forms come with `Origin: null`.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
#: The field of a form with the name of the person, for programs. All share one token, so the name is given.
_NAME_FIELD: Final = ":by"
_NAME_COOKIE: Final = "retake-flow-name"
_LONGEST_NAME: Final = 40


class Limit:
    """At most `number` in a minute."""

    def __init__(self, number: int) -> None:
        self._most = self._left = float(number)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Count one request, and return whether it is within the limit."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Guard:
    """Passes on only requests of the operator.

    Args:
        app: The page.
        token: The secret that people and programs need.
        port: The port of the page on loopback.
        address: The address at which an operator's own proxy offers it; "" without one.
        read_only: Whether all writes are refused.
    """

    def __init__(self, app: ASGIApp, token: Secret, port: int, address: str, *, read_only: bool) -> None:
        self._app = app
        self._token = token
        self._read_only = read_only
        local = [f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")]
        proxied = urlsplit(address).netloc
        self._hosts = frozenset(filter(None, (*local, proxied)))
        self._origins = frozenset(filter(None, (*(f"http://{host}" for host in local), address)))
        self._proxied, self._https = proxied, address.startswith("https:")
        self._writes, self._guesses = Limit(60), Limit(20)
        self.cookie = f"retake-flow-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        request = Request(scope, receive)
        refused = self._refuse(request)
        await (refusal(request, *refused) if refused else self._app)(scope, receive, send_guarded)

    def set_cookie(self, request: Request, headers: MutableHeaders) -> None:
        """Give the browser of a request the cookie."""
        # Not Strict: with it, a link in a chat or a mail would not bring the cookie along.
        value = f"{self.cookie}={self._pass}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"
        secure = self._https and request.headers.get("host") == self._proxied
        headers.append("set-cookie", value + "; Secure" * secure)

    def is_token(self, given: str) -> bool:
        """Whether a text is the token."""
        return hmac.compare_digest(given.encode(), self._token.reveal().encode())

    def may_guess(self) -> bool:
        """Whether another attempt with a token is allowed now."""
        return self._guesses.take()

    @property
    def _pass(self) -> str:
        """The value of the cookie; from a stolen cookie, the token cannot be found."""
        return hmac.new(self._token.reveal().encode(), b"cookie", hashlib.sha256).hexdigest()

    def _refuse(self, request: Request) -> tuple[int, str] | None:
        """The status and the reason with which a request is refused; None when it is not."""
        headers, path = request.headers, request.url.path
        if headers.get("host", "").lower() not in self._hosts:
            return 421, "This page refuses that host name. Set RETAKE_FLOW_PAGE to the address of your proxy."
        writes = request.method not in _READS
        if writes and not self._from_here(headers):
            return 403, "This came from another site, so nothing was done."
        if path.startswith(_OPEN):
            return self._refuse_size(headers) if writes else None
        if not self._knows(request):
            return 401, "Open the link that `retake-flow serve` printed, or enter its token."
        return self._refuse_write(headers) if writes else None

    def _refuse_write(self, headers: Headers) -> tuple[int, str] | None:
        if self._read_only:
            return 403, "This page is read-only; it was started with --read-only."
        if not self._writes.take():
            return 429, "Too many requests; try again in a moment."
        return self._refuse_size(headers)

    def _refuse_size(self, headers: Headers) -> tuple[int, str] | None:
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            return 413, f"A form of at most {LARGEST >> 10} KiB is taken."
        return None

    def _from_here(self, headers: Headers) -> bool:
        """Whether a write comes from the page itself, or from a program, which names no site."""
        site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin")
        return site in ("same-origin", "none") and (origin is None or origin in self._origins)

    def _knows(self, request: Request) -> bool:
        return any(self._passes(given) for given in _credentials(request, self.cookie))

    def _passes(self, given: tuple[str, str]) -> bool:
        kind, text = given
        expected = self._token.reveal() if kind == "bearer" else self._pass
        return hmac.compare_digest(text.encode(), expected.encode())


def _credentials(request: Request, cookie: str) -> Iterable[tuple[str, str]]:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        yield "bearer", text.strip()
    if cookie in request.cookies:
        yield "cookie", request.cookies[cookie]


def clean_name(given: str) -> str:
    """A name without unsafe characters; "" for none."""
    return printable.line(given)[:_LONGEST_NAME].strip()


def known_name(request: Request) -> str:
    """The name that a browser has given; "" for none."""
    return clean_name(unquote(request.cookies.get(_NAME_COOKIE, "")))


def keep_name(headers: MutableHeaders, name: str) -> None:
    """Let a browser keep a name; "" lets it forget the one that it has."""
    lasting = 31_536_000 if name else 0
    value = f"{_NAME_COOKIE}={quote(name, safe='')}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasting}"
    headers.append("set-cookie", value)


def name_of(request: Request, form: Mapping[str, object]) -> str:
    """The name of the person who asks; the user who started the page if none was given."""
    return clean_name(str(form.get(_NAME_FIELD, ""))) or known_name(request) or this_user()

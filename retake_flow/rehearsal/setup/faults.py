"""Faults that a rehearsal can inject, in calls, sockets and streams, and the plan of those that are still to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from retake_flow.addresses import API_PATH
from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.option_fields import Fields

PageKind = Literal["challenge", "blocked", "limited", "login", "portal", "gateway", "empty", "truncated"]

PAGE_KINDS: Final[tuple[PageKind, ...]] = get_args(PageKind)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer of an intermediary in the platform's place: a page, not JSON of the API."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def _html(title: str, text: str) -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{text}</h1></body></html>"


#: By name: a CDN that challenges the browser, one that refuses, and one that limits the rate; the login of a proxy and
#: of a hotel; a gateway without its server; answers that were cut off.
PAGES: Final[Mapping[PageKind, Page]] = {
    "challenge": Page(
        403, _html("Just a moment...", "Checking your browser"), {"server": "cloudflare", "cf-mitigated": "challenge"}
    ),
    "blocked": Page(403, _html("Attention Required!", "Sorry, you have been blocked"), {"server": "cloudflare"}),
    "limited": Page(
        429,
        '{"cloudflare_error": true, "error_code": 1015, "title": "Error 1015", "detail": "You are being rate limited"}',
        {"server": "cloudflare", "content-type": "application/problem+json", "retry-after": "30"},
    ),
    "login": Page(302, "", {"location": "https://login.example/?next=retake"}),
    "portal": Page(200, _html("Welcome", "Log in to use this network")),
    "gateway": Page(502, _html("502 Bad Gateway", "502 Bad Gateway"), {"server": "nginx"}),
    "empty": Page(403),
    "truncated": Page(200, '{"success": tru', {"content-type": "application/json"}),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of a call, as docs/rehearsal.md explains it."""

    call: str
    page: PageKind | None = None
    status: int | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    redirect: str | None = None
    times: int | None = 1
    after: int = 0
    effect: bool = False

    @property
    def replaces_answer(self) -> bool:
        """Whether the client gets this fault's answer instead of the platform's."""
        return bool(self.page or self.status or self.redirect or self.headers or self.body is not None)

    @property
    def answer_status(self) -> int:
        """The status of this fault's own answer."""
        usual = PAGES[self.page].status if self.page else 302 if self.redirect else 200
        return self.status or usual

    @property
    def answer_headers(self) -> dict[str, str]:
        """The headers of this fault's own answer, with names in lower case."""
        usual = PAGES[self.page].headers if self.page else {"location": self.redirect} if self.redirect else {}
        return {**usual, **{name.lower(): value for name, value in self.headers.items()}}

    @property
    def answer_body(self) -> object:
        """The body of this fault's own answer: a text, or anything else as JSON."""
        if self.body is not None:
            return self.body
        if self.page:
            return PAGES[self.page].body
        return {"error": "it was told to fail"} if self.answer_status >= 400 else ""

    @classmethod
    def read(cls, fields: Fields) -> Fault:
        """Read a fault from JSON.

        Raises:
            UsageError: The JSON is not a fault.
        """
        fault = fields.build(
            cls,
            call=_call(fields.text("call"), fields.where),
            status=_status(fields) if fields.anything("status") is not None else None,
            body=fields.anything("body"),
            headers=fields.texts("headers"),
            times=fields.times("times"),
        )
        if fault.drop and fault.replaces_answer:
            raise UsageError(f"{fields.where}: a dropped connection has no status, body, headers, page or redirect")
        if not (fault.drop or fault.delay or fault.replaces_answer):
            raise UsageError(
                f"{fields.where}: the fault does nothing", hint="set page, status, body, delay, drop or redirect"
            )
        return fault


SocketTrouble = Literal["refuse", "drop", "lose", "double"]


@dataclass(frozen=True, slots=True)
class SocketFault:
    """One failure of the real-time events, as docs/rehearsal.md explains it."""

    socket: SocketTrouble
    event: str = "*"
    times: int | None = 1
    after: int = 0

    def meets(self, event: str) -> bool:
        """Whether an event of this name counts."""
        return self.socket != "refuse" and fnmatchcase(event, self.event)


StreamTrouble = Literal["frozen_status", "offline", "rotate_key", "close_push", "stall"]


@dataclass(frozen=True, slots=True)
class StreamFault:
    """One failure of a stream, as docs/rehearsal.md explains it."""

    stream: StreamTrouble
    at: float = 0.0
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that has happened: when, in epoch seconds, and to whose stream."""

    at: float
    agent: str
    fault: StreamFault


AnyFault = Fault | SocketFault | StreamFault


def read_fault(fields: Fields) -> AnyFault:
    """Read a fault of any kind from JSON: a stream fault has `stream`, a socket fault `socket`; the rest are of calls.

    Raises:
        UsageError: The JSON is not a fault.
    """
    if fields.has("stream"):
        return fields.build(StreamFault)
    if fields.has("socket"):
        return fields.build(SocketFault, times=fields.times("times"))
    return Fault.read(fields)


def _call(text: str, where: str) -> str:
    method, _, path = text.partition(" ")
    if not path.startswith(("/", "*")) or method != method.upper():
        raise UsageError(f"{where}.call: {text!r} is no call", hint="write it as in 'POST /agent/rtmp'")
    return f"{method} {path.removeprefix(API_PATH)}"


def _status(fields: Fields) -> int:
    status = fields.whole("status", least=200)
    if status > 599:
        raise fields.wrong("status", "an HTTP status from 200 to 599")
    return status


class FaultPlan:
    """The remaining faults; counts calls, connections and events."""

    def __init__(self, faults: Iterable[AnyFault] = ()) -> None:
        self._entries: list[_Entry] = []
        self._streams: list[StreamFault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: AnyFault) -> None:
        """Add a fault, behind those that match the same."""
        if isinstance(fault, StreamFault):
            self._streams.append(fault)
        else:
            self._entries.append(_Entry(fault))

    def clear(self) -> None:
        """Remove all faults."""
        self._entries.clear()
        self._streams.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this call, if any; counts it as used once.

        The path is without the query.
        """
        call = f"{method} {path.removeprefix(API_PATH)}"
        for entry in self._entries:
            fault = entry.fault
            if isinstance(fault, Fault) and fnmatchcase(call, fault.call) and entry.due():
                return fault
        return None

    def take_connection(self) -> bool:
        """Whether this real-time connection is refused; counts the fault as used once."""
        return any(_is_refusal(entry.fault) and entry.due() for entry in self._entries)

    def take_event(self, event: str) -> SocketTrouble | None:
        """The fault for this real-time event, if any; counts it as used once."""
        for entry in self._entries:
            fault = entry.fault
            if isinstance(fault, SocketFault) and fault.meets(event) and entry.due():
                return fault.socket
        return None

    def take_stream(self, fault: StreamFault) -> bool:
        """Whether this fault of a stream is still pending; marks it as used."""
        if fault not in self._streams:
            return False
        self._streams.remove(fault)
        return True

    @property
    def of_streams(self) -> tuple[StreamFault, ...]:
        """The pending faults of streams, earliest first."""
        return tuple(sorted(self._streams, key=lambda fault: fault.at))

    @property
    def remaining(self) -> tuple[AnyFault, ...]:
        """The pending faults, less the uses already counted."""
        return (*(entry.rest for entry in self._entries if entry.pending), *self._streams)

    @property
    def pending(self) -> int:
        """The number of faults that are not used up; a fault without an end always counts."""
        return sum(entry.pending for entry in self._entries) + len(self._streams)


@dataclass(slots=True)
class _Entry:
    fault: Fault | SocketFault
    skipped: int = 0
    used: int = 0

    @property
    def pending(self) -> bool:
        return self.fault.times is None or self.used < self.fault.times

    @property
    def rest(self) -> Fault | SocketFault:
        times = None if self.fault.times is None else self.fault.times - self.used
        return replace(self.fault, times=times, after=self.fault.after - self.skipped)

    def due(self) -> bool:
        if not self.pending:
            return False
        if self.skipped < self.fault.after:
            self.skipped += 1
            return False
        self.used += 1
        return True


def _is_refusal(fault: AnyFault) -> bool:
    return isinstance(fault, SocketFault) and fault.socket == "refuse"

"""Injected faults: in calls, in sockets, in streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.interposed_pages import PAGE_KINDS, PAGES, PageKind
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.socket_faults import SocketFault, SocketTrouble
from retake_flow.rehearsal.setup.stream_faults import StreamFault
from retake_flow.settings import API_PATH


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of a call.

    Attributes:
        call: Which calls fail: method and path as in `POST /agent/rtmp`; `*` and `?` match anything.
        page: The page of an intermediary that answers in the platform's place, such as a CDN or a login.
        status: The status to answer with.
        body: The body to answer with: a text, or anything else as JSON; by default the API's own body for that
            status.
        headers: Headers of the answer.
        delay: Seconds to wait before the answer.
        drop: Close the connection without an answer.
        redirect: Answer with a redirect to this address.
        times: How many calls fail; None for all.
        after: How many matching calls succeed first.
        effect: Whether the call does its work although its answer is lost. A call whose client disconnects during
            `delay` has no effect unless this is set.
    """

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
        fault = cls(
            call=_call(fields.text("call"), fields.where),
            page=fields.choice("page", PAGE_KINDS, PAGE_KINDS[0]) if fields.anything("page") is not None else None,
            status=_status(fields) if fields.anything("status") is not None else None,
            body=fields.anything("body"),
            headers=fields.texts("headers"),
            delay=fields.number("delay", 0.0),
            drop=fields.flag("drop", False),
            redirect=fields.maybe_text("redirect"),
            times=fields.times("times"),
            after=fields.whole("after", 0),
            effect=fields.flag("effect", False),
        )
        fields.end()
        if fault.drop and fault.replaces_answer:
            raise UsageError(f"{fields.where}: a dropped connection has no status, body, headers, page or redirect")
        if not (fault.drop or fault.delay or fault.replaces_answer):
            raise UsageError(
                f"{fields.where}: the fault does nothing", hint="set page, status, body, delay, drop or redirect"
            )
        return fault


AnyFault = Fault | SocketFault | StreamFault


def read_fault(fields: Fields) -> AnyFault:
    """Read a fault of any kind from JSON: a stream fault has `stream`, a socket fault `socket`; the rest are of calls.

    Raises:
        UsageError: The JSON is not a fault.
    """
    if fields.has("stream"):
        return StreamFault.read(fields)
    return SocketFault.read(fields) if fields.has("socket") else Fault.read(fields)


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

        Args:
            method: The HTTP method.
            path: The path, without the query.
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

"""Failures that the rehearsal is told to make, call by call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from retake_flow.errors import UsageError
from retake_flow.rehearsal.fields import Fields
from retake_flow.settings import API_PATH


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure.

    Attributes:
        call: Which calls fail: method and path as in `POST /agent/rtmp`; `*` and `?` match anything.
        status: The status to answer with.
        body: The body to answer with: a text, or anything else as JSON.
        headers: Headers of the answer.
        delay: Seconds to wait before the answer.
        drop: Close the connection without an answer.
        redirect: Answer with a redirect to this address.
        times: How many calls fail; None is for ever.
        after: How many matching calls go well first.
        effect: Whether the call does its work although its answer is lost. A client that goes away during
            `delay` has had no effect unless this is set.
    """

    call: str
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
        """Whether the client gets this fault's answer and not the platform's."""
        return bool(self.status or self.redirect or self.headers or self.body is not None)

    @property
    def answer_status(self) -> int:
        """The status of this fault's own answer."""
        return self.status or (302 if self.redirect else 200)

    @classmethod
    def read(cls, fields: Fields) -> Fault:
        """Read a fault from JSON.

        Raises:
            UsageError: It is not a fault.
        """
        fault = cls(
            call=_call(fields.text("call"), fields.where),
            status=_status(fields) if fields.anything("status") is not None else None,
            body=fields.anything("body"),
            headers=fields.texts("headers"),
            delay=fields.number("delay", 0.0),
            drop=fields.flag("drop", False),
            redirect=fields.maybe_text("redirect"),
            times=_times(fields),
            after=fields.whole("after", 0),
            effect=fields.flag("effect", False),
        )
        fields.end()
        if fault.drop and fault.replaces_answer:
            raise UsageError(f"{fields.where}: a dropped connection has no status, body, headers or redirect")
        if not (fault.drop or fault.delay or fault.replaces_answer):
            raise UsageError(
                f"{fields.where}: the fault does nothing", hint="set status, body, delay, drop or redirect"
            )
        return fault


class FaultPlan:
    """The faults that are still to happen, with the calls counted."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._entries = [_Entry(fault) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Have one more fault happen, after those that match the same calls already."""
        self._entries.append(_Entry(fault))

    def clear(self) -> None:
        """Let everything go well from now on."""
        self._entries.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, counted as used up once.

        Args:
            method: The HTTP method.
            path: The path, without the query.
        """
        call = f"{method} {path.removeprefix(API_PATH)}"
        for entry in self._entries:
            if fnmatchcase(call, entry.fault.call) and entry.due():
                return entry.fault
        return None

    @property
    def remaining(self) -> tuple[Fault, ...]:
        """The faults that are still to happen, less what has been counted."""
        return tuple(entry.rest for entry in self._entries if entry.pending)

    @property
    def pending(self) -> int:
        """How many faults have not been used up; those without an end count once."""
        return sum(entry.pending for entry in self._entries)


@dataclass(slots=True)
class _Entry:
    fault: Fault
    skipped: int = 0
    used: int = 0

    @property
    def pending(self) -> bool:
        return self.fault.times is None or self.used < self.fault.times

    @property
    def rest(self) -> Fault:
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


def _times(fields: Fields) -> int | None:
    if fields.has("times") and fields.anything("times") is None:
        return None
    return fields.whole("times", 1, least=1)

"""Event lines: a program's lines of JSON as events that the flow declares, at a bounded pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from retake_flow.api.responses import parse_json
from retake_flow.ports.actions import Call
from retake_flow.redact import bears_secret, scrub
from retake_flow.responders.replies import find_event
from retake_flow.sanitize import strip_controls

FORM: Final = '{"name": "vote", "data": {"choice": "A"}}'
#: How many events a program can raise, and how many lines are read, within `WITHIN` seconds; more are dropped.
MOST: Final = 100
MOST_LINES: Final = 1000
WITHIN: Final = 10.0
_MOST_NOTES: Final = 20  # records about other lines, per program
_SHOWN: Final = 200  # characters of such a line


class EventLines:
    """Raises the events in the lines of one program.

    Args:
        call: The performance that runs the program.
        now: Seconds since the epoch.
    """

    def __init__(self, call: Call, now: Callable[[], float]) -> None:
        self._call = call
        self._now = now
        self._events = _Limit(MOST, "events")
        self._lines = _Limit(MOST_LINES, "lines")
        self._notes = 0

    def hear(self, line: bytes) -> None:
        """Raise the event in a line; a line that is none is recorded."""
        if not self._allows(self._lines):
            return None
        text = scrub(strip_controls(line.decode(errors="replace"))).strip()
        if bears_secret(text):
            return self._say("a line with a secret was dropped")
        try:
            event = find_event(parse_json(text.encode()))
        except ValueError:
            event = None
        if event is None:
            return self._say(f"no event: {text[:_SHOWN]}; an event is one line such as {FORM}")
        if not self._allows(self._events):
            return None
        return self._call.raise_event(*event)

    def _allows(self, limit: _Limit) -> bool:
        if limit.allows(self._now()):
            return True
        if not limit.told:
            limit.told = True
            self._say(f"more than {limit.most} {limit.what} in {WITHIN:g} s; the others are dropped")
        return False

    def _say(self, text: str) -> None:
        self._notes += 1
        if self._notes <= _MOST_NOTES:
            self._call.note("program_said", place=self._call.place, text=text)


class _Limit:
    """How much of something is allowed within `WITHIN` seconds."""

    def __init__(self, most: int, what: str) -> None:
        self.most = most
        self.what = what
        self.told = False
        self._times: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Whether one more is allowed now; it counts if it is."""
        while self._times and self._times[0] <= now - WITHIN:
            self._times.popleft()
        if len(self._times) >= self.most:
            return False
        self._times.append(now)
        self.told = False
        return True

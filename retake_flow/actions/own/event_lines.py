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
#: How many events a program can raise within `_WITHIN` seconds; more are dropped.
MOST: Final = 100
_WITHIN: Final = 10.0
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
        self._raised: deque[float] = deque()
        self._notes = 0
        self._dropping = False

    def hear(self, line: bytes) -> None:
        """Raise the event in a line; a line that is none is recorded."""
        text = scrub(strip_controls(line.decode(errors="replace"))).strip()
        if bears_secret(text):
            return self._say("a line with a secret was dropped")
        try:
            event = find_event(parse_json(text.encode()))
        except ValueError:
            event = None
        if event is None:
            return self._say(f"no event: {text[:_SHOWN]}; an event is one line such as {FORM}")
        if self._is_too_fast():
            return None
        return self._call.raise_event(*event)

    def _is_too_fast(self) -> bool:
        now = self._now()
        while self._raised and self._raised[0] <= now - _WITHIN:
            self._raised.popleft()
        if len(self._raised) < MOST:
            self._raised.append(now)
            self._dropping = False
            return False
        if not self._dropping:
            self._dropping = True
            self._say(f"more than {MOST} events in {_WITHIN:g} s; the others are dropped")
        return True

    def _say(self, text: str) -> None:
        self._notes += 1
        if self._notes <= _MOST_NOTES:
            self._call.note("program_said", place=self._call.place, text=text)

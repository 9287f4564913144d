"""Program actions: run a program of the operator's, or turn the lines that it writes into events."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from retake_flow.actions.base import Family
from retake_flow.errors import SecretRefused
from retake_flow.flow.duration import seconds
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.redact import bears_secret, require_no_secret, scrub
from retake_flow.responders.replies import find_event, parse
from retake_flow.sanitize import cut, strip_controls
from retake_flow.studio.own_program import OwnProgram, ProgramResult

_HINT: Final = "pass secrets by `env_from`, and do not print them"


class Programs(Protocol):
    """Starts programs; `retake_flow.studio.own_program.OwnPrograms` starts real ones."""

    async def run(self, program: OwnProgram, timeout: float) -> ProgramResult:
        """Run a program to its end."""

    def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AbstractAsyncContextManager[Service]:
        """A running program, whose lines `hear` gets."""


class ProgramActions(Family):
    """The programs of a flow."""

    def __init__(self, programs: Programs, now: Callable[[], float]) -> None:
        self._programs = programs
        self._now = now
        self.tasks = {"program.run": self.run}
        self.services = {"program.lines": self.lines}

    async def run(self, call: Call) -> Completion:
        """Run a program to its end.

        Raises:
            RetakeFlowError: It could not be started, did not end in time, or wrote a secret or too much.
        """
        ran = await self._programs.run(_program(call), seconds(call.inputs["timeout"]))
        text = readable(ran.output, str(call.inputs["command"][0]))
        value = {"exit_code": ran.status, "json": parse(text.encode()), "text": text.strip(), "message": ran.message}
        return Completion("failed" if ran.status else "done", value)

    def lines(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A program whose lines are events."""
        lines = EventLines(call, self._now)
        return self._programs.listen(_program(call), lines.hear)


def readable(output: bytes, who: str, charset: str = "utf-8") -> str:
    """Output as text, with the secrets in it masked.

    Raises:
        SecretRefused: It contains a secret that is split or encoded.
    """
    text = scrub(strip_controls(_decode(output, charset)))
    if bears_secret(text):
        raise SecretRefused(f"the output of {who} contains a secret, so it was not kept", hint=_HINT)
    return text


def _decode(output: bytes, charset: str) -> str:
    try:
        return output.decode(charset, errors="replace")
    except (LookupError, UnicodeError):  # no such encoding, or one that is not for texts
        return output.decode(errors="replace")


def _program(call: Call) -> OwnProgram:
    """The program of a call."""
    command = tuple(map(str, call.inputs["command"]))
    given = call.inputs.get("input")
    text = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
    try:
        require_no_secret(f"the input of {command[0]}", *command, text)
    except SecretRefused as error:
        error.hint = _HINT
        raise
    return OwnProgram(
        command, text.encode("utf-8", "replace"), dict(call.inputs["env_from"]), str(call.inputs["folder"])
    )


FORM: Final = '{"name": "vote", "data": {"choice": "A"}}'
#: How many events a program can raise, and how many lines are read, within `WITHIN` seconds; more are dropped.
MOST: Final = 100
MOST_LINES: Final = 1000
WITHIN: Final = 10.0
_MOST_NOTES: Final = 20  # records about other lines, per program
_SHOWN: Final = 200  # characters of such a line


class EventLines:
    """Raises the events in the lines of one program."""

    def __init__(self, call: Call, now: Callable[[], float]) -> None:
        self._call = call
        self._now = now
        self._events = _Limit(MOST, "events")
        self._lines = _Limit(MOST_LINES, "lines")
        self._notes = 0

    def hear(self, line: bytes) -> None:
        """Raise the event in a line; a line without one is recorded."""
        if not self._allows(self._lines):
            return None
        text = scrub(strip_controls(line.decode(errors="replace"))).strip()
        if bears_secret(text):
            return self._say("a line with a secret was dropped")
        event = find_event(parse(text.encode()))
        if event is None:
            return self._say(f"not an event: {cut(text, _SHOWN)}; an event is one line such as {FORM}")
        if not self._allows(self._events):
            return None
        return self._call.raise_event(*event)

    def _allows(self, limit: _Limit) -> bool:
        if limit.allows(self._now()):
            return True
        if not limit.reported:
            limit.reported = True
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
        self.reported = False
        self._times: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Whether one more is allowed now; it counts if it is."""
        while self._times and self._times[0] <= now - WITHIN:
            self._times.popleft()
        if len(self._times) >= self.most:
            return False
        self._times.append(now)
        self.reported = False
        return True

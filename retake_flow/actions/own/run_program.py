"""Program actions: run a program of the operator's, or turn the lines that it writes into events."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from retake_flow.actions.base import Family
from retake_flow.actions.own.event_lines import EventLines
from retake_flow.api.responses import parse_json
from retake_flow.errors import SecretRefused
from retake_flow.flow.duration import seconds
from retake_flow.outgoing import require_no_secret
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.redact import bears_secret, scrub
from retake_flow.sanitize import strip_controls
from retake_flow.studio.own_program import OwnProgram, Ran

_HINT: Final = "give it what is secret by `env_from`, and let it print none of it"


class Programs(Protocol):
    """Starts programs; `retake_flow.studio.own_program.OwnPrograms` starts real ones."""

    async def run(self, program: OwnProgram, timeout: float) -> Ran:
        """Run a program to its end."""
        ...

    def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AbstractAsyncContextManager[Service]:
        """A running program, whose lines `hear` gets."""
        ...


class ProgramActions(Family):
    """The programs of a flow.

    Args:
        programs: Starts them.
        now: Seconds since the epoch.
    """

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
        value = {"exit_code": ran.status, "json": as_json(text), "text": text.strip(), "message": ran.message}
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
    text = scrub(strip_controls(_decoded(output, charset)))
    if bears_secret(text):
        raise SecretRefused(f"the output of {who} contains a secret, so it was not kept", hint=_HINT)
    return text


def _decoded(output: bytes, charset: str) -> str:
    try:
        return output.decode(charset, errors="replace")
    except LookupError:
        return output.decode(errors="replace")


def _program(call: Call) -> OwnProgram:
    """The program of a call.

    Raises:
        SecretRefused: Others could read a secret: arguments are seen by every user of the machine.
    """
    command = tuple(map(str, call.inputs["command"]))
    given = call.inputs.get("input")
    text = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
    try:
        require_no_secret(f"what {command[0]} is given", *command, text)
    except SecretRefused as error:
        error.hint = _HINT
        raise
    return OwnProgram(
        command, text.encode("utf-8", "replace"), dict(call.inputs["env_from"]), str(call.inputs["folder"])
    )


def as_json(text: str) -> Any:
    """A text as JSON; None if it is none."""
    try:
        return parse_json(text.encode())
    except ValueError:
        return None

"""Terminal prompt: asks the person at the terminal a run's questions."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.cli.session.views import View
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import StoreError
from retake_flow.flow.fields import is_required, read
from retake_flow.monitor.journal_text import lines
from retake_flow.ports.runs import Runs
from retake_flow.redact import Secret
from retake_flow.run import answers
from retake_flow.run.answers import answer_with, describe_fields
from retake_flow.run.errors import AlreadyAnswered, AnswerInvalid, Fenced, GateUnknown
from retake_flow.run.gates import Gate
from retake_flow.run.records import Record
from retake_flow.tasks import first_of
from retake_flow.wiring.storing import this_user

#: Seconds between two checks whether the program is in the foreground again.
_BACKGROUND_PACE = 0.2


class _PromptLeft(Exception):
    """The person has left the prompt."""


class _TerminalGone(Exception):
    """The question is no longer open."""


class Prompter:
    """Asks the questions of a run. Leaving the prompt suspends a run that only waits for an answer."""

    def __init__(self, runs: Runs, view: View) -> None:
        self._runs = runs
        self._view = view
        self._changed = asyncio.Event()
        self._lines = _Lines(sys.stdin.fileno())
        self._prompt = ""

    def on_record(self, record: Record) -> None:
        """Check again whether there is a question to ask."""
        self._changed.set()
        if self._prompt and lines(record):
            self._show(self._prompt)  # the line of the record has overwritten the prompt

    async def attend(self, runner: Runner) -> None:
        """Ask whenever the run waits for a person, until the person leaves the prompt."""
        while True:
            gate = _waiting(runner)
            if gate is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                with self._aside():
                    await self._ask(runner, gate)
            except _PromptLeft:
                if not runner.is_parked:
                    terminal.say(f"\n  the run continues; answer from elsewhere: {answer_with(runner.run.id, gate)}")
                runner.suspend()
                return
            except _TerminalGone:
                if not runner.run.has_ended:
                    terminal.say("  … it was answered elsewhere, or is no longer open")
            with suppress(StoreError, Fenced):  # the driver meets the same error and reports it
                runner.look()
            await self._until_gone(runner, gate)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self._view.pause()
        try:
            yield
        finally:
            self._view.go_on()

    async def _ask(self, runner: Runner, gate: Gate) -> None:
        terminal.say(f"\n? {printable.line(gate.place)} asks:\n")
        for line in printable.text(gate.message).splitlines():
            terminal.say(f"    {line}")
        later = "is kept, and can be answered and resumed later" if runner.is_parked else "continues"
        terminal.say(f"\n  (Ctrl-D leaves the question: the run {later})")
        while True:
            decision = await self._decision(runner, gate)
            given = {
                name: await self._field(runner, gate, name, schema, meaning)
                for (name, schema), (_, meaning) in zip(
                    gate.fields_of(decision).items(), describe_fields(gate.fields_of(decision)), strict=True
                )
            }
            given = {name: value for name, value in given.items() if value is not None}
            try:
                kept = answers.answer(
                    gate, given, decision=decision, by=this_user(), channel="terminal", at=time.time()
                )
                await asyncio.to_thread(self._runs.answer, runner.run.id, gate.id, kept)
                return
            except AnswerInvalid as error:
                terminal.say(f"  ! {printable.line(error.message)}")
            except (AlreadyAnswered, GateUnknown) as error:
                terminal.say(f"  ! {printable.line(error.message)}")
                return
            except StoreError as error:
                terminal.say(f"  ! {printable.line(error.message)} ({printable.line(error.hint)})")

    async def _decision(self, runner: Runner, gate: Gate) -> str:
        names = list(gate.decisions)
        if len(names) < 2:
            return names[0] if names else ""
        for number, name in enumerate(names, 1):
            terminal.say(f"  {number}) {name}")
        while True:
            said = (await self._line(runner, gate, "  which? ")).strip()
            if said in names:
                return said
            if said.isdecimal() and len(said) < 5 and 1 <= int(said) <= len(names):
                return names[int(said) - 1]
            terminal.say(f"  ! one of {', '.join(names)}, or its number")

    async def _field(self, runner: Runner, gate: Gate, name: str, schema: Mapping[str, Any], meaning: str) -> Any:
        """One field; None when it is omitted."""
        hidden = schema.get("secret") is True
        while True:
            said = (await self._line(runner, gate, f"  {name} ({printable.line(meaning)}): ", hidden=hidden)).strip()
            if not said and not is_required(schema):
                return None
            if hidden:
                Secret(said)
            problem = read({name: schema}, {name: said}).unfit.get(name, "") if said else "is needed"
            if not problem:
                return said
            terminal.say(f"  ! {name} {printable.line(problem)}")

    async def _line(self, runner: Runner, gate: Gate, prompt: str, *, hidden: bool = False) -> str:
        self._prompt = prompt
        self._show(prompt)
        with _echo(not hidden):
            try:
                async with first_of(self._lines.next(), self._until_gone(runner, gate)) as (line, _):
                    if line.done():
                        return line.result()
                    terminal.say("")
                    raise _TerminalGone
            finally:
                self._prompt = ""

    @staticmethod
    def _show(prompt: str) -> None:
        sys.stdout.write(terminal.harmless(prompt))
        sys.stdout.flush()

    async def _until_gone(self, runner: Runner, gate: Gate) -> None:
        while runner.run.gates.get(gate.id, None) is not None and not runner.over:
            self._changed.clear()
            await self._changed.wait()


def _waiting(runner: Runner) -> Gate | None:
    return next((gate for gate in runner.run.gates.values() if gate.place == runner.run.state), None)


class _Lines:
    """Reads lines from a terminal without blocking the event loop."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._read = b""

    async def next(self) -> str:
        """The next line.

        Raises:
            _Left: There are no more lines.
        """
        while b"\n" not in self._read:
            data = await self._more()
            if not data:
                raise _PromptLeft
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line.decode("utf-8", "replace")

    async def _more(self) -> bytes:
        try:
            await self._readable()
            while not terminal.foreground(sys.stdin):
                # Input is for the program in the foreground, and reading it would stop us.
                await asyncio.sleep(_BACKGROUND_PACE)
                await self._readable()
            return os.read(self._handle, 4096)
        except OSError:
            return b""  # the terminal is gone

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._handle, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._handle)


@contextmanager
def _echo(shown: bool) -> Iterator[None]:
    """Turn the terminal's echo of typed text on or off."""
    if shown:
        yield
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    _restore_terminal(handle, silent)
    try:
        yield
    finally:
        _restore_terminal(handle, before)
        terminal.say("")


def _restore_terminal(handle: int, attributes: list[Any]) -> None:
    """Change the terminal at once, without waiting for pending output and without being stopped by SIGTTOU."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        termios.tcsetattr(handle, termios.TCSANOW, attributes)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

"""Interrupts: on a signal or a lost reader, end runs cleanly, or suspend them where they wait for a person."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from retake_flow.cli import output, terminal
from retake_flow.errors import StoreError
from retake_flow.run.errors import Fenced

if TYPE_CHECKING:
    from retake_flow.engine.driver.runner import Runner

#: Includes a limit of processor time, an alarm set by the caller, and a machine or container that loses its power.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU, signal.SIGALRM, signal.SIGPWR)
#: A second one of these kills the run. A terminal that goes away may send SIGHUP twice.
_INSISTENT = (signal.SIGINT, signal.SIGTERM)
#: Ignored, since each would end the process abruptly by default.
_MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO)


def not_ignored(numbers: Iterable[signal.Signals] = _ENDING) -> list[signal.Signals]:
    """The signals among these that were not ignored at the start of the program, as nohup ignores SIGHUP."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


class Interrupts:
    """Passes interrupts on to runs; before there is a run, they cancel the preparation.

    The first interrupt ends runs cleanly. A second SIGINT or SIGTERM kills them; SIGQUIT kills them at once.

    Args:
        hands_over: Whether SIGTERM leaves the runs to other processes, each as it is.

    Attributes:
        count: The number of interrupts so far.
    """

    def __init__(self, *, hands_over: bool = False) -> None:
        self.count = 0
        self._hands_over = hands_over
        self._reason = ""
        self._left = ""  # the signal that left the runs to other processes
        self._insisted = False
        self._runners: list[Runner] = []
        self._noted: list[str] = []
        self._task: asyncio.Task[object] | None = None
        self._handled: list[signal.Signals] = []

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._handled = not_ignored((*_ENDING, signal.SIGQUIT, *_MEANINGLESS))
        for number in self._handled:
            loop.add_signal_handler(number, self._on_signal, number)
        if (out := output.standard()) is not None:
            out.tell_trouble(lambda *trouble: loop.call_soon_threadsafe(self._output_lost, *trouble))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (out := output.standard()) is not None:
            out.tell_trouble(None)
        for number in self._handled:
            asyncio.get_running_loop().remove_signal_handler(number)
        if kind is asyncio.CancelledError and self.count:
            raise KeyboardInterrupt from None

    def of(self, runner: Runner) -> None:
        """Interrupt this run too from now on."""
        self._runners.append(runner)
        for message in self._noted:
            _note(runner, message)
        # It starts late and missed the first interrupt.
        if self._left:
            _leave(runner, self._left)
        elif self.count:
            _end_in_order(runner, self._reason)

    def interrupt(self, reason: str) -> None:
        """End the driven runs cleanly. A second call has no effect."""
        self.count += 1
        if self.count == 1:
            self._reason = reason
            self._each(lambda runner: _end_in_order(runner, reason))

    def _leave_to_others(self, name: str) -> None:
        self.count += 1
        self._left = name
        self._each(lambda runner: _leave(runner, name))

    def _each(self, act: Callable[[Runner], None]) -> None:
        """Act on each run; before there is one, cancel its preparation."""
        if not self._runners and self._task is not None:
            self._task.cancel()
        for runner in self._going():
            act(runner)

    def _on_signal(self, number: signal.Signals) -> None:
        name = "SIGINT (Ctrl-C)" if number is signal.SIGINT else number.name
        if number in _MEANINGLESS:
            return terminal.advise(f"retake-flow: {name} has no effect on a run, which continues")
        if self._hands_over and number is signal.SIGTERM:
            return self._leave_to_others(name)
        kills = number is signal.SIGQUIT or (number in _INSISTENT and self._insisted)
        self._insisted |= number in _INSISTENT
        if kills:
            for runner in self._going():
                runner.kill(f"killed by {name}")
        return self.interrupt(f"interrupted by {name}")

    def _output_lost(self, reason: str, gone: bool) -> None:
        """Handle unwritable standard output. In the foreground, a lost reader ends the run."""
        # A caller that has SIGHUP ignored wants the run to outlive it.
        ends = gone and signal.SIGHUP in not_ignored()
        terminal.advise(
            f"retake-flow: {reason}; {'the runs of this process end cleanly' if ends else 'the run continues'}"
        )
        if ends:
            self.interrupt(reason)
            return
        self._noted.append(reason)
        for runner in self._going():
            _note(runner, reason)

    def _going(self) -> list[Runner]:
        return [runner for runner in self._runners if not runner.over]


def _leave(runner: Runner, name: str) -> None:
    if runner.is_parked:
        runner.suspend(f"interrupted by {name}")
    else:
        runner.hand_over(f"asked by {name}")


def _end_in_order(runner: Runner, reason: str) -> None:
    if runner.is_parked:
        runner.suspend(reason)  # the run is kept for the answer; nothing needs to be stopped
    else:
        runner.stop(reason)


def _note(runner: Runner, message: str) -> None:
    with suppress(StoreError, Fenced):  # the driver of the run meets the same error and reports it
        runner.note("output_failed", message=message)

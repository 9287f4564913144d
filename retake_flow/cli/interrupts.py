"""Ctrl-C and SIGTERM: the first stops a run in order, or suspends it where it waits for a person; the second kills."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Self

from retake_flow.engine.runner import Runner

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Passes interruptions on to a run; before there is one, they cancel what is being prepared.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._runners: list[Runner] = []
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        if kind is asyncio.CancelledError and self.count:
            raise KeyboardInterrupt from None

    def of(self, runner: Runner) -> None:
        """From now on, interruptions are for this run too."""
        self._runners.append(runner)
        if self.count:  # it comes late, and has not heard of the first one
            _end_in_order(runner)

    def interrupt(self) -> None:
        """Interrupt, as Ctrl-C does."""
        self.count += 1
        if not self._runners and self._task is not None:
            self._task.cancel()
        for runner in self._runners:
            if runner.over:
                continue
            if self.count > 1:
                runner.kill()
            else:
                _end_in_order(runner)


def _end_in_order(runner: Runner) -> None:
    if runner.parked:
        runner.suspend()  # it is kept for whoever answers; nothing runs that would have to be stopped
    else:
        runner.stop("interrupted")

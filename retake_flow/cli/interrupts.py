"""Ctrl-C and SIGTERM: the first stops the run in order, the second kills it."""

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
        self._runner: Runner | None = None
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        if kind is asyncio.CancelledError and self.count:
            raise KeyboardInterrupt from None

    def of(self, runner: Runner) -> None:
        """From now on, interruptions are for this run."""
        self._runner = runner

    def _interrupt(self) -> None:
        self.count += 1
        if self._runner is not None and not self._runner.over:
            if self.count == 1:
                self._runner.stop("interrupted")
            else:
                self._runner.kill()
        elif self._runner is None and self._task is not None:
            self._task.cancel()

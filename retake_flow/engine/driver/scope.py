"""Tasks of one active state: they end when the state is left, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Scope:
    """Owns the tasks of one state.

    `broken` is called with the unexpected error that ended a task.
    """

    def __init__(self, broken: Callable[[BaseException], None]) -> None:
        self._broken = broken
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task until it ends or the scope is closed."""
        self._tasks = [task for task in self._tasks if not task.done()]
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._broken(error)

    async def close(self) -> None:
        """Cancel and await every task, newest first, so that each ends before those it depends on.

        A cancellation that arrives meanwhile is passed on at once to all tasks. Each is still awaited, so that a
        task that is ending a program can finish.
        """
        interrupted = False
        while self._tasks:
            task = self._tasks[-1]
            task.remove_done_callback(self._on_done)  # an error while it ends does not block the rest
            task.cancel()
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                interrupted = True
                for other in self._tasks:
                    other.cancel()
            if task.done():
                self._tasks.remove(task)
        if interrupted:
            raise asyncio.CancelledError

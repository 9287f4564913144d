"""Tasks: work in the background that ends with the work it belongs to, and threads for work that blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")

_STEP: Final = 0.25  # seconds


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks, and wait until they have ended, in whatever way."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, A], name: str) -> AsyncIterator[asyncio.Task[A]]:
    """A task that runs as long as the context; how it ends is for the caller to see."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        await end(task)


@asynccontextmanager
async def first_of(
    one: Awaitable[A], other: Awaitable[B], within: float | None = None
) -> AsyncIterator[tuple[asyncio.Future[A], asyncio.Future[B]]]:
    """Two tasks of which at least one has ended, unless `within` seconds have elapsed; the context ends both."""
    first, second = asyncio.ensure_future(one), asyncio.ensure_future(other)
    limits = [] if within is None else [asyncio.ensure_future(elapse(within))]
    try:
        await asyncio.wait({first, second, *limits}, return_when=asyncio.FIRST_COMPLETED)
        yield first, second
    finally:
        await end(first, second, *limits)


async def elapse(seconds: float) -> None:
    """Wait for some seconds, counted in steps: while the whole machine stands still, no more than one goes by."""
    while seconds > 0:
        await asyncio.sleep(min(seconds, _STEP))
        seconds -= _STEP


class TimeLimit:
    """Lets a timeout expire after some seconds, counted in steps as by `elapse`.

    Attributes:
        left: How many seconds are left.
    """

    def __init__(self, seconds: float, timeout: asyncio.Timeout) -> None:
        self.left = seconds
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(min(seconds, _STEP), self._take_step)

    def _take_step(self) -> None:
        self.left -= _STEP
        if self.left > 0:
            self._next = self._loop.call_later(min(self.left, _STEP), self._take_step)
        else:
            self._timeout.reschedule(self._loop.time())

    def end(self) -> None:
        """Count no more."""
        self._next.cancel()


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[TimeLimit]:
    """Raise TimeoutError if the context takes longer than some seconds, counted as by a `TimeLimit`.

    Leaving it waits for nothing, so that no cancellation can come between the context's end and its result.
    """
    async with asyncio.timeout(None) as timeout:
        limit = TimeLimit(seconds, timeout)
        try:
            yield limit
        finally:
            limit.end()


class Scope:
    """Tasks that end together, the newest first, such as those of an active state.

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


async def run_in_thread(work: Callable[[], A], name: str) -> A:
    """Run a function in a thread of its own and return its result, or raise its exception.

    A caller that stops waiting leaves it running. The process does not wait for it at its end either, unlike for the
    threads of asyncio's executor.

    Args:
        work: The function.
        name: The name of the thread.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[A] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop may have ended first
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())

    def perform() -> None:
        try:
            tell(partial(done.set_result, work()))
        except BaseException as raised:
            tell(partial(done.set_exception, raised))

    threading.Thread(target=perform, name=name, daemon=True).start()
    return await done

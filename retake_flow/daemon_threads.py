"""Daemon threads: run blocking work without holding up the event loop or the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T], name: str) -> T:
    """Run a function in a thread of its own and return its result, or raise its exception.

    A caller that stops waiting leaves it running. The process does not wait for it at its end either, unlike for the
    threads of asyncio's executor.

    Args:
        work: The function.
        name: The name of the thread.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

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

"""An event loop whose time jumps to the next timer, so that hours on air pass in milliseconds.

Everything that uses asyncio's own time (sleep, timeouts, `loop.time()`) runs unchanged and deterministically.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: When every virtual run begins: 2026-01-01T00:00:00Z, in seconds since the epoch.
EPOCH = 1_767_225_600.0


class Deadlock(RuntimeError):
    """Everything waits, and nothing will ever happen."""


class _Selector(selectors.DefaultSelector):
    """Never waits for input: where the loop would wait for a timer, its time jumps there."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Deadlock("everything waits, and nothing will ever happen")
            self.loop.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; real sockets and processes have no place in it."""

    def __init__(self) -> None:
        self._now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += max(0.0, seconds)


class VirtualClock:
    """The engine's clock on a virtual loop."""

    def now(self) -> float:
        """Seconds since the epoch, on the virtual calendar."""
        return EPOCH + asyncio.get_event_loop().time()

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due`."""
        await asyncio.sleep(max(0.0, due - self.now()))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time.

    Raises:
        Deadlock: It waits for something that will never happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)

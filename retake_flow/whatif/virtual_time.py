"""Event loops whose time jumps to the next timer, so hours on air pass in milliseconds.

Everything that uses asyncio's own time (sleep, timeouts, `loop.time()`) runs unchanged and deterministically.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from math import inf, ulp
from typing import Any, TypeVar

T = TypeVar("T")

#: When every virtual run begins: 2026-01-01T00:00:00Z, in seconds since the epoch.
EPOCH = 1_767_225_600.0
#: A timer due less than this (seconds) after a time counts as due then: times are shown in milliseconds.
GRAIN = 0.0005
_NANOSECOND = 1e-9


class Deadlock(RuntimeError):
    """Everything waits, and nothing will ever happen."""


class _Selector(selectors.DefaultSelector):
    """Never waits for input: it calls `idle` where the loop would wait."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self.loop.idle(inf if timeout is None else timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, without real sockets and processes."""

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
        self._pass_to(self._now + max(0.0, seconds))

    def _pass_to(self, time: float) -> None:
        self._now = time
        # After half a year, asyncio's nanosecond is lost in rounding, and a timer that is due would never come.
        self._clock_resolution = max(_NANOSECOND, 2 * ulp(time))

    def idle(self, seconds: float) -> None:
        """Let seconds pass in which nothing can happen.

        Raises:
            Deadlock: Nothing will ever happen.
        """
        if seconds == inf:
            raise Deadlock("everything waits, and nothing can happen any more")
        self.advance(seconds)


class SteppedLoop(VirtualLoop):
    """A virtual loop that returns control when nothing more can happen before a given time."""

    def __init__(self) -> None:
        super().__init__()
        self._until = 0.0

    def run_until(self, time: float) -> None:
        """Run everything that can happen up to a virtual time, and advance to it."""
        self._until = time
        self.run_forever()

    def idle(self, seconds: float) -> None:
        """Let seconds pass in which nothing can happen, or stop if they go beyond the given time."""
        if self._now + seconds - self._until < GRAIN:
            self.advance(seconds)
        else:
            self._pass_to(max(self._now, self._until))
            self.stop()


class VirtualClock:
    """The engine's clock on a virtual loop. Nobody sets the wall clock there."""

    ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch, on the virtual calendar."""
        return EPOCH + asyncio.get_event_loop().time()

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due`."""
        await asyncio.sleep(max(0.0, due - self.now()))


class SteppedClock(VirtualClock):
    """The engine's clock on a stepped loop, even while the loop is stopped.

    Attributes:
        pauses: When each task wakes up (seconds since the epoch), by its name.
    """

    def __init__(self, loop: SteppedLoop) -> None:
        self.pauses: dict[str, float] = {}
        self._loop = loop

    def now(self) -> float:
        """Seconds since the epoch, on the virtual calendar."""
        return EPOCH + self._loop.time()

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due`."""
        task = asyncio.current_task()
        name = "" if task is None else task.get_name()
        self.pauses[name] = due
        try:
            await super().sleep_until(due)
        finally:
            self.pauses.pop(name, None)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time.

    Raises:
        Deadlock: It waits for something that will never happen.
    """
    results: list[T] = []

    async def keep() -> None:
        results.append(await work)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(keep())  # asyncio formats what a task returns, and drops the text: of a whole journal, that is slow
    return results[0]

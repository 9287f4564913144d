"""First paint: lets pictures of the display wait for a page that is about to be painted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import Final

#: The seconds within which a page shows a change: updates are 0.1 s apart, and painting takes a few frames.
SETTLES: Final = 0.2
#: The longest wait for a page that changes all the time, in seconds.
LONGEST: Final = 2.0


class FirstPaint:
    """Knows whether a page is being opened, and when it changed last."""

    def __init__(self) -> None:
        self._painted = asyncio.Event()
        self._painted.set()
        self._changed_at = -inf

    @property
    def pending(self) -> bool:
        """Whether a page is being opened."""
        return not self._painted.is_set()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Count a page as being opened for as long as the context lasts."""
        self._painted.clear()
        try:
            yield
        finally:
            self._painted.set()
            self.changes()

    def changes(self) -> None:
        """Record that the page changes now."""
        self._changed_at = asyncio.get_running_loop().time()

    async def wait(self, seconds: float) -> None:
        """Wait until a page that is being opened is painted and has settled, but at most `seconds`."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._painted.wait()
        latest = loop.time() + min(seconds, LONGEST)
        while (left := min(self._changed_at + SETTLES, latest) - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

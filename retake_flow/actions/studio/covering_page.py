"""Covering page: a web page over the content, for as long as an operator wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from retake_flow.backoff import Backoff
from retake_flow.errors import InputError, RetakeFlowError
from retake_flow.ports.actions import Service

_AGAIN: Final = Backoff(2.0, cap=30.0)

Opening = Callable[[str], AbstractAsyncContextManager[Service]]


class CoveringPage:
    """A page over the content; open it with `covering`.

    Args:
        opening: Opens the page of an address.
        tell: Is told of each failure once.
    """

    def __init__(self, opening: Opening, tell: Callable[[str], None]) -> None:
        self._opening = opening
        self._tell = tell
        self._url = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()

    def show(self, url: str) -> None:
        """Show the page of an address in place of the present one; "" for none."""
        if url == self._url:
            return
        self._url, earlier = url, tuple(self._tasks)
        if url:
            task = asyncio.create_task(self._keep(url, earlier), name="covering page")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            _cancel(earlier)

    async def close(self) -> None:
        """Remove the page."""
        tasks = tuple(self._tasks)
        _cancel(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, url: str, earlier: tuple[asyncio.Task[None], ...]) -> None:
        """Show a page until cancelled, again whenever it fails; what was shown earlier stays until then."""
        failures = 0
        while True:
            try:
                async with self._opening(url) as page:
                    _cancel(earlier)
                    failures, reason = 0, await page.wait()
            except InputError as error:
                return self._report(error.message)
            except RetakeFlowError as error:
                reason = error.message
            finally:
                _cancel(earlier)
            self._report(reason)
            failures += 1
            await asyncio.sleep(_AGAIN.wait(failures))

    def _report(self, reason: str) -> None:
        message = f"The page over the content is not shown: {reason}"
        if message not in self._told:
            self._told.add(message)
            self._tell(message)


@asynccontextmanager
async def covering(opening: Opening, tell: Callable[[str], None]) -> AsyncIterator[CoveringPage]:
    """A page over the content, none at first; it is gone when the context is left."""
    page = CoveringPage(opening, tell)
    try:
        yield page
    finally:
        await page.close()


def _cancel(tasks: tuple[asyncio.Task[None], ...]) -> None:
    for task in tasks:
        task.cancel()

"""Presenter: passes the feed's state to the page whenever it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from retake_flow.errors import RetakeFlowError
from retake_flow.stage.feed import Feed
from retake_flow.tasks import beside

#: The shortest time between two updates, in seconds.
PACE: Final = 0.1
#: The seconds after which a page that was not reached gets the state again.
AGAIN: Final = 2.0

Update = Callable[[Mapping[str, Any]], Awaitable[None]]


@asynccontextmanager
async def presenting(
    feed: Feed, update: Update, now: Callable[[], float], changed: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Keep a page in step with the feed's state. A page that fails changes nothing for the run.

    `changed` is called whenever the feed has changed, before the page does.
    """
    news = asyncio.Event()

    def announce() -> None:
        changed()
        news.set()

    feed.changed = announce
    try:
        async with beside(_present(feed, update, now, news), "stage"):
            yield
    finally:
        feed.changed = lambda: None


async def _present(feed: Feed, update: Update, now: Callable[[], float], news: asyncio.Event) -> None:
    while True:
        news.clear()
        due = feed.due(now())
        try:
            await update(feed.state(now()))
        except RetakeFlowError:
            due = now() + AGAIN
        await asyncio.sleep(PACE)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - now())):
                await news.wait()
        except TimeoutError:
            pass

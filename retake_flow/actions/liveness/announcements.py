"""Announcements: signs other than the stream status that a push is live, for when polling is not due or not allowed.

There are two such signs, and neither is certain to come: the real-time event of a started session, and the list of live
agents. Either may come when the session opens, long before it is live; then it proves nothing and is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext

from retake_flow.actions.liveness.liveness import Push
from retake_flow.api.realtime.events import SESSION_STARTED, live_room
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.responders import OpenRealtime

_PATIENCE = 1.0  # seconds for an answer


@asynccontextmanager
async def watch_announcements(
    push: Push,
    user_id: str,
    listed: Callable[[], Awaitable[bool]],
    moments: Callable[[], Iterable[float]],
    realtime: OpenRealtime | None,
) -> AsyncIterator[None]:
    """Watch for signs that a push is live; the watching ends when this context is left.

    Args:
        push: The push that is notified.
        user_id: The streaming agent.
        listed: Asks whether the agent is on the list of live agents.
        moments: Gives, after the first frames, the times to ask, in the loop's time.
        realtime: Receives the platform's real-time events.
    """
    watching = asyncio.create_task(_watch(push, user_id, listed, moments, realtime), name="announcements")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(
    push: Push,
    user_id: str,
    listed: Callable[[], Awaitable[bool]],
    moments: Callable[[], Iterable[float]],
    realtime: OpenRealtime | None,
) -> None:
    async with realtime(lambda: [live_room(user_id)], _Listener(push)) if realtime else nullcontext():
        await _ask(push, listed, moments)
        await push.shown.wait()


async def _ask(push: Push, listed: Callable[[], Awaitable[bool]], moments: Callable[[], Iterable[float]]) -> None:
    if await _answer(listed) is not False:
        return  # the list shows every open session, or cannot be fetched
    await push.sends.wait()
    for at in moments():
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        if push.shown.is_set():
            return
        if await _answer(listed):
            push.listed = True
            push.announced.set()
            return


async def _answer(listed: Callable[[], Awaitable[bool]]) -> bool | None:
    """Whether the agent is listed; None if unknown."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await listed()
    except (RetakeFlowError, TimeoutError):
        return None


class _Listener:
    """Receives the event of a started session; a `retake_flow.ports.responders.EventListener`."""

    def __init__(self, push: Push) -> None:
        self._push = push

    def on_connected(self) -> None:
        """Events arrive from now on."""

    def on_lost(self, reason: str) -> None:
        """Events no longer arrive; the stream status is polled all the same."""

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """Handle an event; a session that started before there was video is not live yet."""
        if event == SESSION_STARTED and self._push.sends.is_set():
            self._push.announced.set()

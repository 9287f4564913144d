"""Announcements: what besides the stream status shows that a push is live, while nobody knows when to look or may look.

Two may tell, and neither is sure to: the real-time event of a session that has started, and the list of who is live.
Either may come when the session is opened, long before it is live; then it tells nothing, and is not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext

from retake_flow.actions.liveness.liveness import Push
from retake_flow.api.realtime.events import SESSION_STARTED, live_room
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.realtime import OpenRealtime

_PATIENCE = 1.0  # seconds for an answer


@asynccontextmanager
async def watched(
    push: Push,
    user_id: str,
    listed: Callable[[], Awaitable[bool]],
    moments: Callable[[], Iterable[float]],
    realtime: OpenRealtime | None,
) -> AsyncIterator[None]:
    """Watch for whatever tells that a push is live; nothing of it goes on when this is left.

    Args:
        push: Is told.
        user_id: Who streams.
        listed: Asks whether they are among those who are live.
        moments: Tells after the first frames when to ask, in the loop's time.
        realtime: Hears what the platform tells in real time.
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
    async with realtime(lambda: [live_room(user_id)], _Hearer(push)) if realtime else nullcontext():
        await _ask(push, listed, moments)
        await push.shown.wait()


async def _ask(push: Push, listed: Callable[[], Awaitable[bool]], moments: Callable[[], Iterable[float]]) -> None:
    if await _answer(listed) is not False:
        return  # it lists whoever has opened a session, or cannot be asked
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
    """Whether the agent is listed; None when nobody says."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await listed()
    except (RetakeFlowError, TimeoutError):
        return None


class _Hearer:
    """Hears that a session has started; a `retake_flow.ports.realtime.Hearer`."""

    def __init__(self, push: Push) -> None:
        self._push = push

    def connected(self) -> None:
        """What happens is heard from now on."""

    def lost(self, reason: str) -> None:
        """Nothing is heard; the stream status is looked at all the same."""

    def happened(self, event: str, payload: Sequence[object]) -> None:
        """A session that has started before there was video is not live yet."""
        if event == SESSION_STARTED and self._push.sends.is_set():
            self._push.announced.set()

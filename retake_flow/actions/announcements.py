"""Announcements: what besides the stream status shows that a push is live, for an agent whose lag nobody knows yet.

Two may tell, and neither is sure to: the real-time event of a session that has started, and the list of who is live.
Either may come when the session is opened, long before it is live; then it tells nothing, and is not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext

from retake_flow.actions.liveness import Push
from retake_flow.api.happenings import SESSION_STARTED, live_room
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.realtime import OpenRealtime

#: When the list is asked for, in seconds after the first frames; once the lag is known, never again.
ASKED_AT = (0.4, 1.2, 2.0)
_PATIENCE = 1.0  # seconds for an answer
_SOON = 0.3  # seconds before the first look, when an answer would come too late


@asynccontextmanager
async def watched(
    push: Push, user_id: str, listed: Callable[[], Awaitable[bool]], look_at: float, realtime: OpenRealtime | None
) -> AsyncIterator[None]:
    """Watch for whatever tells that a push is live; nothing of it goes on when this is left.

    Args:
        push: Is told.
        user_id: Who streams.
        listed: Asks whether they are among those who are live.
        look_at: When the stream status is looked at in any case, in the loop's time.
        realtime: Hears what the platform tells in real time.
    """
    watching = asyncio.create_task(_watch(push, user_id, listed, look_at, realtime), name="announcements")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(
    push: Push, user_id: str, listed: Callable[[], Awaitable[bool]], look_at: float, realtime: OpenRealtime | None
) -> None:
    async with realtime(lambda: [live_room(user_id)], _Hearer(push)) if realtime else nullcontext():
        await _ask(push, listed, look_at)
        await push.shown.wait()


async def _ask(push: Push, listed: Callable[[], Awaitable[bool]], look_at: float) -> None:
    if await _answer(listed) is not False:
        return  # it lists whoever has opened a session, or cannot be asked
    await push.sends.wait()
    for after in ASKED_AT:
        at = push.sent_at + after
        if at > look_at - _SOON or push.shown.is_set():
            return
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        if await _answer(listed):
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

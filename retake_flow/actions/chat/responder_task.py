"""Responder task: asks a responder without waiting, so that chat is read while it works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from retake_flow.backoff import Backoff
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.responders import Answer, Batch, Responder
from retake_flow.tasks import end

_AGAIN = Backoff(2.0, cap=60.0)  # between two requests to a failing responder
_REPORTED_AGAIN = 600.0  # seconds after which the same trouble is reported again


class ResponderTask:
    """Asks a responder about one batch at a time, and waits longer after each failure in a row.

    Args:
        kept: The result of `snapshot`; empty before the first request.
        scope: How long the responder is used.
        wake: Called when an answer arrives while nothing waits for it.

    Attributes:
        batch: The last batch that it was asked about.
    """

    def __init__(self, kept: Mapping[str, Any], scope: AsyncExitStack, wake: Callable[[], None] = lambda: None) -> None:
        self.batch = Batch(())
        self._failures: int = kept.get("failures", 0)
        self._trouble: str = kept.get("trouble", "")  # the last one reported; "" after an answer
        self._troubled: float = kept.get("troubled", 0.0)  # when that was reported
        self._scope = scope
        self._wake = wake
        self._responder: Responder | None = None
        self._thinking: asyncio.Task[Answer] | None = None

    def snapshot(self) -> dict[str, Any]:
        """How it fares, as plain data."""
        return {"failures": self._failures, "trouble": self._trouble, "troubled": self._troubled}

    @property
    def thinks(self) -> bool:
        """Whether the responder was asked and its answer was not yet taken."""
        return self._thinking is not None

    async def open(self, choose: Callable[[], AbstractAsyncContextManager[Responder]]) -> None:
        """Start the responder, unless it is started."""
        if self._responder is None:
            self._responder = await self._scope.enter_async_context(choose())
            self._scope.push_async_callback(self._close)

    async def ask(self, batch: Batch, within: float | None) -> Answer | None:
        """Ask about a batch, unless the responder still works on the last one.

        It waits `within` seconds for the answer; with None, until it arrives.

        Returns:
            The answer to the batch in `batch`; None while the responder works on it.

        Raises:
            RetakeFlowError: The responder failed to answer that batch.
        """
        if self._thinking is None:
            assert self._responder is not None
            self.batch = batch
            self._thinking = asyncio.create_task(self._responder.respond(batch), name="responder")
        await asyncio.wait({self._thinking}, timeout=within)
        if not self._thinking.done():
            self._thinking.remove_done_callback(self._on_answer)
            self._thinking.add_done_callback(self._on_answer)
            return None
        thought, self._thinking = self._thinking, None
        return thought.result()

    def succeed(self) -> None:
        """Note that an answer was taken."""
        self._failures, self._trouble = 0, ""

    def fail(self, error: RetakeFlowError, now: float) -> tuple[float, bool]:
        """Note that the responder failed.

        Returns:
            Until when it is not asked, in seconds since the epoch; and whether the trouble is new, or was last reported
            long ago.
        """
        self._failures += 1
        new = error.message != self._trouble or now - self._troubled >= _REPORTED_AGAIN
        if new:
            self._trouble, self._troubled = error.message, now
        return now + _AGAIN.wait(self._failures, error.retry_after), new

    async def _close(self) -> None:
        """Abandon any answer still to come."""
        if self._thinking is not None:
            self._thinking.remove_done_callback(self._on_answer)
            await end(self._thinking)

    def _on_answer(self, _: asyncio.Task[Answer]) -> None:
        self._wake()

"""Responder task: asks a responder without waiting, so that chat is read while it works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from retake_flow.ports.responders import Answer, Batch, Responder


class Asking:
    """Asks a responder about one batch at a time.

    Attributes:
        asked: The last batch that it was asked about.
    """

    def __init__(self, responder: Responder, wake: Callable[[], None] = lambda: None) -> None:
        self._responder = responder
        self._wake = wake
        self.asked = Batch(())
        self._thinking: asyncio.Task[Answer] | None = None

    @classmethod
    async def opened(
        cls,
        responder: AbstractAsyncContextManager[Responder],
        scope: AsyncExitStack,
        wake: Callable[[], None] = lambda: None,
    ) -> Asking:
        """Start with a responder, which is closed with the scope.

        Args:
            responder: The responder.
            scope: How long the responder is used.
            wake: Called when an answer arrives that nobody waited for.
        """
        asking = cls(await scope.enter_async_context(responder), wake)
        scope.push_async_callback(asking.close)
        return asking

    @property
    def thinks(self) -> bool:
        """Whether the responder was asked and its answer was not yet taken."""
        return self._thinking is not None

    async def about(self, batch: Batch, within: float | None) -> Answer | None:
        """Ask about a batch, unless the responder still works on the last one.

        Args:
            batch: The new messages.
            within: How long to wait for the answer, in seconds; None to wait until it arrives.

        Returns:
            The answer to the batch in `asked`; None while the responder works on it.

        Raises:
            RetakeFlowError: The responder failed to answer that batch.
        """
        if self._thinking is None:
            self.asked = batch
            self._thinking = asyncio.create_task(self._responder.respond(batch), name="responder")
        await asyncio.wait({self._thinking}, timeout=within)
        if not self._thinking.done():
            self._thinking.remove_done_callback(self._answered)
            self._thinking.add_done_callback(self._answered)
            return None
        thought, self._thinking = self._thinking, None
        return thought.result()

    async def close(self) -> None:
        """Abandon any answer still to come."""
        if self._thinking is not None:
            self._thinking.remove_done_callback(self._answered)
            self._thinking.cancel()
            await asyncio.gather(self._thinking, return_exceptions=True)

    def _answered(self, _: asyncio.Task[Answer]) -> None:
        self._wake()

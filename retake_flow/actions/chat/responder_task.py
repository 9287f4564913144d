"""Asking a responder without waiting for it: chat is read on while it thinks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from retake_flow.ports.responders import Answer, Batch, Responder


class Asking:
    """Asks a responder about one batch at a time.

    Attributes:
        asked: What it was asked about last.
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
        """Begin with a responder, which ends when the scope is closed.

        Args:
            responder: Who is to answer.
            scope: For how long.
            wake: Called when there is an answer that nobody waited for.
        """
        asking = cls(await scope.enter_async_context(responder), wake)
        scope.push_async_callback(asking.close)
        return asking

    @property
    def thinks(self) -> bool:
        """Whether it has been asked and its answer was not taken."""
        return self._thinking is not None

    async def about(self, batch: Batch, within: float | None) -> Answer | None:
        """Ask about a batch, unless the responder still thinks about the last one.

        Args:
            batch: What is new.
            within: How long to wait for the answer, in seconds; None to wait until it comes.

        Returns:
            The answer to the batch in `asked`; None as long as the responder thinks about it.

        Raises:
            RetakeFlowError: It has no answer to that batch.
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
        """Want no answer any more."""
        if self._thinking is not None:
            self._thinking.remove_done_callback(self._answered)
            self._thinking.cancel()
            await asyncio.gather(self._thinking, return_exceptions=True)

    def _answered(self, _: asyncio.Task[Answer]) -> None:
        self._wake()

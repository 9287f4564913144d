"""Time limits: ends a try that takes longer than its `retry` allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager

from retake_flow.errors import TimedOut
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.flow.duration import exact
from retake_flow.ports.actions import ActionRunner, Call, Completion
from retake_flow.ports.services import Service


class Limited:
    """An action runner that ends each try after the time its call allows.

    Args:
        actions: Performs the actions.
        catalogue: The actions; one that must not be done twice is not retried after it was ended.
    """

    def __init__(self, actions: ActionRunner, catalogue: Catalogue) -> None:
        self._actions = actions
        self._catalogue = catalogue

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        with self._named(call) as limit:
            async with limit:
                return await self._actions.perform(call)

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task that was in progress when its process died was done."""
        return await self._actions.verify(call)

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service, which has to become ready in time."""
        return self._actions.serve(call) if call.per_try is None else self._served(call)

    @asynccontextmanager
    async def _served(self, call: Call) -> AsyncIterator[Service]:
        async with AsyncExitStack() as stack:
            with self._named(call) as limit:
                async with limit:
                    running = await stack.enter_async_context(self._actions.serve(call))
            yield running

    @contextmanager
    def _named(self, call: Call) -> Iterator[asyncio.Timeout]:
        """The limit of a call, whose end is an error of ours."""
        limit = asyncio.timeout(call.per_try)
        try:
            yield limit
        except TimeoutError:
            if call.per_try is None or not limit.expired():
                raise
            error = TimedOut(f"{call.do} was ended after {exact(call.per_try)}")
            spec = self._catalogue.get(call.do)
            error.unsure = spec is None or spec.idempotency is not Idempotency.SAFE
            raise error from None

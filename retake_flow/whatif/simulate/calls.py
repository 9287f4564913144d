"""Simulated actions: each waits until the script or its mock says how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

from retake_flow.errors import InDoubt
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.ports.actions import Call, Clock, Completion
from retake_flow.whatif.simulate.mocks import EXITED, Mocks, Reply

Kind = Literal["action", "task", "service", "undo"]


class WaitingCall:
    """A call that has not ended.

    Attributes:
        due: When its mock ends it, in seconds since the epoch; None if only the script can end it.
    """

    def __init__(self, call: Call, spec: ActionSpec, kind: Kind, *, ready: bool = False) -> None:
        self.call = call
        self.spec = spec
        self.kind = kind
        self.ready = ready
        self.due: float | None = None
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def end(self, reply: Reply) -> None:
        """End the call with this result."""
        if not self._reply.done():
            self._reply.set_result(reply)

    async def wait(self) -> Reply:
        """Wait until it ends."""
        return await self._reply


class Calls:
    """The actions of a simulation.

    Attributes:
        waiting: The calls that have not ended, in the order in which they began.
    """

    def __init__(self, catalogue: Catalogue, mocks: Mocks, clock: Clock) -> None:
        self.waiting: list[WaitingCall] = []
        self._catalogue = catalogue
        self._mocks = mocks
        self._clock = clock

    async def perform(self, call: Call) -> Completion:
        """Wait until the call ends."""
        undo = call.key.endswith("/undo")
        kind: Kind = "undo" if undo else "task" if ":" in call.place else "action"
        reply = await self._begin(call, kind, self._mocks.next(call, undo=undo))
        return reply.completion(self._catalogue[call.do])

    async def verify(self, call: Call) -> Completion | None:
        """Report nothing about other processes: a simulation has none."""
        raise InDoubt(f"it is not known whether {call.do} was done")

    @asynccontextmanager
    async def serve(self, call: Call) -> AsyncIterator[_SimulatedService]:
        """Wait until the service is ready; it then runs until the script or its mock ends it."""
        reply = await self._begin(call, "service", self._mocks.next(call, undo=False))
        spec = self._catalogue[call.do]
        value = reply.completion(spec).value
        reason = reply.reason or "its mock ended it"
        end = None if reply.exits is None else Reply(EXITED, reason=reason, after=reply.exits)
        yield _SimulatedService(value, partial(self._until_end, WaitingCall(call, spec, "service", ready=True), end))

    async def _begin(self, call: Call, kind: Kind, mocked: Reply | None) -> Reply:
        if mocked is not None and not mocked.after:
            return mocked
        return await self._until_end(WaitingCall(call, self._catalogue[call.do], kind), mocked)

    async def _until_end(self, waiting: WaitingCall, mocked: Reply | None) -> Reply:
        """Wait until a call ends, at the latest when its mock ends it."""
        loop = asyncio.get_running_loop()
        timer = None if mocked is None else loop.call_later(mocked.after, waiting.end, mocked)
        waiting.due = None if mocked is None else self._clock.now() + mocked.after
        self.waiting.append(waiting)
        try:
            return await waiting.wait()
        finally:
            self.waiting.remove(waiting)
            if timer is not None:
                timer.cancel()


class _SimulatedService:
    """A service that is ready."""

    def __init__(self, value: Mapping[str, Any], until_end: Callable[[], Awaitable[Reply]]) -> None:
        self.value = value
        self._until_end = until_end

    async def wait(self) -> str:
        """Wait until the script or its mock ends it; return the reason."""
        return (await self._until_end()).reason or "the script ended it"

"""Guarded actions: ends tries that take too long, and leaves defects that repeat to a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from retake_flow.engine.driver.execute import STEADY, as_our_error
from retake_flow.errors import LastingDefect, RetakeFlowError, TimedOut
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.flow.duration import exact
from retake_flow.ports.actions import ActionRunner, Call, Clock, Completion, Service
from retake_flow.spans import Value, span

#: How many times in a row the same defect may occur before retrying is left to a person.
MOST: Final = 3


class GuardedActions:
    """An action runner that ends each try in time and raises only our errors.

    A defect that repeats in one place becomes a `LastingDefect`.
    """

    def __init__(self, actions: ActionRunner, clock: Clock, catalogue: Catalogue) -> None:
        self._actions = actions
        self._clock = clock
        self._catalogue = catalogue
        self._in_a_row: dict[str, tuple[str, int]] = {}

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        # The rounds of an activity go on for hours: each has a trace of its own.
        apart = call.scope is not None and call.attempt > 1
        about: dict[str, Value] = {"retake_flow.place": call.place, "retake_flow.attempt": call.attempt}
        with span(call.do, about, apart=apart) as traced:
            try:
                async with self._time_limit(call):
                    done = await self._actions.perform(call)
            except Exception as raised:
                raise self._error(raised, call) from raised
            traced.set("retake_flow.outcome", done.outcome)
        self._forget(call)
        return done

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task that was in progress when its process died was done."""
        try:
            return await self._actions.verify(call)
        except Exception as raised:
            raise self._error(raised, call) from raised

    @asynccontextmanager
    async def serve(self, call: Call) -> AsyncIterator[Service]:
        """Start a service, which has to become ready in time; after running for a while it has no defects in a row."""
        ready_at: float | None = None
        try:
            async with AsyncExitStack() as stack:
                async with self._time_limit(call):
                    running = await stack.enter_async_context(self._actions.serve(call))
                ready_at = self._clock.now()
                yield running
        except Exception as raised:
            if ready_at is not None and self._clock.now() - ready_at >= STEADY:
                self._forget(call)
            raise self._error(raised, call) from raised

    @asynccontextmanager
    async def _time_limit(self, call: Call) -> AsyncIterator[None]:
        """Time out after the longest time of one try of this call."""
        try:
            async with asyncio.timeout(call.per_try) as limit:
                yield
        except TimeoutError:
            if call.per_try is None or not limit.expired():
                raise
            error = TimedOut(f"{call.do} was ended after {exact(call.per_try)}")
            spec = self._catalogue.get(call.do)
            error.unsure = spec is None or spec.idempotency is not Idempotency.SAFE
            raise error from None

    def _error(self, raised: Exception, call: Call) -> RetakeFlowError:
        """The error to report for an exception; bugs are counted."""
        error = as_our_error(raised, call.do)
        if error is raised or error.fault != "program":
            self._forget(call)
            return error
        what = type(raised).__name__
        before, times = self._in_a_row.get(call.place, ("", 0))
        times = times + 1 if what == before else 1
        self._in_a_row[call.place] = what, times
        if times < MOST:
            return error
        lasting = LastingDefect(f"{error.message}, {times} times in a row")
        if times == MOST:
            call.note("notice", kind="defect", message=f"{call.place}: {lasting.message} ({lasting.hint})")
        return lasting

    def _forget(self, call: Call) -> None:
        self._in_a_row.pop(call.place, None)

"""Defects: counts unexpected errors of actions, and leaves those that repeat to a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from retake_flow.engine.driver.execute import STEADY, known
from retake_flow.errors import LastingDefect, RetakeFlowError
from retake_flow.ports.actions import ActionRunner, Call, Completion
from retake_flow.ports.clock import Clock
from retake_flow.ports.services import Service
from retake_flow.spans import span

#: How many times in a row the same defect may occur before retrying is left to a person.
MOST: Final = 3


class Watched:
    """An action runner that raises only our errors; a defect that repeats in one place becomes a `LastingDefect`.

    Args:
        actions: Performs the actions.
        clock: Gives the time.
    """

    def __init__(self, actions: ActionRunner, clock: Clock) -> None:
        self._actions = actions
        self._clock = clock
        self._in_a_row: dict[str, tuple[str, int]] = {}

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        # The rounds of an activity go on for hours: each has a trace of its own.
        apart = call.scope is not None and call.attempt > 1
        with span(
            call.do, {"retake_flow.place": call.place, "retake_flow.attempt": call.attempt}, apart=apart
        ) as traced:
            try:
                done = await self._actions.perform(call)
            except Exception as raised:
                raise self._judged(raised, call) from raised
            traced.set("retake_flow.outcome", done.outcome)
        self._forget(call)
        return done

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task that was in progress when its process died was done."""
        try:
            return await self._actions.verify(call)
        except Exception as raised:
            raise self._judged(raised, call) from raised

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service; one that has run for a while resets its count of defects."""
        return self._served(call)

    @asynccontextmanager
    async def _served(self, call: Call) -> AsyncIterator[Service]:
        ready_at: float | None = None
        try:
            async with self._actions.serve(call) as running:
                ready_at = self._clock.now()
                yield running
        except Exception as raised:
            if ready_at is not None and self._clock.now() - ready_at >= STEADY:
                self._forget(call)
            raise self._judged(raised, call) from raised

    def _judged(self, raised: Exception, call: Call) -> RetakeFlowError:
        error = known(raised, call.do)
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

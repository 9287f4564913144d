"""Compensation: performs the undo of a state within a time limit and never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from retake_flow.engine.driver.execute import performed
from retake_flow.errors import RetakeFlowError
from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.retry import Retry
from retake_flow.ports.actions import ActionRunner, Call, Completion
from retake_flow.ports.clock import Clock
from retake_flow.run.run import PendingUndo

#: The longest that one undo may take with all its retries, in seconds; the person who ends a stream waits for it.
UNDO_WITHIN = 75.0


async def perform(
    undo: PendingUndo,
    run: str,
    actions: ActionRunner,
    note: Callable[..., None],
    catalogue: Catalogue,
    clock: Clock,
) -> dict[str, Any]:
    """Perform an undo. Every error is retried, even one that only a person can fix, since nobody is asked.

    Args:
        undo: The undo that is owed.
        run: The id of the run.
        actions: Performs it.
        note: Writes records while it runs.
        catalogue: Says how it is retried.
        clock: Gives the time.

    Returns:
        How it ended, as fields of a record. A failed undo must not hide why the scope was left or block the next
        undo, so nothing is raised.
    """
    spec = catalogue.get(undo.do)
    retry = None if spec is None else spec.retry
    call = Call(run, undo.state, 1, undo.do, undo.inputs, {}, f"{run}/{undo.state}/undo", note)
    try:
        async with asyncio.timeout(UNDO_WITHIN):
            done = await _tried(call, actions, retry, clock)
    except TimeoutError:
        done = _TookTooLong(f"{undo.do} took longer than {UNDO_WITHIN:g} s")
    if isinstance(done, Completion):
        return {"outcome": done.outcome, "result": done.value}
    return {"outcome": f"error.{done.kind}", "message": done.message}


class _TookTooLong(RetakeFlowError):
    """An undo did not end in its time."""

    kind = "timeout"


async def _tried(call: Call, actions: ActionRunner, retry: Retry | None, clock: Clock) -> Completion | RetakeFlowError:
    until = clock.now() + UNDO_WITHIN
    while True:
        done = await performed(call, actions)
        wait = None if isinstance(done, Completion) else _wait(retry, done, call.attempt)
        if isinstance(done, Completion) or wait is None or clock.now() + wait > until:
            return done
        about = {"kind": done.kind, "message": done.message, "hint": done.hint}
        call.note("error", place=call.place, **about, failures=call.attempt)
        await clock.sleep_until(clock.now() + wait)
        call = replace(call, attempt=call.attempt + 1)


def _wait(retry: Retry | None, error: RetakeFlowError, failures: int) -> float | None:
    if retry is None or error.unsure or not retry.covers(failures, error.kind):
        return None
    return retry.wait(failures, error.retry_after)

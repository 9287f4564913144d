"""Taking back what a state did, within a time, whatever comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from retake_flow.engine.performance import known
from retake_flow.ports.actions import ActionRunner, Call
from retake_flow.run.run import PendingUndo

#: How long one undo may take, in seconds: longer than the longest `Retry-After` that a call waits for.
UNDO_WITHIN = 75.0


async def perform(undo: PendingUndo, run: str, actions: ActionRunner, note: Callable[..., None]) -> dict[str, Any]:
    """Perform an undo.

    Args:
        undo: What is owed.
        run: The id of the run.
        actions: Performs it.
        note: Writes records while it is under way.

    Returns:
        How it ended, as fields of a record. An undo that fails must not hide why the scope was left, nor keep the next
        one from its turn, so nothing is raised.
    """
    call = Call(run, undo.state, 1, undo.do, undo.inputs, {}, f"{run}/{undo.state}/undo", note)
    try:
        async with asyncio.timeout(UNDO_WITHIN):
            done = await actions.perform(call)
    except TimeoutError:
        return {"outcome": "error.timeout", "message": "it took too long"}
    except Exception as raised:
        error = known(raised, undo.do)
        return {"outcome": f"error.{error.kind}", "message": error.message}
    return {"outcome": done.outcome, "result": done.value}

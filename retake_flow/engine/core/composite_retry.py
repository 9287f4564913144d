"""Retries of states that contain states: after an error that nothing inside routes, the state is entered anew."""

from __future__ import annotations

import random
from typing import Final

from retake_flow.engine.core.draft import Draft
from retake_flow.flow.event_names import RETRY, matches
from retake_flow.flow.model import CompositeState, State
from retake_flow.flow.transitions import Route
from retake_flow.run.commands import Note
from retake_flow.run.run import Retried

#: Errors that never pass by themselves, or whose work may have been done.
_LASTING: Final = ("interrupted", "expression")


def schedule(draft: Draft, name: str, origin: str, route: Route | None) -> bool:
    """Let a state retry after an error, before its own routes are asked; returns whether one does.

    Args:
        draft: The run.
        name: The name of the error's event.
        origin: The path of the state whose own event it is; "" is the innermost active one.
        route: The route that would take it.
    """
    kind = name.removeprefix("error.")
    if not matches("error", name) or kind in _LASTING or not draft.may_retry:
        return False
    for state in draft.flow.around(origin or draft.run.state):
        if schedule_state(draft, state, kind):
            return True
        if route is not None and state.path == route.source:
            return False
    return False


def schedule_state(draft: Draft, state: State, kind: str) -> bool:
    """Let a state retry after an error of a kind that occurred inside; returns whether it does."""
    run = draft.run
    retry = draft.retry(state.retry, state.root) if isinstance(state, CompositeState) else None
    if retry is None:
        return False
    if (state.path, RETRY) in run.timers:
        return True
    before = run.retries.get(state.path, Retried(0, draft.now))
    spread = random.Random(f"{run.id}/{state.path}/{run.visits[state.path]}").random()
    wait = retry.wait(before.times + 1, None, spread)
    late = retry.within is not None and draft.now + wait > before.since + retry.within
    if late or not retry.covers(before.times + 1, kind):
        return False
    run.retries = {**run.retries, state.path: Retried(before.times + 1, before.since)}
    draft.start_timer(state.path, RETRY, wait)
    fields = {"state": state.path, "after": round(wait, 3), "failures": before.times + 1}
    draft.commands.append(Note("retry_scheduled", fields))
    return True

"""Timers that are not a state's own: retries of composites, delayed events, and timeouts that are extended.

A state that contains states is retried by a timer: when it fires, a route leads from the state to itself. A delayed
event has a timer at the state with which it is dropped. The event `extend`, which every flow takes, moves timers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from retake_flow.engine.core.draft import Draft
from retake_flow.errors import ExpressionError
from retake_flow.flow import duration
from retake_flow.flow.fields import Declared
from retake_flow.flow.model import CompositeState, Flow, State
from retake_flow.flow.names import RETRY, matches
from retake_flow.flow.state_parts import Raise, Route
from retake_flow.run.commands import Note
from retake_flow.run.run import Delayed, MutableRun, Retried, Run

#: Errors that are never temporary, or whose work may have been done.
_LASTING: Final = ("interrupted", "expression")


def schedule_retry(draft: Draft, name: str, origin: str, route: Route | None) -> bool:
    """Let a state retry after an error, before its own routes are asked; returns whether one does.

    `name` is the event of the error, `origin` the path of the state whose own event it is ("" is the innermost active
    one), and `route` the one that would take it.
    """
    kind = name.removeprefix("error.")
    if not matches("error", name) or kind in _LASTING or not draft.may_retry:
        return False
    for state in draft.flow.around(origin or draft.run.state):
        if schedule_retry_of(draft, state, kind):
            return True
        if route is not None and state.path == route.source:
            return False
    return False


def schedule_retry_of(draft: Draft, state: State, kind: str) -> bool:
    """Let a state retry after an error of a kind that occurred inside; returns whether it does."""
    run = draft.run
    retry = draft.retry(state.retry, state.root) if isinstance(state, CompositeState) else None
    if retry is None:
        return False
    if (state.path, RETRY) in run.timers:
        return True
    before = run.retries.get(state.path, Retried(0, draft.now))
    spread = random.Random(f"{run.id}/{state.path}/{run.visits[state.path]}").random()
    wait = retry.next_wait(before.times + 1, kind, draft.now, before.since, spread=spread)
    if wait is None:
        return False
    run.retries = {**run.retries, state.path: Retried(before.times + 1, before.since)}
    draft.start_timer(state.path, RETRY, wait)
    fields = {"state": state.path, "after": round(wait, 3), "failures": before.times + 1}
    draft.commands.append(Note("retry_scheduled", fields))
    return True


_RAISE = "raise."  # and a number: the purposes of their timers


def raise_event(draft: Draft, each: Raise, root: str, place: str) -> None:
    """Raise an event: at once, or after its delay unless the state at its scope, or else at `place`, is left before."""
    data = draft.fill(each.data, root)
    if each.after is None:
        draft.signal({"source": each.source, **data}, (each.event, ""))
        return
    place = place if each.scope is None else each.scope
    purpose = next(name for n in count(1) if (place, name := f"{_RAISE}{n}") not in draft.run.timers)
    draft.run.delayed = {**draft.run.delayed, (place, purpose): Delayed(each.event, data, each.source)}
    draft.start_timer(place, purpose, draft.seconds(each.after, root))


def raise_due_event(draft: Draft, place: str, purpose: str) -> bool:
    """Raise the event whose timer has fired; returns whether the timer was for one."""
    due = draft.run.delayed.get((place, purpose))
    if due is not None:
        _drop(draft, (place, purpose))
        draft.signal({"source": due.source, **due.data}, (due.event, ""))
    return due is not None


def cancel_event(draft: Draft, event: str) -> None:
    """Drop every event of a name that has not come yet."""
    for at in [at for at, delayed in draft.run.delayed.items() if delayed.event == event]:
        draft.forget_timers(at[0], (at[1],))
        _drop(draft, at)


def _drop(draft: Draft, at: tuple[str, str]) -> None:
    draft.run.delayed = {other: delayed for other, delayed in draft.run.delayed.items() if other != at}


EXTEND: Final = "extend"
EXTEND_FIELDS: Final[Declared] = {
    "by": {"type": "string", "format": "duration", "description": "How much longer, such as 30m."},
    "state": {
        "type": "string",
        "default": "",
        "description": "The state that lasts longer; by default the outermost one with a timeout.",
    },
}


def is_extension(flow: Flow, event: str) -> bool:
    """Whether an event means this one; a flow may declare one of its own with this name."""
    return event == EXTEND and EXTEND not in flow.events


def extended_state(flow: Flow, run: Run | MutableRun, data: Mapping[str, Any]) -> str:
    """The path of the active state whose timeout is meant; "" if there is none."""
    named = data.get("state") or ""
    limited = (state for state in flow.around(run.state) if state.timeout is not None)
    fitting = [state.path for state in limited if (state.path, "timeout") in run.timers]
    return next((path for path in reversed(fitting) if path == named or not named or path.endswith(f"/{named}")), "")


def extend(draft: Draft, data: Mapping[str, Any]) -> None:
    """Let the timeout of a state come later, and with it the delayed events that its entry has raised.

    Raises:
        ExpressionError: `by` is no duration, or the timeout would be more than ten years ahead.
    """
    path, by = extended_state(draft.flow, draft.run, data), draft.seconds(data.get("by", ""), "")
    if not path:
        draft.commands.append(Note("ignored", {"name": EXTEND, "state": draft.run.state}))
        return
    if draft.run.timers[path, "timeout"] + by > draft.now + duration.LONGEST:
        raise ExpressionError(f"the timeout of {path} would be more than ten years ahead")
    along = {each.event for effect in draft.flow.states[path].entry for each in effect.raises}
    later = [at for at, delayed in draft.run.delayed.items() if at[0] == path and delayed.event in along]
    for _, purpose in ((path, "timeout"), *later):
        draft.set_timer(path, purpose, draft.run.timers[path, purpose] + by)
    draft.commands.append(Note("extended", {"state": path, "by": by}))

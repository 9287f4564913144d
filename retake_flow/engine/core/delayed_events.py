"""Delayed events: those that the flow raises for later, each with a timer at the state with which it is dropped."""

from __future__ import annotations

from itertools import count

from retake_flow.engine.core.draft import Draft
from retake_flow.flow.transitions import Raise
from retake_flow.run.run import Delayed

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


def raise_due(draft: Draft, place: str, purpose: str) -> bool:
    """Raise the event whose timer has fired; returns whether the timer was for one."""
    due = draft.run.delayed.get((place, purpose))
    if due is not None:
        _drop(draft, (place, purpose))
        draft.signal({"source": due.source, **due.data}, (due.event, ""))
    return due is not None


def cancel(draft: Draft, event: str) -> None:
    """Drop every event of a name that has not come yet."""
    for at in [at for at, delayed in draft.run.delayed.items() if delayed.event == event]:
        draft.forget_timers(at[0], (at[1],))
        _drop(draft, at)


def _drop(draft: Draft, at: tuple[str, str]) -> None:
    draft.run.delayed = {other: delayed for other, delayed in draft.run.delayed.items() if other != at}

"""Extends the time of a state while it is active: the event `extend`, which every flow takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.engine.core.draft import Draft
from retake_flow.flow.fields import Declared
from retake_flow.flow.model import Flow
from retake_flow.run.commands import Note
from retake_flow.run.run import MutableRun, Run

EXTEND: Final = "extend"
FIELDS: Final[Declared] = {
    "by": {"type": "string", "format": "duration", "description": "How much longer, such as 30m."},
    "state": {
        "type": "string",
        "default": "",
        "description": "The state that lasts longer; by default the outermost one with a timeout.",
    },
}


def is_meant(flow: Flow, event: str) -> bool:
    """Whether an event means this one; a flow may declare one of its own with this name."""
    return event == EXTEND and EXTEND not in flow.events


def place(flow: Flow, run: Run | MutableRun, data: Mapping[str, Any]) -> str:
    """The path of the active state whose timeout is meant; "" if there is none."""
    named = data.get("state") or ""
    limited = (state for state in flow.around(run.state) if state.timeout is not None)
    fitting = [state.path for state in limited if (state.path, "timeout") in run.timers]
    return next((path for path in reversed(fitting) if path == named or not named or path.endswith(f"/{named}")), "")


def extend(draft: Draft, data: Mapping[str, Any]) -> None:
    """Let the timeout of a state come later, and with it the delayed events that its entry has raised.

    Raises:
        ExpressionError: What is given as `by` is no duration.
    """
    path, by = place(draft.flow, draft.run, data), draft.seconds(data.get("by", ""), "")
    if not path:
        draft.commands.append(Note("ignored", {"name": EXTEND, "state": draft.run.state}))
        return
    along = {each.event for effect in draft.flow.states[path].entry for each in effect.raises}
    later = [at for at, delayed in draft.run.delayed.items() if at[0] == path and delayed.event in along]
    for _, purpose in ((path, "timeout"), *later):
        draft.set_timer(path, purpose, draft.run.timers[path, purpose] + by)
    draft.commands.append(Note("extended", {"state": path, "by": by}))

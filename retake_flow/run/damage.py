"""Finds damage: places of a run that its own flow does not have."""

from __future__ import annotations

from retake_flow.flow.model import Flow
from retake_flow.run.run import Run


def missing_places(run: Run, flow: Flow) -> list[str]:
    """The places of a run that are missing from its original flow, which means that its snapshot is damaged."""
    states = [run.state, *run.locals, *run.history, *run.history.values(), *(gate.place for gate in run.gates.values())]
    states += [place for place, _ in (*run.timers, *run.delayed)]
    states += [place for undo in (*run.undos, *run.undoing) for place in (undo.scope, undo.state)]
    found = [place for place in states if place and place.partition(":")[0] not in flow.states]
    return found + [key for key in run.activities if key not in {activity.key for activity in flow.activities()}]

"""Run trace: the current state of a stored run and the path that led there, for a diagram."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retake_flow.flow.diagram.diagram import Step, Trace
from retake_flow.flow.load.load import load_stored as flow_of
from retake_flow.flow.model import Flow
from retake_flow.flow.names import parent
from retake_flow.flow.text.bundle import parse
from retake_flow.ports.runs import Runs
from retake_flow.run.records import Record


def trace_of_run(store: Runs, run: str) -> tuple[Flow, Trace]:
    """The flow that a run began with, and the current state of the run in it.

    Raises:
        RunUnknown: No run has this id.
        StoreError: The flow can no longer be read.
    """
    stored = store.load(run)
    flow, now = flow_of(parse(stored.flow_text)), stored.run
    way = Way(record for _, record in store.journal(run))
    steps = tuple(step for step in way.steps if step.path in flow.states)
    asked = frozenset(opened.gate.place for opened in store.open_gates(run))
    active = frozenset(state.path for state in flow.around(now.state))
    said = f"{now.id}: {now.outcome or now.phase.value}" + (f" in {now.state}" if now.state else "")
    return flow, Trace(active, dict(now.visits), steps, asked, said)


def data(trace: Trace) -> dict[str, Any]:
    """The trace as data for programs."""
    return {
        "active": sorted(trace.active),
        "visits": dict(trace.visits),
        "way": [step.path for step in trace.way],
        "asked": sorted(trace.asked),
    }


class Way:
    """The innermost states of a run so far, back to the point where one would repeat.

    Attributes:
        steps: The steps, the oldest first.
        moves: Each step that led to another one, and that one, once for each pair of states; also of earlier rounds.
    """

    def __init__(self, journal: Iterable[Record] = ()) -> None:
        self.steps: list[Step] = []
        self.moves: dict[tuple[str, str], tuple[Step, Step]] = {}
        self._newest = ("", "")  # the move that the last step added
        self._happened: frozenset[str] = frozenset()
        for record in journal:
            self.note(record)

    def note(self, record: Record) -> None:
        """Take the next record."""
        if record["event"] != "state_entered":
            self._happened |= _names(record)
            return
        path = str(record.get("state", ""))
        if self.steps and self.steps[-1].path == parent(path):
            self._happened |= self.steps.pop().after
            self.moves.pop(self._newest, None)
        again = next((number for number, step in enumerate(self.steps) if step.path == path), -1)
        step, before = Step(path, self._happened), self.steps[-1:]
        self._newest = (before[0].path if before else "", path)
        if before and self._newest not in self.moves:
            self.moves[self._newest] = before[0], step
        else:
            self._newest = ("", "")
        self.steps = [*self.steps[again + 1 :], step]
        self._happened = frozenset()


def _names(record: Record) -> frozenset[str]:
    """The names in a record, as routes use them."""
    if record["event"] == "stop_requested":
        return frozenset({"stop"})
    names = {str(record[key]) for key in ("outcome", "purpose", "decision", "name") if record.get(key)}
    activity = str(record.get("activity", "")).partition(":")[2]
    return frozenset({f"{activity}.{name}" for name in names} if activity else names)

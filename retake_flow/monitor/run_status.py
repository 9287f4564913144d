"""Run status: the snapshot of a stored run and everything that belongs to it, read at one moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from retake_flow.monitor.run_text import gate_data, holder_data, not_driven
from retake_flow.ports.runs import OpenGate, Runs, Stored
from retake_flow.run.figures import Figures
from retake_flow.run.records import Record, masked, record_to_run_time, timestamp
from retake_flow.run.run import PendingUndo, Run
from retake_flow.run.vitals import Vitals
from retake_flow.wiring.children import Child, find_marked
from retake_flow.wiring.storing import load_with_driver


@dataclass(frozen=True)
class RunStatus:
    """A run with its open questions, journal and programs.

    Attributes:
        stored: The run as it was last written.
        asked: The unanswered questions, the oldest first.
        answered: The ids of answered gates that the run has not noticed yet.
        journal: Its records, the oldest first.
        driven: Whether a process drives it.
        children: Its living programs.
        figures: The state and the figures of its stream, up to its last record.
        now: The time of reading, in seconds since the epoch.
    """

    stored: Stored
    asked: list[OpenGate]
    answered: list[str]
    journal: list[Record]
    driven: bool
    children: list[Child]
    figures: Figures
    now: float

    @property
    def run(self) -> Run:
        """The snapshot."""
        return self.stored.run

    @property
    def steady(self) -> float:
        """The run's own time at the time of reading."""
        return self.now + self.run.ahead

    @property
    def entry_record(self) -> Record | None:
        """The record of entry into the run's present state, if there is one."""
        for record in reversed(self.journal):
            if record["event"] == "state_entered" and record.get("state") == self.run.state:
                return record
        return None

    @property
    def age_of_state(self) -> float:
        """For how many seconds the run has been in its state, if the journal says so; else 0."""
        return 0.0 if self.entry_record is None else self.steady - record_to_run_time(self.entry_record)

    @property
    def timers(self) -> list[tuple[tuple[str, str], float]]:
        """The timers and when they are due, the next first; none once the run has ended."""
        return [] if self.run.ended else sorted(self.run.timers.items(), key=lambda item: item[1])

    @property
    def vitals(self) -> Vitals:
        """The vitals of the stream."""
        return self.figures.vitals

    @property
    def scene(self) -> str:
        """The scene that viewers see; "" without one."""
        return self.figures.scenes.visible(self.steady) if self.driven else ""

    def data(self, last: int) -> dict[str, Any]:
        """The whole status as JSON data, with the last records of the journal."""
        run, stored = self.run, self.stored
        found: dict[str, Any] = masked(
            {
                "run": run.id,
                "flow": run.flow,
                "flow_file": stored.flow_file,
                "digest": run.digest,
                "agent": stored.agent,
                "account": {
                    "user_db_id": run.identity.user_db_id,
                    "source": run.identity.source,
                    "platform": run.identity.platform,
                },
                "phase": run.phase.value,
                "state": run.state,
                "since": None if self.entry_record is None else self.entry_record["t"],
                "outcome": run.outcome,
                "reason": run.reason,
                "epoch": stored.epoch,
                "holder": holder_data(stored.holder),
                "created": timestamp(stored.created),
                "updated": timestamp(stored.updated),
                "rehearsal": run.rehearsal or None,
                "inputs": run.inputs,
                "vars": run.vars,
                "outputs": run.outputs,
                "stats": run.stats.figures(self.now),
                "visits": run.visits,
                "scene": self.scene or None,
                "health": self.vitals.data(self.steady),
                "gates": [gate_data(asked) for asked in self.asked],
                "answered": self.answered,
                "timers": [{"state": at, "purpose": why, "due": timestamp(due)} for (at, why), due in self.timers],
                "activities": {key: {"work": one.work.value, "value": one.value} for key, one in _running(run)},
                "undos": [_undo(undo) for undo in (*run.undoing, *reversed(run.undos))],
                "children": [
                    {"pid": one.pid, "name": one.name, "started": timestamp(one.started)} for one in self.children
                ],
                "records": len(self.journal),
                "journal": self.journal[-last:],
            }
        )
        return found


def run_status(store: Runs, run: str) -> RunStatus:
    """The status of a run.

    Raises:
        RunUnknown: No run has this id.
    """
    stored, driven = load_with_driver(store, run)
    asked = store.open_gates(run)
    waiting = {one.gate.id for one in asked}
    answered = [] if stored.run.ended else [gate for gate in stored.run.gates if gate not in waiting]
    journal, figures = store.journal(run), stored.figures
    figures.count(journal)
    if not (stored.run.ended or driven):
        figures.vitals.note(not_driven(run, stored.holder))
    records = [record for _, record in journal]
    return RunStatus(stored, asked, answered, records, driven, find_marked(run), figures, time.time())


def _running(run: Run) -> list[tuple[str, Any]]:
    return [] if run.ended else list(run.activities.items())


def _undo(undo: PendingUndo) -> dict[str, Any]:
    return {"scope": undo.scope, "state": undo.state, "action": undo.do}

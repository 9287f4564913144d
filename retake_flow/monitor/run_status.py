"""Run status: the snapshot of a stored run and everything that belongs to it, read at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.monitor.following import Following
from retake_flow.monitor.run_text import gate_data, holder_data
from retake_flow.ports.runs import ReadableRuns
from retake_flow.run.records import Record, masked, record_to_run_time, timestamp
from retake_flow.run.run import ActivityState, PendingUndo
from retake_flow.wiring.children import find_marked


class RunStatus(Following):
    """A run with its whole journal and its programs.

    Attributes:
        journal: Its records, the oldest first.
        children: Its living programs.

    Raises:
        RunUnknown: No run has this id.
    """

    def __init__(self, store: ReadableRuns, run: str) -> None:
        super().__init__(store, run, after=0)
        self.journal = list(self.records.values())
        self.children = find_marked(run)
        if not (self.stored.run.has_ended or self.driven):
            self.figures.vitals.note(self.undriven)

    @property
    def answered(self) -> list[str]:
        """The ids of answered gates that the run has not noticed yet."""
        run, waiting = self.stored.run, {one.gate.id for one in self.gates}
        return [] if run.has_ended else [gate for gate in run.gates if gate not in waiting]

    @property
    def entry_record(self) -> Record | None:
        """The record of entry into the run's present state, if there is one."""
        for record in reversed(self.journal):
            if record["event"] == "state_entered" and record.get("state") == self.stored.run.state:
                return record
        return None

    @property
    def age_of_state(self) -> float:
        """For how many seconds the run has been in its state, if the journal says so; else 0."""
        return 0.0 if self.entry_record is None else self.now - record_to_run_time(self.entry_record)

    @property
    def timers(self) -> list[tuple[tuple[str, str], float]]:
        """The timers and when they are due, the next first; none once the run has ended."""
        run = self.stored.run
        return [] if run.has_ended else sorted(run.timers.items(), key=lambda item: item[1])

    @property
    def activities(self) -> Mapping[str, ActivityState]:
        """Its activities; none once the run has ended."""
        return {} if self.stored.run.has_ended else self.stored.run.activities

    def data(self, last: int) -> dict[str, Any]:
        """The whole status as JSON data, with the last records of the journal."""
        run, stored = self.stored.run, self.stored
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
                "stats": self.stats,
                "visits": run.visits,
                "scene": self.scene or None,
                "health": self.figures.vitals.data(self.now),
                "gates": [gate_data(asked) for asked in self.gates],
                "answered": self.answered,
                "timers": [{"state": at, "purpose": why, "due": timestamp(due)} for (at, why), due in self.timers],
                "activities": {
                    key: {"work": one.work.value, "value": one.value} for key, one in self.activities.items()
                },
                "undos": [_undo(undo) for undo in (*run.undoing, *reversed(run.undos))],
                "children": [
                    {"pid": one.pid, "name": one.name, "started": timestamp(one.started)} for one in self.children
                ],
                "records": len(self.journal),
                "journal": self.journal[-last:],
            }
        )
        return found


def _undo(undo: PendingUndo) -> dict[str, Any]:
    return {"scope": undo.scope, "state": undo.state, "action": undo.do}

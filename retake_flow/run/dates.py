"""Dates: converts the steady times of a run to the wall clock and back.

The two differ only if the wall clock was set while a process drove the run, by the run's `ahead` seconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from retake_flow.run.gates import Gate
from retake_flow.run.records import Record, timestamp
from retake_flow.run.run import Run


def to_stored(run: Run, ahead: float) -> Run:
    """A run in its stored form: due times are in wall clock time, which other processes use."""
    return run if ahead == run.ahead == 0.0 else replace(_shift(run, -ahead), ahead=ahead)


def from_stored(run: Run) -> Run:
    """A run in its driver's form, from the result of `to_stored`."""
    return _shift(run, run.ahead) if run.ahead else run


def record_to_stored(record: Record, ahead: float) -> Record:
    """A record in its stored form, from one with times of the run."""
    if not ahead:
        return record
    found = {**_gate(record, ahead), "t": timestamp(_seconds(record["t"]) - ahead), "ahead": ahead}
    if "gates" in record:
        found["gates"] = [_gate(gate, ahead) for gate in record["gates"]]
    return found


def record_to_run_time(record: Record) -> float:
    """The time of a record on the run's own clock, in seconds since the epoch, to measure durations between records."""
    ahead: float = record.get("ahead", 0.0)
    return _seconds(record["t"]) + ahead


def _shift(run: Run, by: float) -> Run:
    attempt = run.attempt
    return replace(
        run,
        timers={at: due + by for at, due in run.timers.items()},
        gates={key: _shift_gate(gate, by) for key, gate in run.gates.items()},
        attempt=None if attempt is None else replace(attempt, since=attempt.since + by),
        stats=run.stats.shift(by),
        retries={path: replace(retried, since=retried.since + by) for path, retried in run.retries.items()},
    )


def _shift_gate(gate: Gate, by: float) -> Gate:
    return replace(gate, opened_at=gate.opened_at + by, due=None if gate.due is None else gate.due + by)


def _gate(gate: dict[str, Any], ahead: float) -> dict[str, Any]:
    return {**gate, "due": timestamp(_seconds(gate["due"]) - ahead)} if gate.get("due") else dict(gate)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

"""Between rows and the words of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, select

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Holder, Summary
from retake_flow.redact import Secret, scrub
from retake_flow.run.codec import plain
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Phase, Run
from retake_flow.store.sql.tables import RUNS

# ASCII only, so that any text, also a lone surrogate, comes back as it was; made once, since making one takes as long
# as writing a small run with it.
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

Columns = dict[str, Any]

#: The columns that each write changes.
PROGRESS = ("phase", "state", "outcome", "reason", "updated")

#: What `summary` takes.
SUMMARY = select(
    *(RUNS.c.id, RUNS.c.flow, RUNS.c.agent, RUNS.c.phase, RUNS.c.state, RUNS.c.outcome, RUNS.c.reason),
    *(RUNS.c.holder_host, RUNS.c.holder_pid, RUNS.c.holder_started, RUNS.c.created, RUNS.c.updated),
    *(RUNS.c.flow_file, RUNS.c.rehearsal),
)


def dumped(data: Any) -> str:
    """JSON data as text."""
    return _JSON.encode(data)


def parsed(text: str) -> Any:
    """The JSON data in a text of ours.

    Raises:
        StoreError: It is damaged.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreError(f"the store is damaged: {error}") from None


def words(value: str) -> str:
    """A text as every database takes it: no lone surrogates, no NUL."""
    return (
        value if value.isascii() and "\0" not in value else value.encode("utf-8", "replace").decode().replace("\0", "")
    )


def progress(run: Run, now: float) -> Columns:
    """The columns of how far a run is (`PROGRESS`), written at `now`."""
    return {
        "phase": run.phase.value,
        "state": words(run.state),
        "outcome": None if run.outcome is None else words(run.outcome),
        "reason": scrub(words(run.reason)),
        "updated": now,
    }


def held_by(holder: Holder | None) -> Columns:
    """The columns of who drives a run."""
    if holder is None:
        return {"holder_host": None, "holder_pid": None, "holder_started": None}
    return {"holder_host": holder.host, "holder_pid": holder.pid, "holder_started": holder.started}


def holder(host: str | None, pid: int, started: float) -> Holder | None:
    """Who drives a run, from its columns."""
    return None if host is None else Holder(host, pid, started)


def summary(row: Sequence[Any], gates: int) -> Summary:
    """A run in one line; `row` is of `SUMMARY`."""
    run, flow, agent, phase, state, outcome, why, host, pid, started, created, updated, file, rehearsal = row
    held = holder(host, pid, started)
    return Summary(run, flow, agent, Phase(phase), state, outcome, why, gates, held, created, updated, file, rehearsal)


def answered(gate: Gate, answer: Answer) -> Columns:
    """The columns of an answer; what nobody may read is apart, to be erased."""
    hidden = gate.secrets_of(answer.decision)
    fields = {name: value for name, value in answer.fields.items() if name not in hidden}
    secrets = {name: _revealed(value) for name, value in answer.fields.items() if name in hidden}
    return {
        "answered": answer.at,
        "answered_by": words(answer.by),
        "channel": words(answer.channel),
        "decision": words(answer.decision),
        "fields": dumped(plain(fields)),
        "secrets": dumped(secrets) if secrets else None,
    }


def answer(row: RowMapping) -> Answer:
    """The answer in a gate's row."""
    secrets = parsed(row["secrets"]) if row["secrets"] is not None else {}
    fields = {**parsed(row["fields"]), **{name: Secret(value) for name, value in secrets.items()}}
    return Answer(row["decision"], fields, row["answered_by"], row["channel"], row["answered"])


def _revealed(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return value if isinstance(value, str) else dumped(value)

"""Rows: converts between database rows and the model of a run."""

from __future__ import annotations

import json
from typing import Any, get_args

from sqlalchemy import RowMapping

from retake_flow.errors import Damaged
from retake_flow.ports.runs import Holder, Request, RequestKind
from retake_flow.redact import Secret, scrub
from retake_flow.run.codec import plain
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Phase, Run
from retake_flow.store import columns
from retake_flow.store.decoding import parse_object
from retake_flow.store.sql.tables import StoreClock

# ASCII only, so that any text, even a lone surrogate, comes back as it was. Created once, since creating an encoder
# takes as long as writing a small run with it.
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

Columns = dict[str, Any]

#: The columns that each write changes.
PROGRESS = ("phase", "state", "outcome", "reason", "updated", "due")


def as_json(data: Any) -> str:
    """JSON data as text."""
    return _JSON.encode(data)


def progress(run: Run, now: float) -> Columns:
    """The columns of a run's progress (`PROGRESS`), written at `now`."""
    return {
        "phase": run.phase.value,
        "state": columns.storable(run.state),
        "outcome": None if run.outcome is None else columns.storable(run.outcome),
        "reason": scrub(columns.storable(run.reason)),
        "updated": now,
        "due": due(run),
    }


def due(run: Run) -> float | None:
    """When the next timer of a suspended run is due; None for a run in another phase."""
    return min(run.timers.values(), default=None) if run.phase is Phase.SUSPENDED else None


def holder_columns(holder: Holder | None, epoch: int | None = None, lease: float = 0.0) -> Columns:
    """The columns of the process that drives a run.

    Args:
        holder: The process; None when there is none.
        epoch: The epoch of its claim.
        lease: For how many seconds it has the run.
    """
    if holder is None:
        none = ("holder_host", "holder_pid", "holder_started", "holder_where", "lease_until", "lease_epoch")
        return dict.fromkeys(none)
    process = {"holder_host": holder.host, "holder_pid": holder.pid, "holder_started": holder.started}
    return {**process, "holder_where": holder.where, "lease_until": StoreClock() + lease, "lease_epoch": epoch}


def request(number: int, what: Any, data: str) -> Request:
    """A request to a run. An unreadable one becomes an event that no flow takes, and so is refused and reported."""
    try:
        if what not in get_args(RequestKind):
            raise Damaged(f"nothing that can be asked: {columns.quote(what)}")
        return Request(what, parse_object(data), number)
    except Damaged as error:
        return Request("event", {"name": f"(damaged: {error.message})", "by": "the store"}, number)


def answer_columns(gate: Gate, answer: Answer) -> Columns:
    """The columns of an answer; its secret fields are apart, so that they can be erased."""
    hidden = gate.secrets_of(answer.decision)
    fields = {name: value for name, value in answer.fields.items() if name not in hidden}
    secrets = {name: _reveal(value) for name, value in answer.fields.items() if name in hidden}
    return {
        "answered": answer.at,
        "answered_by": columns.storable(answer.by),
        "channel": columns.storable(answer.channel),
        "decision": columns.storable(answer.decision),
        "fields": as_json(plain(fields)),
        "secrets": as_json(secrets) if secrets else None,
    }


def answer(row: RowMapping) -> Answer:
    """The answer in a gate's row.

    Raises:
        Damaged: The row cannot be read.
    """
    secrets = parse_object(row["secrets"]) if row["secrets"] is not None else {}
    fields = {
        **parse_object(row["fields"]),
        **{name: Secret(columns.text("secret", value)) for name, value in secrets.items()},
    }
    decision, by, channel = (columns.text(name, row[name]) for name in ("decision", "answered_by", "channel"))
    return Answer(decision, fields, by, channel, columns.time("time", row["answered"]))


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return value if isinstance(value, str) else as_json(value)

"""Rows: converts between database rows and the model of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NoReturn, get_args

from sqlalchemy import RowMapping, select

from retake_flow.errors import Damaged
from retake_flow.ports.runs import Holder, Request, Stored, Wish
from retake_flow.redact import Secret, scrub
from retake_flow.run.codec import decode, decode_gate, plain
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import Record, timestamp
from retake_flow.run.run import LATEST, Run
from retake_flow.store import columns
from retake_flow.store.sql.tables import HOLDER, RUNS, StoreClock

# ASCII only, so that any text, even a lone surrogate, comes back as it was. Created once, since creating an encoder
# takes as long as writing a small run with it.
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

Columns = dict[str, Any]

#: The columns that each write changes.
PROGRESS = ("phase", "state", "outcome", "reason", "updated")

#: The arguments of `columns.summary`.
SUMMARY = select(
    *(RUNS.c.id, RUNS.c.flow, RUNS.c.agent, RUNS.c.phase, RUNS.c.state, RUNS.c.outcome, RUNS.c.reason),
    *(*HOLDER, RUNS.c.created, RUNS.c.updated, RUNS.c.flow_file, RUNS.c.rehearsal),
)


def dumped(data: Any) -> str:
    """JSON data as text."""
    return _JSON.encode(data)


def parsed(text: str) -> Any:
    """The JSON data in a stored text.

    Raises:
        Damaged: The text is not valid.
    """
    if not _is_ours(text):
        raise Damaged(f"no JSON text of ours: {columns.quoted(text)}")
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"no JSON text: {error}") from None


def _is_ours(text: object) -> bool:
    return isinstance(text, str) and text.isascii()


def parsed_object(text: str) -> dict[str, Any]:
    """The JSON object in a stored text.

    Raises:
        Damaged: The text is not valid.
    """
    data = parsed(text)
    if not isinstance(data, dict):
        raise Damaged(f"no JSON object: {columns.quoted(data)}")
    return data


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def words(value: str) -> str:
    """A text that every database accepts: no lone surrogates, no NUL."""
    return (
        value if value.isascii() and "\0" not in value else value.encode("utf-8", "replace").decode().replace("\0", "")
    )


def progress(run: Run, now: float) -> Columns:
    """The columns of a run's progress (`PROGRESS`), written at `now`."""
    return {
        "phase": run.phase.value,
        "state": words(run.state),
        "outcome": None if run.outcome is None else words(run.outcome),
        "reason": scrub(words(run.reason)),
        "updated": now,
    }


def held_by(holder: Holder | None, epoch: int | None = None, lease: float = 0.0) -> Columns:
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


def stored(run: str, row: Sequence[Any]) -> Stored:
    """A run from its snapshot, its columns, its flow text and the flow's name.

    Raises:
        Damaged: A part of the run cannot be read, or is missing.
        StoreError: A newer program wrote the run.
    """
    data, agent, flow_file, digest, text, epoch, created, updated, *held = row
    try:
        snapshot = decode(parsed(data))
        if snapshot.id != run:
            raise Damaged(f"its snapshot is that of {columns.quoted(snapshot.id)}")
        if columns.text("flow", text) and sha256(text.encode()).hexdigest() != digest:
            raise Damaged("the text of its flow is not the one that it began with")
        return Stored(
            snapshot,
            columns.text("agent", agent),
            columns.text("file", flow_file),
            text,
            columns.number("epoch", epoch),
            columns.holder(*held),
            columns.time("beginning", created),
            columns.time("time", updated),
        )
    except Damaged as error:
        raise damaged(run, error) from None


def damaged(run: str, why: Damaged) -> Damaged:
    """The error that a run is damaged, and why."""
    return Damaged(f"the run {run} is damaged: {why.message}")


def record(number: int, data: str) -> Record:
    """A record of a journal; in place of an unreadable one, a record that it is damaged."""
    try:
        found = parsed_object(data)
        if isinstance(found.get("event"), str) and 0 <= _seconds(found) <= LATEST:
            return found
        why = "it has no event and no date"
    except Damaged as error:
        why = error.message
    except (KeyError, TypeError, ValueError, OverflowError):
        why = "it has no date"
    return {"t": timestamp(0), "event": "record_damaged", "number": number, "message": why}


def _seconds(found: Record) -> float:
    ahead: float = found.get("ahead", 0.0)
    return datetime.fromisoformat(found["t"]).timestamp() + ahead


def request(number: int, what: Any, data: str) -> Request:
    """A request to a run. An unreadable one becomes an event that no flow takes, and so is refused and reported."""
    try:
        if what not in get_args(Wish):
            raise Damaged(f"nothing that can be asked: {columns.quoted(what)}")
        return Request(what, parsed_object(data), number)
    except Damaged as error:
        return Request("event", {"name": f"(damaged: {error.message})", "by": "the store"}, number)


def answered(gate: Gate, answer: Answer) -> Columns:
    """The columns of an answer; its secret fields are apart, so that they can be erased."""
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
    """The answer in a gate's row.

    Raises:
        Damaged: The row cannot be read.
    """
    secrets = parsed_object(row["secrets"]) if row["secrets"] is not None else {}
    fields = {
        **parsed_object(row["fields"]),
        **{name: Secret(columns.text("secret", value)) for name, value in secrets.items()},
    }
    decision, by, channel = (columns.text(name, row[name]) for name in ("decision", "answered_by", "channel"))
    return Answer(decision, fields, by, channel, columns.time("time", row["answered"]))


def gate(key: str, data: str) -> Gate:
    """The gate in a row.

    Raises:
        Damaged: The row cannot be read.
    """
    found = decode_gate(parsed(data))
    if found.id != key:
        raise Damaged(f"the question is {columns.quoted(found.id)}")
    return found


def _revealed(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return value if isinstance(value, str) else dumped(value)

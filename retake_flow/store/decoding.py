"""Decoding: reads what a database keeps as text back into runs, records and questions; it needs no driver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, NoReturn

from retake_flow.errors import Damaged, NewerForm
from retake_flow.ports.runs import OpenGate, Stored
from retake_flow.run.codec import decode, from_data
from retake_flow.run.figures import Figures
from retake_flow.run.gates import Gate
from retake_flow.run.records import Record, record_to_run_time, timestamp
from retake_flow.run.run import LATEST
from retake_flow.store import columns

#: The position of a record's event in its text, from 1: its time stands before it, and is as long as any other.
SIGN_AT: Final = len(f'{{"t":"{timestamp(0)}",') + 1


def parse_json(text: object) -> Any:
    """The JSON data in a stored text.

    Raises:
        Damaged: The text is not valid.
    """
    if not (isinstance(text, str) and text.isascii()):
        raise Damaged(f"no JSON text of ours: {columns.quote(text)}")
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"no JSON text: {error}") from None


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in a stored text.

    Raises:
        Damaged: The text is not valid.
    """
    data = parse_json(text)
    if not isinstance(data, dict):
        raise Damaged(f"no JSON object: {columns.quote(data)}")
    return data


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def decode_stored(run: str, row: Sequence[Any]) -> Stored:
    """Decode a run from its snapshot, its figures, its columns, its flow text and the flow's name.

    Raises:
        Damaged: A part of the run cannot be read, or is missing.
        NewerForm: A newer program wrote the run.
    """
    data, figures, agent, flow_file, digest, text, epoch, created, updated, submitted, *held = row
    try:
        snapshot = decode(parse_json(data))
        if snapshot.id != run:
            raise Damaged(f"its snapshot is that of {columns.quote(snapshot.id)}")
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
            load_figures(figures),
            bool(submitted),
        )
    except NewerForm as error:
        raise NewerForm(f"the run {run} cannot be read: {error.message}") from None
    except Damaged as error:
        raise run_damaged(run, error) from None


def load_figures(data: object) -> Figures:
    """The figures that were stored; fresh ones when they are missing or cannot be read."""
    with suppress(Damaged):
        return Figures.load(parse_object(data) if isinstance(data, str) and data else None)
    return Figures()


def sign(event: str) -> str:
    """What stands at `SIGN_AT` in the stored record of an event."""
    return f'"event":{json.dumps(event)}'


def run_damaged(run: str, why: Damaged) -> Damaged:
    """The error that a run is damaged, and why."""
    return Damaged(f"the run {run} is damaged: {why.message}")


def record(number: int, data: str) -> Record:
    """A record of a journal; in place of an unreadable one, a record that it is damaged."""
    try:
        found = parse_object(data)
        if isinstance(found.get("event"), str) and 0 <= record_to_run_time(found) <= LATEST:
            return found
        why = "it has no event and no date"
    except Damaged as error:
        why = error.message
    except (KeyError, TypeError, ValueError, OverflowError):
        why = "it has no date"
    return {"t": timestamp(0), "event": "record_damaged", "number": number, "message": why}


def open_gate(run: str, flow: str, key: str, data: str) -> OpenGate:
    """An open question from its row; a damaged one says so."""
    try:
        return OpenGate(run, columns.text("flow", flow), stored_gate(run, key, data))
    except Damaged as error:
        name = columns.as_text(key)
        unreadable = Gate(name, name.rpartition(".")[0], 0, error.message)
        return OpenGate(run, columns.as_text(flow), unreadable, error.message)


def stored_gate(run: str, key: str, data: str) -> Gate:
    """The question in a row.

    Raises:
        Damaged: The row cannot be read; the error names the run, and says what to do.
    """
    try:
        found: Gate = from_data(Gate, parse_json(data), "gate")
        if found.id != key:
            raise Damaged(f"the question is {columns.quote(found.id)}")
        return found
    except Damaged as error:
        hint = f"`retake-flow resume {run}` writes it anew, as the run knows it"
        raise Damaged(f"the question {columns.as_text(key)} of {run} is damaged: {error.message}", hint=hint) from None

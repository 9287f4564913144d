"""Prompts for gates: the command that answers a question, and its fields, in words for a person."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.flow.fields import is_required
from retake_flow.run.answers import schema
from retake_flow.run.gates import Gate
from retake_flow.run.records import timestamp


def answer_with(run_id: str, gate: Gate, decision: str | None = None) -> str:
    """The command that answers a gate, to copy into a shell, with `…` in place of each value.

    Args:
        run_id: The run that asks.
        gate: The question.
        decision: The decision; the first one when omitted.
    """
    chosen = next(iter(gate.decisions), "") if decision is None else decision
    words = ["retake-flow", "answer", shlex.quote(run_id), shlex.quote(gate.id)]
    if chosen:
        words += ["--decision", shlex.quote(chosen)]
    words += [f"{shlex.quote(name)}=…" for name, schema in gate.fields_of(chosen).items() if is_required(schema)]
    return " ".join(words)


def as_record(run_id: str, gate: Gate) -> dict[str, Any]:
    """A question as it appears in the journal's records."""
    due = {} if gate.due is None else {"due": timestamp(gate.due)}
    return {
        "gate": gate.id,
        "message": gate.message,
        "schema": schema(gate),
        **due,
        "audience": gate.audience,
        "answer_with": answer_with(run_id, gate),
    }


def commands(run_id: str, gate: Gate) -> list[str]:
    """The commands that answer a gate, one per decision."""
    return [answer_with(run_id, gate, decision) for decision in (gate.decisions or [""])]


def describe_fields(fields: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The name of each field with a description of its value: `url`, `text, optional: why`."""
    for name, declared in fields.items():
        yield name, _kind(declared) + _remarks(declared)


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("format") or schema.get("type", "anything")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def _remarks(schema: Mapping[str, Any]) -> str:
    remarks = ""
    if "default" in schema:
        remarks += f", {schema['default']!r} when left out"
    elif not is_required(schema):
        remarks += ", optional"
    if schema.get("secret") is True:
        remarks += ", secret"
    meaning = schema.get("description") or schema.get("title")
    return f"{remarks}: {meaning}" if meaning else remarks

"""Answers to gates: the question as JSON Schema and in words, and validation of the answer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.fields import OURS, Declared, is_required, read
from retake_flow.run.errors import AnswerInvalid
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import timestamp


def schema(gate: Gate) -> dict[str, Any]:
    """The question as JSON Schema; for a gate with decisions, one schema per decision under `decisions`."""
    if gate.decisions:
        return {"decisions": {name: _object(fields) for name, fields in gate.decisions.items()}}
    return _object(gate.fields)


def answer(gate: Gate, given: Mapping[str, Any], *, decision: str, by: str, channel: str, at: float) -> Answer:
    """Validate an answer to the gate; texts are converted to the declared types.

    Args:
        gate: The question.
        given: The fields.
        decision: The named decision; "" if the gate has none or one, or if the fields identify it.
        by: Who answers.
        channel: The channel: `terminal`, `command`, `stdin`, …
        at: The time, in seconds since the epoch.

    Raises:
        AnswerInvalid: It does not fit; the error lists every problem.
    """
    chosen = _check_decision(gate, decision or _decision_of(gate, given))
    found = read(gate.fields_of(chosen), given)
    problems = [f"there is no field {name!r} ({hint})" for name, hint in found.unknown.items()]
    problems += [f"{name} {said}" for name, said in found.unfit.items()]
    problems += [f"{name} is missing" for name in found.missing]
    if problems:
        raise AnswerInvalid("; ".join(problems))
    return Answer(chosen, found.values, by, channel, at)


def _decision_of(gate: Gate, given: Mapping[str, Any]) -> str:
    """The one decision that the fields belong to; "" when they fit none or several."""
    named = [name for name, fields in gate.decisions.items() if given and given.keys() <= fields.keys()]
    if len(named) > 1:
        named = [name for name in named if _fits(gate.decisions[name], given)]
    return named[0] if len(named) == 1 else ""


def _fits(fields: Declared, given: Mapping[str, Any]) -> bool:
    found = read(fields, given)
    return not (found.unfit or found.missing)


def _check_decision(gate: Gate, decision: str) -> str:
    if not gate.decisions:
        if decision:
            raise AnswerInvalid(f"{gate.id} asks for no decision, so {decision!r} cannot be one")
        return ""
    if not decision and len(gate.decisions) == 1:
        return next(iter(gate.decisions))
    if decision not in gate.decisions:
        said = f"{decision!r} is no decision of {gate.id}" if decision else f"{gate.id} asks for a decision"
        raise AnswerInvalid(f"{said} ({did_you_mean(decision, gate.decisions)})")
    return decision


def _object(fields: Declared) -> dict[str, Any]:
    properties = {
        name: {
            **{key: item for key, item in declared.items() if key not in OURS or key in ("default", "format")},
            **({"writeOnly": True} if declared.get("secret") is True else {}),
        }
        for name, declared in fields.items()
    }
    needed = [name for name, declared in fields.items() if is_required(declared)]
    return {"type": "object", "properties": properties, "required": needed}


def answer_with(run_id: str, gate: Gate, decision: str | None = None) -> str:
    """The command that answers a gate, to copy into a shell, with `…` for each value; by default the first decision."""
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


def describe_fields(fields: Declared) -> Iterator[tuple[str, str]]:
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

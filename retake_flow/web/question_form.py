"""Question form: the fields of a question or an event as a form, and the values of a submitted one.

The browser checks nothing that counts: the answer is read by `run.answers`, like every other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retake_flow.flow.fields import Declared, is_required, is_secret
from retake_flow.run.gates import Gate

#: Texts that may be this long get a field of several lines.
_LONG = 120
_ADDRESSES = ("uri", "url", "post")


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        control: The control: `select`, `checkbox`, `textarea`, or a type of `input`.
        value: The initial value, as text.
        options: The values of a `select`.
        limits: Further attributes of the control.
    """

    id: str
    name: str
    label: str
    hint: str
    control: str
    required: bool
    value: str = ""
    options: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One way to answer: a button, and the fields that belong to it."""

    decision: str
    fields: tuple[Field, ...]


def choices(gate: Gate) -> list[Choice]:
    """The ways to answer a question."""
    ways = gate.decisions or {"": gate.fields}
    return [Choice(name, form_fields(fields, f"{gate.id}-{name}")) for name, fields in ways.items()]


def form_fields(declared: Declared, prefix: str) -> tuple[Field, ...]:
    """The fields of a form; the prefix makes their ids unique on the page."""
    return tuple(_field(name, schema, f"{prefix}-{name}") for name, schema in declared.items())


def filled_in(declared: Declared, form: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a form: an empty field counts as left out, a box without a tick as no."""
    given = {name: value for name, value in form.items() if isinstance(value, str) and value.strip()}
    ticks = {name: name in given for name, schema in declared.items() if _kind(schema) == "boolean"}
    return {**given, **ticks}


def _field(name: str, schema: Mapping[str, Any], identity: str) -> Field:
    control, limits = _control(schema)
    default = schema.get("default")
    value = default if isinstance(default, str) else "" if default is None else json.dumps(default)
    return Field(
        id="".join(sign if sign.isalnum() else "-" for sign in f"f-{identity}"),
        name=name,
        label=str(schema.get("title") or name),
        hint=str(schema.get("description") or ""),
        control=control,
        required=is_required(schema) and control != "checkbox",
        value="" if is_secret(schema) else value,
        options=tuple(option if isinstance(option, str) else json.dumps(option) for option in schema.get("enum", ())),
        limits=limits,
    )


def _control(schema: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The control of a field, and its attributes."""
    longest = schema.get("maxLength")
    length = {"maxlength": str(longest)} if isinstance(longest, int) else {}
    if "enum" in schema:
        return "select", {}
    if is_secret(schema):
        return "password", {"autocomplete": "off", **length}
    match _kind(schema):
        case "boolean":
            return "checkbox", {}
        case "integer" | "number" as kind:
            bounds = {"min": schema.get("minimum"), "max": schema.get("maximum")}
            given = {name: str(bound) for name, bound in bounds.items() if bound is not None}
            return "number", {"step": "1" if kind == "integer" else "any", "inputmode": "decimal", **given}
        case "array" | "object":
            return "textarea", {}
    if schema.get("format") in _ADDRESSES:
        return "text", {"inputmode": "url", "autocomplete": "off", "autocapitalize": "off", **length}
    return ("textarea" if isinstance(longest, int) and longest > _LONG else "text"), length


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    return kind if isinstance(kind, str) else ""

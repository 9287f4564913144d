"""Building blocks of the schema: common kinds of values in a flow file, as JSON Schema."""

from __future__ import annotations

from typing import Any

from retake_flow.flow.duration import PATTERN

Schema = dict[str, Any]

STATE_NAME = "^[a-z][a-z0-9_]*$"
STATE_PATH = "^[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*$"
EVENT_NAME = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"
EVENT_PATTERN = r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$"
AUDIENCE = "^[A-Za-z][A-Za-z0-9_-]*$"
VARIABLE = "^(?!RETAKE_)[A-Za-z_][A-Za-z0-9_]*$"
ONE_EXPRESSION = r"^\s*\{\{.*\}\}\s*$"
ACTION_NAME = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"


def duration(description: str, *examples: Any) -> Schema:
    """A duration, or an expression that gives one."""
    return {
        "description": f"{description} A duration such as 30s, 3m, 1h30m or 500ms, or a number of seconds.",
        "type": ["string", "number"],
        "minimum": 0,
        "pattern": rf"{ONE_EXPRESSION}|^\d+(\.\d+)?$|{PATTERN}",
        "examples": list(examples),
    }


def time_or_calendar(description: str, *examples: Any, key: str, more: Schema | None = None) -> Schema:
    """A duration, or a time of the calendar: by the clock under `key`, or by other keys."""
    clock = {"description": "A time of day, such as 20:00, in that zone.", "type": "string", "minLength": 1}
    zone = {"description": "The time zone, such as Europe/Berlin.", "type": "string", "minLength": 1}
    plain = duration(description, *examples)
    return {
        **plain,
        "description": f"{plain['description']} Or a time of the calendar, with its zone.",
        "type": ["string", "number", "object"],
        "properties": {key: clock, "zone": zone, **(more or {})},
        "required": ["zone"],
        "additionalProperties": False,
    }


def expression(description: str, *examples: str) -> Schema:
    """A bare expression."""
    return {"description": description, "type": ["string", "boolean"], "minLength": 1, "examples": list(examples)}


def mapping_of(description: str, properties: Schema, required: tuple[str, ...] = (), **more: Any) -> Schema:
    """A mapping with these keys and no others."""
    answer: Schema = {"description": description, "type": "object", "properties": properties}
    if required:
        answer["required"] = list(required)
    return {**answer, "additionalProperties": False, **more}


def mapping(description: str, names: str, value: Schema, **more: Any) -> Schema:
    """A mapping with freely chosen names."""
    return {
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": names},
        "additionalProperties": value,
        **more,
    }


def only(kind: str, others: tuple[str, ...]) -> Schema:
    """The condition that some keys must not be combined with another."""
    return {"if": {"required": [kind]}, "then": {"properties": {other: {"not": {}} for other in others}}}

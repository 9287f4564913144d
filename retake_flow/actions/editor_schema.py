"""Editor schema: the schema of flow files with the inputs of every action, for completion and checks while writing."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.schema import flow
from retake_flow.flow.schema.builders import Schema

#: The pieces of the schema that perform an action.
_PERFORMERS: Final = ("state", "activity", "changed_state", "changed_activity")
_TEMPLATE: Final[Schema] = {"type": "string", "pattern": r"\{\{"}
#: Keywords of a value's schema that describe it rather than restrict it.
_TOLD: Final = ("description", "default", "examples")


def schema(catalogue: Catalogue) -> Schema:
    """The schema of flow files that knows the actions of a catalogue; other names are allowed."""
    made = deepcopy(flow.schema())  # its pieces are shared
    pieces = made["$defs"]
    known = [{"const": spec.name, "description": _words(spec)} for spec in catalogue.values()]
    for name in _PERFORMERS:
        piece = pieces[name]
        do = piece["properties"]["do"]
        others = {key: do[key] for key in ("type", "pattern") if key in do}
        piece["properties"]["do"] = {
            **{key: value for key, value in do.items() if key not in others},
            "anyOf": [*known, others],
        }
        piece["allOf"] = [*piece.get("allOf", ()), *map(_of_action, catalogue.values())]
    for spec in catalogue.values():
        pieces[f"with_{spec.name}"] = _with(spec)
    return made


def _of_action(spec: ActionSpec) -> Schema:
    given = {"properties": {"with": {"$ref": f"#/$defs/with_{spec.name}"}}}
    return {"if": {"properties": {"do": {"const": spec.name}}, "required": ["do"]}, "then": given}


def _words(spec: ActionSpec) -> str:
    """The description of an action, with its outcomes and events."""
    events = "".join(f" Raises {name} ({', '.join(data)})." for name, data in spec.events.items())
    return f"{spec.summary} Outcomes: {', '.join(spec.outcomes)}.{events}"


def _with(spec: ActionSpec) -> Schema:
    known = {name: _value_or_expression(given) for name, given in spec.inputs.items()}
    return {"description": spec.summary, "type": ["object", "null"], "properties": known, "additionalProperties": False}


def _value_or_expression(value: Mapping[str, Any]) -> Schema:
    """The schema of a value, or of an expression that gives it, at every level."""
    if value.get("fixed"):
        return {key: item for key, item in value.items() if key != "fixed"}
    inner: Schema = {key: item for key, item in value.items() if key not in _TOLD}
    if "properties" in inner:
        inner["properties"] = {name: _value_or_expression(item) for name, item in inner["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(inner.get(key), Mapping):
            inner[key] = _value_or_expression(inner[key])
    notes = {key: value[key] for key in _TOLD if key in value}
    return {**notes, "if": _TEMPLATE, "else": inner} if inner else notes

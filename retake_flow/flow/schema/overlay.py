"""Schema of overlays: every part may be left out, null removes, and a key may be a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow.flow.schema.builders import STATE_NAME, Schema

_PREFIX = "#/$defs/"
_CHANGED = "changed_"
_PATH = rf"{STATE_NAME[:-1]}(/{STATE_NAME[1:-1]})*$"
#: Keywords that apply to complete objects only, and so not to an overlay.
_WHOLE = ("required", "dependentRequired", "minProperties", "allOf")
_REPLACE: Schema = {
    "description": "It takes the place of what the extended flow has here, instead of being merged with it.",
    "type": "boolean",
}
_BESIDE: Schema = {
    "before": {
        "description": "Of a new state: the state beside it that it comes before. What led there leads here, and what "
        "this one ends with leads there.",
        "type": "string",
        "pattern": STATE_NAME,
        "examples": ["broadcast"],
    },
    "after": {
        "description": "Of a new state: the state beside it that it comes after, or that state and the event on which "
        "it goes on. What this one ends with leads where that led.",
        "type": ["string", "object"],
        "pattern": STATE_NAME,
        "properties": {
            "state": {"description": "The state.", "type": "string", "pattern": STATE_NAME},
            "on": {"description": "The event on which it goes on.", "type": "string"},
        },
        "required": ["state", "on"],
        "additionalProperties": False,
        "examples": ["thumbnail", {"state": "credentials", "on": "found"}],
    },
}


def patch(piece: Any) -> Any:
    """The schema of a change to something that a schema describes."""
    if not isinstance(piece, dict):
        return piece
    if "$ref" in piece:
        return {**piece, "$ref": _PREFIX + _CHANGED + _name(piece)}
    changed = {key: value for key, value in piece.items() if key not in _WHOLE}
    if "type" in piece:
        kinds = piece["type"] if isinstance(piece["type"], list) else [piece["type"]]
        changed["type"] = [*kinds, *({"null"} - set(kinds))]
    if "enum" in piece:
        changed["enum"] = [*piece["enum"], None]
    if "properties" in piece:
        changed["properties"] = {key: patch(value) for key, value in piece["properties"].items()}
    if "object" in changed.get("type", ()):  # list items are complete, since lists are replaced
        changed |= {key: patch(piece[key]) for key in ("additionalProperties", "else") if key in piece}
    return changed


def patches(pieces: Schema) -> Schema:
    """The pieces that changes to a flow refer to, by name."""
    found: Schema = {}
    waiting = ["state", "input", "own_action"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = patch(pieces[name])
            waiting += [
                other.removeprefix(_CHANGED) for other in _references(found[name]) if other.startswith(_CHANGED)
            ]
    state, activity = found["state"]["properties"], found["activity"]["properties"]
    state["states"] = states_by_path(state["states"])
    found["state"]["properties"] = {**_BESIDE, "replace": _REPLACE, **state}
    found["activity"]["properties"] = {"replace": _REPLACE, **activity}
    bare = "A change to an input, or its value."
    found["input"] = {"description": bare, "if": {"type": "object"}, "then": found["input"], "examples": ["Night Owl"]}
    return {_CHANGED + name: piece for name, piece in sorted(found.items())}


def states_by_path(piece: Schema) -> Schema:
    """The schema of states whose keys may be paths."""
    return {**piece, "propertyNames": {"pattern": _PATH}}


def _name(piece: Schema) -> str:
    return str(piece["$ref"]).removeprefix(_PREFIX)


def _references(piece: Any) -> Iterator[str]:
    if isinstance(piece, dict):
        if "$ref" in piece:
            yield _name(piece)
        for item in piece.values():
            yield from _references(item)
    elif isinstance(piece, list):
        for item in piece:
            yield from _references(item)

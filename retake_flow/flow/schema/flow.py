"""The keys of the language and their values.

`retake-flow schema` prints them with the inputs of all actions; `schemas/flow.schema.json` is what it prints.
Alternatives are written as `if`/`then`, never as `anyOf`, so that a mistake yields the one message that fits it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow.flow.schema import state
from retake_flow.flow.schema.builders import (
    ACTION_NAME,
    EVENT_NAME,
    SCENE_NAME,
    STATE_NAME,
    STATE_PATH,
    VARIABLE,
    Schema,
    flag,
    list_of,
    mapping,
    mapping_of,
    only,
    text,
    text_or_mapping,
)

_PREFIX = "#/$defs/"
_CHANGED = "changed_"
#: Keywords that apply to complete objects only, and so not to an overlay.
_WHOLE = ("required", "dependentRequired", "minProperties", "allOf")
_REPLACE = flag("Whether it replaces what the extended flow has here, instead of being merged with it.")
_BESIDE: Schema = {
    "before": text(
        "For a new state: the sibling that it comes before. Routes to that state lead here instead, and the "
        "end of this state leads there.",
        "broadcast",
        pattern=STATE_NAME,
    ),
    "after": text_or_mapping(
        "For a new state: the sibling that it comes after, or that sibling and its continuing event. "
        "The end of this state leads where that event led.",
        {
            "state": text("The state.", pattern=STATE_NAME),
            "on": text("Its continuing event."),
        },
        ("state", "on"),
        "thumbnail",
        {"state": "credentials", "on": "found"},
        pattern=STATE_NAME,
    ),
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
    return {**piece, "propertyNames": {"pattern": STATE_PATH}}


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


_PROPERTY: Schema = {
    "type": text("Its JSON type.", enum=["string", "integer", "number", "boolean", "array", "object"]),
    "description": text("What it is for."),
    "default": {"description": "Its value if none is set."},
    "format": text(
        "`duration` for times such as 12h, `post` for the address of a post on X, `size` for 1280x720, "
        "`bitrate` for 1500k or 2M."
    ),
    "optional": flag("Whether it may be left out; its value is then none."),
    "enum": {"type": "array", "minItems": 1},
    "pattern": {"type": "string"},
    "minLength": {"type": "integer", "minimum": 0},
    "maxLength": {"type": "integer", "minimum": 0},
    "minItems": {"type": "integer", "minimum": 0},
    "maxItems": {"type": "integer", "minimum": 0},
    "minimum": {"type": "number"},
    "maximum": {"type": "number"},
    "items": {"type": "object"},
    "examples": {"type": "array"},
}
_INPUT = mapping_of(
    "One input as a JSON Schema property; without a default it is required.",
    {
        **_PROPERTY,
        "value": {"description": "A fixed value, which nobody can set.", "examples": ["night-owl"]},
        "required": flag("Whether it is required, whatever the extended flow says."),
        "env": text(
            "The environment variable from which its value is read if it is not set.", "OWL_MESSAGE", pattern=VARIABLE
        ),
        "file": text(
            "The file from which its value is read if it is not set: a path in the flow's folder. "
            "Files elsewhere need `--allow-outside`.",
            "opening.txt",
            minLength=1,
        ),
        "secret": flag(
            "Whether the value is only for the run; true for a string from `env` or `file`, unless this is false."
        ),
    },
    ("type",),
    allOf=[
        only("value", ("default", "optional", "required", "env", "file")),
        only("required", ("default", "optional")),
    ],
    examples=[{"type": "string", "format": "duration", "default": "12h"}],
)
_FIELD = mapping_of(
    "One field of an answer as a JSON Schema property; without a default it is required.",
    {**_PROPERTY, "secret": flag("Whether the answer is only for the run.")},
    ("type",),
    examples=[{"type": "string", "format": "post"}],
)
# No `secret`: what programs answer and what comes from outside is recorded as it is.
_DATUM = mapping_of(
    "One value as a JSON Schema property; without a default it is required.",
    _PROPERTY,
    ("type",),
    examples=[{"type": "number"}],
)
_DATA = mapping("The data of an event.", STATE_NAME, {"$ref": "#/$defs/datum"}) | {"type": ["object", "null"]}
_OWN_ACTION = mapping_of(
    "An own action of the flow: a program, a request or a Python function under a name.",
    {
        "python": text(
            "A Python function, as MODULE:FUNCTION, in the flow's folder or installed, instead of `do`.",
            "picking:pick",
            pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        ),
        "do": text("The action that it configures.", enum=["program.run", "http.request"]),
        "description": text("What it does."),
        "with": {
            "description": "The inputs of the configured action; expressions see its own `inputs`.",
            "type": "object",
            "examples": [{"command": ["./obs", "mute", "{{ inputs.source }}"]}],
        },
        "inputs": mapping("Its inputs, as JSON Schema properties.", STATE_NAME, {"$ref": "#/$defs/datum"}),
        "result": mapping(
            "The fields of its result, as JSON Schema properties; it answers with a JSON object that has them.",
            STATE_NAME,
            {"$ref": "#/$defs/datum"},
        ),
        "outcomes": list_of(
            "Its outcomes, the usual one first; the answer names one as `outcome`. Default [done].",
            {"type": "string", "pattern": STATE_NAME},
            ["won", "lost"],
            minItems=1,
        ),
        "idempotency": text(
            "Whether it may be repeated if it is unknown whether it was done. Default once.", enum=["once", "safe"]
        ),
    },
    allOf=[
        {"if": {"not": {"required": ["python"]}}, "then": {"required": ["do", "with"]}},
        only("python", ("do", "inputs", "result", "outcomes", "idempotency")),
    ],
)
_NAME: Schema = {"type": "string", "minLength": 1}
_EXTENDS = text(
    "The flow that this one changes, by path or name: mappings are merged, lists and values replaced, null removes.",
    "go-live.yaml",
    minLength=1,
)
_FLOW: Schema = {
    "flow": text("The name of the flow.", "go-live", pattern="^[a-z0-9][a-z0-9-]*$"),
    "version": {"description": "The version of this file.", "type": "integer", "minimum": 1},
    "description": text("What the flow does."),
    "guide": text("The version of the platform's guide that it was written for.", "2.1.2"),
    "notify": list_of(
        "Where notices go, as Apprise addresses. Put addresses that contain secrets into RETAKE_FLOW_NOTIFY instead.",
        _NAME,
        ["json://127.0.0.1:8080/told"],
    ),
    "events": {
        "description": "The events that may come from outside, besides `stop`: their names, or a mapping "
        "from their names to the JSON Schema properties of their data.",
        "type": ["array", "object"],
        "if": {"type": "array"},
        "then": {"items": {"type": "string", "pattern": EVENT_NAME}},
        "else": {"propertyNames": {"pattern": EVENT_NAME}, "additionalProperties": _DATA},
        "examples": [["pause", "go"], {"tip": {"amount": {"type": "number"}}}],
    },
    "actions": mapping(
        "Own actions of the flow, by the names that states use.",
        ACTION_NAME,
        {"$ref": "#/$defs/own_action"},
        examples=[{"obs.mute": {"do": "program.run", "with": {"command": ["./obs", "mute"]}}}],
    ),
    "scenes": mapping(
        "Windows that are shown together: the names of scenes, and for each the activities whose "
        "windows are visible in it. A window that no scene names is always visible.",
        SCENE_NAME,
        {"type": "array", "items": _NAME},
        examples=[{"work": ["terminal", "logo"], "break": ["film"]}],
    ),
    "rules": list_of(
        "Files in the flow's folder with your own rules for all its paths; the platform's rules always apply.",
        _NAME,
        ["house.rules.yaml"],
    ),
    "phrases": {
        "description": "Additional wordings for scenarios: from a wording to the step that it stands for.",
        "type": "object",
        "additionalProperties": _NAME,
        "examples": [{"the owl wakes": "the flow is run"}],
    },
    "inputs": mapping("The values that an agent sets.", STATE_NAME, {"$ref": "#/$defs/input"}),
    "initial": text("The state to begin with; a path when it is inside another.", pattern=STATE_PATH),
    "states": mapping("The states, by name.", STATE_NAME, {"$ref": "#/$defs/state"}, minProperties=1),
}


def schema() -> Schema:
    """The JSON Schema (2020-12) of a flow file, whole or an overlay."""
    pieces = {"input": _INPUT, "field": _FIELD, "datum": _DATUM, "own_action": _OWN_ACTION, **state.definitions()}
    changed = {key: patch(piece) for key, piece in _FLOW.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://retake-flow.invalid/schemas/flow.schema.json",
        "title": "A retake-flow flow",
        "if": {"required": ["extends"]},
        "then": mapping_of(
            "A flow that extends another one and contains only the differences.",
            {"extends": _EXTENDS, **changed, "states": states_by_path(changed["states"])},
            ("extends",),
        ),
        "else": mapping_of("A state machine that takes an agent live.", _FLOW, ("flow", "initial", "states")),
        "$defs": {**pieces, **patches(pieces)},
    }

"""Schema of the keys that states, activities and transitions share."""

from __future__ import annotations

from retake_flow.flow.schema.builders import (
    ACTION_NAME,
    EVENT_NAME,
    ONE_EXPRESSION,
    STATE_NAME,
    Schema,
    duration,
    expression,
    mapping,
    mapping_of,
)

#: The kinds of notices that a flow itself can send; only an action sends `live`, since a rule governs it.
TOLD = ("told", "trouble", "recovered", "tip", "milestone", "warning", "shared")
#: The scenes of the stage.
SCENES = ("starting", "live", "brb", "ended")
SCENE_NAME = "^[a-z][a-z0-9_]*$"
DO: Schema = {
    "description": "The action to perform; `retake-flow actions` lists them.",
    "type": "string",
    "pattern": ACTION_NAME,
    "examples": ["retake.stream_status"],
}
WITH: Schema = {
    "description": "The action's inputs. Texts may hold `{{ … }}`; one that is exactly one `{{ … }}` keeps its type.",
    "type": "object",
    "examples": [{"message": "{{ inputs.opening_message }}"}],
}
SET: Schema = mapping(
    "Variables to set, read elsewhere as `vars.NAME`.", STATE_NAME, {}, examples=[{"direction": "{{ result.answer }}"}]
)
RAISE: Schema = {
    "description": "Events that the flow itself raises: a name, a mapping, or a list of them. What is raised at once "
    "goes before everything from outside.",
    "type": ["string", "object", "array"],
    "minItems": 1,
    "if": {"type": "array"},
    "then": {"items": {"$ref": "#/$defs/raise"}},
    "else": {"$ref": "#/$defs/raise"},
    "examples": ["ready", {"event": "tick", "after": "2s"}],
}
ONE_RAISE: Schema = {
    "type": ["string", "object"],
    "pattern": EVENT_NAME,
    "properties": {
        "event": {"description": "The name of the event.", "type": "string", "pattern": EVENT_NAME},
        "after": duration("How long it takes to come; it is dropped when the state that waits for it is left.", "2s"),
        "scope": {
            "description": "With what a delayed event is dropped: a state around by its name, or the whole `flow`. By "
            "default the state that raises it.",
            "type": "string",
            "pattern": STATE_NAME,
            "examples": ["flow"],
        },
        "data": {
            "description": "What expressions see of it, as `event.NAME`.",
            "type": "object",
            "propertyNames": {"pattern": STATE_NAME},
            "examples": [{"amount": "{{ vars.amount }}"}],
        },
    },
    "required": ["event"],
    "dependentRequired": {"scope": ["after"]},
    "additionalProperties": False,
}
CANCEL: Schema = {
    "description": "Delayed events to drop: all of that name that have not come yet. It happens before `raise`.",
    "type": ["string", "array"],
    "pattern": EVENT_NAME,
    "items": {"type": "string", "pattern": EVENT_NAME},
    "minItems": 1,
    "examples": ["tick"],
}
TELL: Schema = {
    "description": "What the operator is told: a text, or a mapping with the kind of the notice. It is said when the "
    "transition is, exactly once.",
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "message": {"description": "What is said.", "type": "string", "minLength": 1},
        "kind": {"description": "What sort of notice it is. Default told.", "type": "string", "enum": list(TOLD)},
    },
    "required": ["message"],
    "additionalProperties": False,
    "examples": ["Back on air.", {"kind": "tip", "message": "{{ event.author }} tips {{ event.amount }}"}],
}
SCENE: Schema = {
    "description": "The scene to change to: starting, live, brb, ended, or one of `scenes`. It stays until another is "
    "set.",
    "type": "string",
    "pattern": SCENE_NAME,
    "examples": ["brb"],
}
EFFECTS: Schema = {
    "type": ["object", "array"],
    "minItems": 1,
    "if": {"type": "array"},
    "then": {"items": {"$ref": "#/$defs/effect"}},
    "else": {"$ref": "#/$defs/effect"},
    "examples": [{"set": {"tries": 0}}, [{"raise": "ready"}]],
}
ONE_EFFECT: Schema = {
    "type": "object",
    "properties": {
        "if": expression("The effects are left out unless this is true.", "vars.tries > 3"),
        "set": SET,
        "cancel": CANCEL,
        "raise": RAISE,
        "tell": TELL,
        "scene": SCENE,
    },
    "minProperties": 1,
    "additionalProperties": False,
}
RETRY: Schema = mapping_of(
    "How often and how fast to try again after an error, before it is routed; by default as the action declares.",
    {
        "max": {
            "description": "How many times to try again.",
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": 1000,
            "pattern": ONE_EXPRESSION,
        },
        "interval": duration("The wait before the first new try. Default 1s.", "1s"),
        "rate": {
            "description": "What each wait is multiplied by. Default 2.",
            "type": ["number", "string"],
            "minimum": 1,
            "maximum": 100,
            "pattern": ONE_EXPRESSION,
        },
        "cap": duration("The longest wait. Default 30s.", "30s"),
        "on": {
            "description": "The kinds of errors to try again after, such as unavailable; by default all.",
            "type": "array",
            "items": {"type": "string", "pattern": STATE_NAME},
            "minItems": 1,
        },
        "within": duration("Give up when this much time has passed since the first try.", "5m"),
        "per_try": duration(
            "How long one try may take, or a service until it is ready; then it is ended with `error.timed_out`.", "20s"
        ),
    },
    ("max",),
    examples=[{"max": 5, "interval": "1s", "rate": 2, "cap": "30s"}],
)
POLL: Schema = mapping_of(
    "Repeat the action until its result is as wanted; then the outcome is routed.",
    {
        "every": duration("The pause between an answer and the next call.", "3s"),
        "until": expression("What the result must satisfy.", "result.is_live"),
        "delay": duration("The wait before the first call.", "1s"),
        "timeout": duration("After this time the event `timeout` is routed.", "30s"),
    },
    ("every", "until"),
    examples=[{"every": "3s", "until": "result.is_live", "timeout": "30s"}],
)
ON_CRASH: Schema = {
    "description": "What to do when the process died while the action was under way: perform it again, look whether it "
    "was done, ask a person, or route `error.interrupted`. By default as the action's idempotency says.",
    "type": "string",
    "enum": ["retry", "verify", "ask", "fail"],
}


def needs(before: str) -> Schema:
    """The schema of `needs`: what must be ready first, with a description."""
    one: Schema = {"type": "string", "pattern": STATE_NAME}
    return {
        "description": f"The activity, or activities, that must be ready before {before}.",
        "type": ["string", "array"],
        "pattern": STATE_NAME,
        "items": one,
        "minItems": 1,
    }

"""Building blocks of the schema: kinds of values, and the keys that states, activities and routes share."""

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
    """A duration, or a time of the calendar, in which `key` has the time of day."""
    clock = text("A time of day, such as 20:00, in that zone.", minLength=1)
    zone = text("The time zone, such as Europe/Berlin.", minLength=1)
    plain = duration(description, *examples)
    return {
        **plain,
        "description": f"{plain['description']} Or a time of the calendar, with its zone.",
        "type": ["string", "number", "object"],
        "properties": {key: clock, "zone": zone, **(more or {})},
        "required": ["zone"],
        "additionalProperties": False,
    }


def text(description: str, *examples: Any, **more: Any) -> Schema:
    """A text; `more` limits it."""
    shown = {"examples": list(examples)} if examples else {}
    return {"description": description, "type": "string", **more, **shown}


def flag(description: str) -> Schema:
    """True or false."""
    return {"description": description, "type": "boolean"}


def list_of(description: str, item: Schema, *examples: Any, **more: Any) -> Schema:
    """A list whose items fit a schema; `more` limits it."""
    shown = {"examples": list(examples)} if examples else {}
    return {"description": description, "type": "array", "items": item, **more, **shown}


def one_or_many_texts(description: str, pattern: str, *examples: Any) -> Schema:
    """A text that matches a pattern, or a list of such texts."""
    item = {"type": "string", "pattern": pattern}
    return {**list_of(description, item, *examples, minItems=1), "type": ["string", "array"], "pattern": pattern}


def expression(description: str, *examples: str) -> Schema:
    """A bare expression."""
    return {"description": description, "type": ["string", "boolean"], "minLength": 1, "examples": list(examples)}


def text_or_mapping(
    description: str, properties: Schema, required: tuple[str, ...] = (), *examples: Any, **more: Any
) -> Schema:
    """A text, or a mapping with these keys and no others; `more` limits the text."""
    shown = {"examples": list(examples)} if examples else {}
    return {**mapping_of(description, properties, required), "type": ["string", "object"], **more, **shown}


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


def one_or_many(piece: str, *kinds: str) -> Schema:
    """One of the pieces with a name, or a list of them."""
    one = {"$ref": f"#/$defs/{piece}"}
    many = {"items": one}
    return {"type": [*kinds, "array"], "minItems": 1, "if": {"type": "array"}, "then": many, "else": one}


def only(kind: str, others: tuple[str, ...]) -> Schema:
    """The condition that some keys must not be combined with another."""
    return {"if": {"required": [kind]}, "then": {"properties": {other: {"not": {}} for other in others}}}


#: The kinds of notices that a flow itself can send; only an action sends `live`, since a rule governs it.
TOLD = ("told", "trouble", "recovered", "tip", "milestone", "warning", "shared")
#: The scenes of the stage.
SCENES = ("starting", "live", "brb", "ended")
SCENE_NAME = "^[a-z][a-z0-9_]*$"
DO = text("The action to perform; `retake-flow actions` lists them.", "retake.stream_status", pattern=ACTION_NAME)
WITH: Schema = {
    "description": "The action's inputs. Texts may hold `{{ … }}`; one that is exactly one `{{ … }}` keeps its type.",
    "type": "object",
    "examples": [{"message": "{{ inputs.opening_message }}"}],
}
SET = mapping(
    "Variables to set, read elsewhere as `vars.NAME`.", STATE_NAME, {}, examples=[{"direction": "{{ result.answer }}"}]
)
RAISE: Schema = {
    "description": "Events that the flow itself raises: a name, a mapping, or a list of them. Events without a delay "
    "are handled before all events from outside.",
    **one_or_many("raise", "string", "object"),
    "examples": ["ready", {"event": "tick", "after": "2s"}],
}
ONE_RAISE: Schema = {
    "type": ["string", "object"],
    "pattern": EVENT_NAME,
    "properties": {
        "event": text("The name of the event.", pattern=EVENT_NAME),
        "after": duration("Its delay; a delayed event is dropped when the state that waits for it is left.", "2s"),
        "scope": text(
            "The state with which a delayed event is dropped: a surrounding state by its name, or the whole "
            "`flow`. By default the state that raises it.",
            "flow",
            pattern=STATE_NAME,
        ),
        "data": {
            "description": "Its data, which expressions see as `event.NAME`.",
            "type": "object",
            "propertyNames": {"pattern": STATE_NAME},
            "examples": [{"amount": "{{ vars.amount }}"}],
        },
    },
    "required": ["event"],
    "dependentRequired": {"scope": ["after"]},
    "additionalProperties": False,
}
CANCEL = one_or_many_texts("Names of delayed events to drop. This happens before `raise`.", EVENT_NAME, "tick")
TELL = text_or_mapping(
    "A notice to the operator: a text, or a mapping with the kind of the notice. It is sent exactly once.",
    {
        "message": text("The text.", minLength=1),
        "kind": text("The kind of the notice. Default told.", enum=list(TOLD)),
    },
    ("message",),
    "Back on air.",
    {"kind": "tip", "message": "{{ event.author }} tips {{ event.amount }}"},
    minLength=1,
)
SCENE = text(
    "The scene to change to: starting, live, brb, ended, or one of `scenes`. It stays until another is set.",
    "brb",
    pattern=SCENE_NAME,
)
#: The effects that a route may have itself.
OWN_EFFECTS: Schema = {"set": SET, "cancel": CANCEL, "raise": RAISE, "tell": TELL, "scene": SCENE}
EFFECTS: Schema = {**one_or_many("effect", "object"), "examples": [{"set": {"tries": 0}}, [{"raise": "ready"}]]}
ONE_EFFECT: Schema = {
    "type": "object",
    "properties": {
        "if": expression("The effects are performed only if this is true.", "vars.tries > 3"),
        **OWN_EFFECTS,
    },
    "minProperties": 1,
    "additionalProperties": False,
}
RETRY = mapping_of(
    "How to retry after an error, before it is routed; by default as the action declares.",
    {
        "max": {
            "description": "The maximum number of retries.",
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": 1000,
            "pattern": ONE_EXPRESSION,
        },
        "interval": duration("The wait before the first retry. Default 1s.", "1s"),
        "rate": {
            "description": "The factor by which each wait grows. Default 2.",
            "type": ["number", "string"],
            "minimum": 1,
            "maximum": 100,
            "pattern": ONE_EXPRESSION,
        },
        "cap": duration("The longest wait. Default 30s.", "30s"),
        "on": list_of(
            "The kinds of errors to retry after, such as unavailable; by default all.",
            {"type": "string", "pattern": STATE_NAME},
            minItems=1,
        ),
        "within": duration("Give up when this much time has passed since the first try.", "5m"),
        "per_try": duration(
            "The time limit for one try, or for a service to become ready; then it ends with `error.timed_out`.", "20s"
        ),
    },
    ("max",),
    examples=[{"max": 5, "interval": "1s", "rate": 2, "cap": "30s"}],
)
POLL = mapping_of(
    "Repeat the action until a condition on its result holds; then the outcome is routed.",
    {
        "every": duration("The pause between an answer and the next call.", "3s"),
        "until": expression("The condition on the result.", "result.is_live"),
        "delay": duration("The wait before the first call.", "1s"),
        "timeout": duration("After this time the event `timeout` is routed.", "30s"),
    },
    ("every", "until"),
    examples=[{"every": "3s", "until": "result.is_live", "timeout": "30s"}],
)
ON_CRASH = text(
    "What to do if the process died during the action: perform it again, check whether it was done, ask a "
    "person, or route `error.interrupted`. By default as the action's idempotency says.",
    enum=["retry", "verify", "ask", "fail"],
)


def needs(before: str) -> Schema:
    """The schema of `needs`: what must be ready first."""
    return one_or_many_texts(f"The activity, or activities, that must be ready before {before}.", STATE_NAME)

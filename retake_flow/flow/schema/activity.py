"""Schema of activities and questions."""

from __future__ import annotations

from retake_flow.flow.schema.builders import (
    AUDIENCE,
    EVENT_NAME,
    STATE_NAME,
    Schema,
    duration,
    expression,
    mapping,
    mapping_of,
    only,
)
from retake_flow.flow.schema.common import DO, ON_CRASH, RETRY, WITH, needs

_OF_ACTION = ("with", "every", "delay", "retry", "needs", "on_crash")

FIELDS: Schema = mapping(
    "What is asked for, as JSON Schema properties by name.",
    STATE_NAME,
    {"$ref": "#/$defs/field"},
    examples=[{"direction": {"type": "string", "description": "Which way?"}}],
)
ASK: Schema = mapping_of(
    "A question that only a person can answer. The run waits for it, if need be for days and without a process.",
    {
        "message": {"description": "What the person reads.", "type": "string", "minLength": 1},
        "answer": FIELDS,
        "decisions": {
            "description": "Named answers, each with fields of its own; the event is the decision's name.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": STATE_NAME},
            "additionalProperties": {"$ref": "#/$defs/decision"},
            "examples": [{"approve": None, "reject": {"why": {"type": "string"}}}],
        },
        "remind": {
            "description": "When to remind, each counted from the question.",
            "type": "array",
            "minItems": 1,
            "items": duration("How long after the question.", "1h"),
            "examples": [["1h", "6h"]],
        },
        "timeout": duration("After this time the question expires and the event `timeout` is routed.", "7d"),
        "escalate": {
            "description": "Who is asked instead when nobody has answered by then; each is told once.",
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/escalation"},
            "examples": [[{"after": "1d", "to": "owner"}]],
        },
    },
    ("message",),
    examples=[{"message": "Which direction?", "answer": {"direction": {"type": "string"}}}],
)
ACTIVITY: Schema = mapping_of(
    "An action or a question that is there beside the states while this state is active, and ends when it is left. "
    "A service yields the events NAME.ready and NAME.exited; any action yields NAME.error when it fails; a question "
    "yields NAME.answered, or NAME.DECISION, and NAME.timeout.",
    {
        "do": DO,
        "ask": ASK,
        "on_crash": {**ON_CRASH, "enum": ["retry", "fail"]},
        "with": WITH,
        "needs": needs("this one starts"),
        "every": duration("Repeat the action with this pause.", "3m"),
        "quiet": duration("The pause after an `idle` outcome, instead of `every`.", "8s"),
        "delay": duration("The wait before the first time. Default none.", "30s"),
        "raises": mapping(
            "Events to raise when a result satisfies a condition.",
            EVENT_NAME,
            expression("The condition.", "not result.is_live"),
            examples=[{"offline": "not result.is_live"}],
        ),
        "retry": RETRY,
    },
    dependentRequired={"quiet": ["every"], "raises": ["every"], **{key: ["do"] for key in _OF_ACTION}},
    allOf=[{"if": {"not": {"required": ["ask"]}}, "then": {"required": ["do"]}}, only("ask", ("do",))],
)
ESCALATION: Schema = mapping_of(
    "Who is asked instead, and from when on.",
    {
        "after": duration("How long after the question.", "1d"),
        "to": {"description": "An audience, as RETAKE_FLOW_NOTIFY names it.", "type": "string", "pattern": AUDIENCE},
    },
    ("after", "to"),
    examples=[{"after": "1d", "to": "owner"}],
)

"""Schema of states, activities and routes, as pieces of the flow schema.

Alternatives are written as `if`/`then`, never as `anyOf`, so that a mistake yields the one message that fits it.
"""

from __future__ import annotations

from retake_flow.flow.schema.builders import (
    ACTION_NAME,
    AUDIENCE,
    DO,
    EFFECTS,
    EVENT_NAME,
    EVENT_PATTERN,
    ON_CRASH,
    ONE_EFFECT,
    ONE_RAISE,
    OWN_EFFECTS,
    POLL,
    RETRY,
    SET,
    STATE_NAME,
    STATE_PATH,
    WITH,
    Schema,
    duration,
    expression,
    flag,
    list_of,
    mapping,
    mapping_of,
    needs,
    one_or_many,
    only,
    text,
    text_or_mapping,
    time_or_calendar,
)

_OF_ACTION = ("with", "every", "delay", "retry", "needs", "on_crash")

FIELDS: Schema = mapping(
    "The fields of the answer, as JSON Schema properties by name.",
    STATE_NAME,
    {"$ref": "#/$defs/field"},
    examples=[{"direction": {"type": "string", "description": "Which way?"}}],
)
ASK: Schema = mapping_of(
    "A question that only a person can answer. The run waits for the answer, for days if necessary.",
    {
        "message": text("What the person reads.", minLength=1),
        "answer": FIELDS,
        "decisions": mapping(
            "Named answers, each with fields of its own; the event is the decision's name.",
            STATE_NAME,
            {"$ref": "#/$defs/decision"},
            minProperties=1,
            examples=[{"approve": None, "reject": {"why": {"type": "string"}}}],
        ),
        "remind": list_of(
            "When to send reminders, each counted from the question.",
            duration("The time after the question.", "1h"),
            ["1h", "6h"],
            minItems=1,
        ),
        "timeout": duration("After this time the question expires and the event `timeout` is routed.", "7d"),
        "escalate": list_of(
            "Further audiences to ask when nobody has answered by then, each once.",
            {"$ref": "#/$defs/escalation"},
            [{"after": "1d", "to": "owner"}],
            minItems=1,
        ),
    },
    ("message",),
    examples=[{"message": "Which direction?", "answer": {"direction": {"type": "string"}}}],
)
ACTIVITY: Schema = mapping_of(
    "An action or a question that runs while this state is active and ends when it is left. A service raises the "
    "events NAME.ready and NAME.exited; any action raises NAME.error when it fails; a question raises NAME.answered, "
    "or NAME.DECISION, and NAME.timeout.",
    {
        "do": DO,
        "ask": ASK,
        "on_crash": {**ON_CRASH, "enum": ["retry", "fail"]},
        "with": WITH,
        "needs": needs("this one starts"),
        "every": duration("Repeat the action, with this pause between rounds.", "3m"),
        "quiet": duration("The pause after an `idle` outcome, instead of `every`.", "8s"),
        "delay": duration("The wait before the first round. Default none.", "30s"),
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
    "A further audience to ask.",
    {
        "after": duration("The time after the question.", "1d"),
        "to": text("An audience, as RETAKE_FLOW_NOTIFY names it.", pattern=AUDIENCE),
    },
    ("after", "to"),
    examples=[{"after": "1d", "to": "owner"}],
)


#: The keys that determine the kind of a state; a state has at most one of them.
KINDS = ("do", "ask", "flow", "states", "wait", "final", "history")
_ROUTES: Schema = {
    "description": "Where to go: the name of a state, or a mapping with a guard, or a list tried from top to bottom. "
    "Without `to` no state is left or entered.",
    **one_or_many("route", "string", "object"),
}
_ONE_ROUTE: Schema = {
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "to": text("The target: a sibling of this state or of a surrounding one, or a path."),
        "when": expression("The guard: the route is taken when this is true.", "visits.pushing < 6"),
        **OWN_EFFECTS,
        "effects": {"description": "Further effects of the transition, each with its own `if`.", **EFFECTS},
        "reenter": flag("Leave and re-enter the state that has the transition, even though the target is inside it."),
    },
    "minProperties": 1,
    "dependentRequired": {"reenter": ["to"]},
    "additionalProperties": False,
}
_STATE: Schema = {
    "description": "A state. Its kind is given by one key: do, ask, flow, states, wait, final or "
    "history; with none it rests.",
    "type": ["object", "null"],
    "properties": {
        "description": text("What this state is for."),
        "do": DO,
        "ask": ASK,
        "flow": text(
            "The flow to run inside, by path or name; its final states are events of this one. `with` sets its inputs.",
            "verify.yaml",
            minLength=1,
        ),
        "on_crash": ON_CRASH,
        "with": WITH,
        "needs": needs("the action is performed"),
        "retry": RETRY,
        "poll": POLL,
        "undo": text_or_mapping(
            "The action that reverses this one, performed when the surrounding state is left.",
            {"do": DO, "with": WITH},
            ("do",),
            "retake.stop_stream",
            pattern=ACTION_NAME,
        ),
        "states": mapping("The states inside this one.", STATE_NAME, {"$ref": "#/$defs/state"}, minProperties=1),
        "initial": text(
            "The first state inside, or a path to it; for a history state, the target if no state was active before.",
            pattern=STATE_PATH,
        ),
        "history": text(
            "Re-enters what was last active in the surrounding state: the state directly inside it "
            "(shallow), or the innermost one (deep).",
            enum=["shallow", "deep"],
        ),
        "wait": time_or_calendar(
            "Stay for this long; then the event `done` is routed.",
            "10s",
            {"until": "20:00", "zone": "Europe/Berlin"},
            {"cron": "0 20 * * 1-5", "zone": "Europe/Berlin"},
            key="until",
            more={
                "cron": text("Minute, hour, day, month, day of the week."),
                "missed": text(
                    "What to do if the time passed while no process drove the run: wait for the next "
                    "time (skip, the default), or continue at once (once).",
                    enum=["skip", "once"],
                ),
            },
        ),
        "final": text(
            "The run ends here with this outcome; `failed` makes the run fail.",
            "completed",
            "failed",
            pattern=STATE_NAME,
        ),
        "fails": flag("Whether a run that ends here has failed; with the outcome `failed` it always has."),
        "ends": text(
            "What ends here: the flow (the default), or only the surrounding state, with the outcome as its event.",
            enum=["flow", "state"],
        ),
        "reason": text("Tells the person why the run ended here, and what to do.", minLength=1),
        "transitions": mapping(
            "Where to go on which event. `error`, or `error.*`, takes every `error.KIND` that has no route of its own; "
            "`*` takes every event that has none.",
            EVENT_PATTERN,
            {"$ref": "#/$defs/routes"},
            examples=[{"done": "session", "error.unauthorized": "registration"}],
        ),
        "always": {
            "description": "Transitions without an event: taken as soon as the guard holds, tried from top to bottom.",
            **one_or_many("route", "string", "object"),
            "examples": [[{"when": "vars.tries > 3", "to": "trouble"}]],
        },
        "entry": {"description": "What happens when the state is entered.", **EFFECTS},
        "exit": {"description": "What happens when the state is left.", **EFFECTS},
        "activities": mapping("What runs while the state is active.", STATE_NAME, {"$ref": "#/$defs/activity"}),
        "timeout": time_or_calendar(
            "When this time is over, the event `timeout` is routed.",
            "12h",
            {"at": "23:30", "zone": "Europe/Berlin"},
            key="at",
        ),
        "set": SET,
    },
    "additionalProperties": False,
    "dependentRequired": {
        "on_crash": ["do"],
        "poll": ["do"],
        "undo": ["do"],
        "needs": ["do"],
        "states": ["initial"],
        "reason": ["final"],
        "fails": ["final"],
        "ends": ["final"],
    },
    "allOf": [
        {"if": {"not": {"required": ["flow"]}}, "then": {"dependentRequired": {"with": ["do"]}}},
        {"if": {"not": {"required": ["history"]}}, "then": {"dependentRequired": {"initial": ["states"]}}},
        {
            "if": {"not": {"required": ["states"]}},
            "then": {"if": {"not": {"required": ["flow"]}}, "then": {"dependentRequired": {"retry": ["do"]}}},
        },
        only("do", ("ask", "flow", "states", "wait", "final", "history")),
        only("ask", ("flow", "states", "wait", "final", "history", "with", "timeout")),
        only("flow", ("states", "wait", "final", "history")),
        only("states", ("wait", "final", "history", "with")),
        only("wait", ("final", "history", "with")),
        only("final", ("history", "transitions", "always", "exit", "activities", "timeout", "with")),
        only("history", ("transitions", "always", "entry", "exit", "set", "activities", "timeout", "with")),
    ],
}


def definitions() -> Schema:
    """The pieces that others refer to, by name."""
    return {
        "decision": {**FIELDS, "type": ["object", "null"]},
        "escalation": ESCALATION,
        "state": _STATE,
        "activity": ACTIVITY,
        "routes": _ROUTES,
        "route": _ONE_ROUTE,
        "raise": ONE_RAISE,
        "effect": ONE_EFFECT,
    }

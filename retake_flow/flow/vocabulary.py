"""The words of states, activities and routes, and what may stand behind each, as pieces of the schema.

Alternatives are written as `if`/`then`, never as `anyOf`, so that a mistake yields the one message that fits it.
"""

from __future__ import annotations

from retake_flow.flow.forms import (
    ACTION_NAME,
    AUDIENCE,
    EVENT_NAME,
    STATE_NAME,
    STATE_PATH,
    Schema,
    duration,
    expression,
    mapping,
    mapping_of,
    only,
)

#: What makes a state of which kind; a state has at most one of these keys.
KINDS = ("do", "ask", "flow", "states", "wait", "final", "history")


#: The kinds of notices that a flow itself can tell; `live` is an action's, since a rule watches over it.
TOLD = ("told", "trouble", "recovered", "tip", "milestone", "warning", "shared")
#: The keys of an activity that say how its action is performed.
_OF_ACTION = ("with", "every", "delay", "retry", "needs", "on_crash")
_DO: Schema = {
    "description": "The action to perform; `retake-flow actions` lists them.",
    "type": "string",
    "pattern": ACTION_NAME,
    "examples": ["retake.stream_status"],
}
_WITH: Schema = {
    "description": "The action's inputs. Texts may hold `{{ … }}`; one that is exactly one `{{ … }}` keeps its type.",
    "type": "object",
    "examples": [{"message": "{{ inputs.opening_message }}"}],
}
_SET: Schema = mapping(
    "Variables to set, read elsewhere as `vars.NAME`.", STATE_NAME, {}, examples=[{"direction": "{{ result.answer }}"}]
)
_RAISE: Schema = {
    "description": "Events that the flow itself raises: a name, a mapping, or a list of them. What is raised at once "
    "goes before everything from outside.",
    "type": ["string", "object", "array"],
    "minItems": 1,
    "if": {"type": "array"},
    "then": {"items": {"$ref": "#/$defs/raise"}},
    "else": {"$ref": "#/$defs/raise"},
    "examples": ["ready", {"event": "tick", "after": "2s"}],
}
_ONE_RAISE: Schema = {
    "type": ["string", "object"],
    "pattern": EVENT_NAME,
    "properties": {
        "event": {"description": "The name of the event.", "type": "string", "pattern": EVENT_NAME},
        "after": duration("How long it takes to come; it is dropped when the state that waits for it is left.", "2s"),
        "data": {
            "description": "What expressions see of it, as `event.NAME`.",
            "type": "object",
            "propertyNames": {"pattern": STATE_NAME},
            "examples": [{"amount": "{{ vars.amount }}"}],
        },
    },
    "required": ["event"],
    "additionalProperties": False,
}
_TELL: Schema = {
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
_EFFECTS: Schema = {
    "type": ["object", "array"],
    "minItems": 1,
    "if": {"type": "array"},
    "then": {"items": {"$ref": "#/$defs/effect"}},
    "else": {"$ref": "#/$defs/effect"},
    "examples": [{"set": {"tries": 0}}, [{"raise": "ready"}]],
}
_ONE_EFFECT: Schema = {
    "type": "object",
    "properties": {"set": _SET, "raise": _RAISE, "tell": _TELL},
    "minProperties": 1,
    "additionalProperties": False,
}
_RETRY: Schema = mapping_of(
    "How often and how fast to try again after an error, before the error is routed.",
    {
        "max": {"description": "How many times to try again.", "type": "integer", "minimum": 1, "maximum": 1000},
        "interval": duration("The wait before the first new try. Default 1s.", "1s"),
        "rate": {
            "description": "What each wait is multiplied by. Default 2.",
            "type": "number",
            "minimum": 1,
            "maximum": 100,
        },
        "cap": duration("The longest wait. Default 30s.", "30s"),
        "within": duration("Give up when this much time has passed since the first try.", "5m"),
    },
    ("max",),
    examples=[{"max": 5, "interval": "1s", "rate": 2, "cap": "30s"}],
)
_POLL: Schema = mapping_of(
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
_ON_CRASH: Schema = {
    "description": "What to do when the process died while the action was under way: perform it again, look whether it "
    "was done, ask a person, or route `error.interrupted`. By default as the action's idempotency says.",
    "type": "string",
    "enum": ["retry", "verify", "ask", "fail"],
}
_FIELDS: Schema = mapping(
    "What is asked for, as JSON Schema properties by name.",
    STATE_NAME,
    {"$ref": "#/$defs/field"},
    examples=[{"direction": {"type": "string", "description": "Which way?"}}],
)
_ASK: Schema = mapping_of(
    "A question that only a person can answer. The run waits for it, if need be for days and without a process.",
    {
        "message": {"description": "What the person reads.", "type": "string", "minLength": 1},
        "answer": _FIELDS,
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


def _needs(before: str) -> Schema:
    one: Schema = {"type": "string", "pattern": STATE_NAME}
    return {
        "description": f"The activity, or activities, that must be ready before {before}.",
        "type": ["string", "array"],
        "pattern": STATE_NAME,
        "items": one,
        "minItems": 1,
    }


_ACTIVITY: Schema = mapping_of(
    "An action or a question that is there beside the states while this state is active, and ends when it is left. "
    "A service yields the events NAME.ready and NAME.exited; any action yields NAME.error when it fails; a question "
    "yields NAME.answered, or NAME.DECISION, and NAME.timeout.",
    {
        "do": _DO,
        "ask": _ASK,
        "on_crash": {**_ON_CRASH, "enum": ["retry", "fail"]},
        "with": _WITH,
        "needs": _needs("this one starts"),
        "every": duration("Repeat the action with this pause.", "3m"),
        "quiet": duration("The pause after an `idle` outcome, instead of `every`.", "8s"),
        "delay": duration("The wait before the first time. Default none.", "30s"),
        "raises": mapping(
            "Events to raise when a result satisfies a condition.",
            EVENT_NAME,
            expression("The condition.", "not result.is_live"),
            examples=[{"offline": "not result.is_live"}],
        ),
        "retry": _RETRY,
    },
    dependentRequired={"quiet": ["every"], "raises": ["every"], **{key: ["do"] for key in _OF_ACTION}},
    allOf=[{"if": {"not": {"required": ["ask"]}}, "then": {"required": ["do"]}}, only("ask", ("do",))],
)
_ROUTE: Schema = {
    "description": "Where to go: the name of a state, or a mapping with a guard, or a list tried from top to bottom. "
    "Without `to` no state is left or entered.",
    "type": ["string", "object", "array"],
    "minItems": 1,
    "if": {"type": "array"},
    "then": {"items": {"$ref": "#/$defs/route"}},
    "else": {"$ref": "#/$defs/route"},
}
_ONE_ROUTE: Schema = {
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "to": {"description": "The target: a state beside this one or further out, or a path.", "type": "string"},
        "when": expression("The guard: the route is taken when this is true.", "visits.pushing < 6"),
        "set": _SET,
        "raise": _RAISE,
        "tell": _TELL,
        "reenter": {
            "description": "Leave the state that bears the transition and enter it anew, though its target is inside.",
            "type": "boolean",
        },
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
        "description": {"description": "What this state is for, in words.", "type": "string"},
        "do": _DO,
        "ask": _ASK,
        "flow": {
            "description": "The flow to run inside, by path or name; its final states are events of this one. `with` "
            "gives its inputs.",
            "type": "string",
            "minLength": 1,
            "examples": ["verify.yaml"],
        },
        "on_crash": _ON_CRASH,
        "with": _WITH,
        "needs": _needs("the action is performed"),
        "retry": _RETRY,
        "poll": _POLL,
        "undo": {
            "description": "The action that takes back what this state did, performed when the state around is left.",
            "type": ["string", "object"],
            "pattern": ACTION_NAME,
            "properties": {"do": _DO, "with": _WITH},
            "required": ["do"],
            "additionalProperties": False,
            "examples": ["retake.stop_stream"],
        },
        "states": {
            "description": "The states inside this one.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": STATE_NAME},
            "additionalProperties": {"$ref": "#/$defs/state"},
        },
        "initial": {
            "description": "The state inside to begin with, a path when it is deeper inside; of a history state, where "
            "it leads the first time.",
            "type": "string",
            "pattern": STATE_PATH,
        },
        "history": {
            "description": "Going here enters what was active last in the state around: the state directly inside it "
            "(shallow), or as deep as it was (deep).",
            "type": "string",
            "enum": ["shallow", "deep"],
        },
        "wait": duration("Stay for this long; then the event `done` is routed.", "10s"),
        "final": {
            "description": "The run ends here with this outcome; `failed` makes the run fail.",
            "type": "string",
            "pattern": STATE_NAME,
            "examples": ["completed", "failed"],
        },
        "fails": {
            "description": "Whether a run that ends here has failed; `failed` has in any case.",
            "type": "boolean",
        },
        "reason": {
            "description": "What to tell the person when the run ends here, and what to do.",
            "type": "string",
            "minLength": 1,
        },
        "transitions": mapping(
            "Where to go on which event. `error` takes every `error.KIND` that has no route of its own.",
            EVENT_NAME,
            {"$ref": "#/$defs/routes"},
            examples=[{"done": "session", "error.unauthorized": "registration"}],
        ),
        "always": {
            "description": "Transitions without an event: taken as soon as the guard holds, tried from top to bottom.",
            **{key: value for key, value in _ROUTE.items() if key != "description"},
            "examples": [[{"when": "vars.tries > 3", "to": "trouble"}]],
        },
        "entry": {"description": "What happens when the state is entered.", **_EFFECTS},
        "exit": {"description": "What happens when the state is left.", **_EFFECTS},
        "activities": mapping("What runs beside the states inside.", STATE_NAME, {"$ref": "#/$defs/activity"}),
        "timeout": duration("When the state lasts longer, the event `timeout` is routed.", "12h"),
        "set": _SET,
    },
    "additionalProperties": False,
    "dependentRequired": {
        "on_crash": ["do"],
        "poll": ["do"],
        "retry": ["do"],
        "undo": ["do"],
        "needs": ["do"],
        "states": ["initial"],
        "reason": ["final"],
        "fails": ["final"],
    },
    "allOf": [
        {
            "if": {"not": {"required": ["flow"]}},
            "then": {"dependentRequired": {"with": ["do"]}},
        },
        {
            "if": {"not": {"required": ["history"]}},
            "then": {"dependentRequired": {"initial": ["states"]}},
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
_ESCALATION: Schema = mapping_of(
    "Who is asked instead, and from when on.",
    {
        "after": duration("How long after the question.", "1d"),
        "to": {"description": "An audience, as RETAKE_FLOW_NOTIFY names it.", "type": "string", "pattern": AUDIENCE},
    },
    ("after", "to"),
    examples=[{"after": "1d", "to": "owner"}],
)


def definitions() -> Schema:
    """The pieces that others refer to, by name."""
    return {
        "decision": {**_FIELDS, "type": ["object", "null"]},
        "escalation": _ESCALATION,
        "state": _STATE,
        "activity": _ACTIVITY,
        "routes": _ROUTE,
        "route": _ONE_ROUTE,
        "raise": _ONE_RAISE,
        "effect": _ONE_EFFECT,
    }

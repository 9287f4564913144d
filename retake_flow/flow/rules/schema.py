"""The schema of rules files: the source of `schemas/rules.schema.json` and of what `load` accepts.

`python -m retake_flow.flow.rules.schema` prints the schema; a test compares the shipped file with it.
"""

from __future__ import annotations

import json
from typing import Final

from retake_flow.flow.schema.builders import ACTION_NAME, STATE_NAME, Schema, duration, expression, mapping, mapping_of

#: Forms of rules, by their first key: the required and the optional keys of each.
FORMS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "before": (("before", "comes"), ("since",)),
    "before_each": (("before_each", "fresh"), ()),
    "between": (("between", "and", "nothing"), ()),
    "while": (("while", "also"), ()),
}
#: Things that can happen, by key, with the further keys that each may have.
VERBS: Final[dict[str, tuple[str, ...]]] = {
    "begins": ("with", "while"),
    "done": ("outcome", "where", "with", "while"),
    "ends": ("outcome", "where", "with", "while"),
    "enters": ("while",),
    "leaves": ("while",),
    "takes": ("where", "while"),
    "holds": (),
}
_PATH = rf"{STATE_NAME[:-1]}(/{STATE_NAME[1:-1]})*$"
_ANY = f"{ACTION_NAME}|{_PATH}"

_CONDITION: Schema = mapping_of(
    "What holds at a moment; all that is said has to.",
    {
        "runs": {
            "description": "An activity performs this action: a service, or a task that is repeated.",
            "type": "string",
            "pattern": ACTION_NAME,
            "examples": ["studio.encoder"],
        },
        "in": {
            "description": "This state is active, by its name or path.",
            "type": "string",
            "pattern": _PATH,
            "examples": ["on_air"],
        },
        "rests": duration("The run only waits, and may do so for longer than this.", "10s"),
    },
    minProperties=1,
)
_TERM: Schema = mapping_of(
    "What happens on a path; one of the keys begins, done, ends, enters, leaves, takes or holds says what.",
    {
        "begins": {
            "description": "An action is begun: by a state, by an activity, or to take something back.",
            "type": "string",
            "pattern": ACTION_NAME,
            "examples": ["retake.start_stream"],
        },
        "done": {
            "description": "An action has ended, and not with an error.",
            "type": "string",
            "pattern": ACTION_NAME,
            "examples": ["retake.stream_key"],
        },
        "ends": {
            "description": "An action has ended in any way, an activity by being stopped too; or the run (`run`).",
            "type": "string",
            "pattern": f"{ACTION_NAME}|^run$",
            "examples": ["studio.encoder", "run"],
        },
        "enters": {
            "description": "A state is entered, by its name or path.",
            "type": "string",
            "pattern": _PATH,
            "examples": ["broadcast"],
        },
        "leaves": {
            "description": "A state is left, by its name or path.",
            "type": "string",
            "pattern": _PATH,
            "examples": ["broadcast/pushing"],
        },
        "takes": {
            "description": "A transition is taken on this event.",
            "type": "string",
            "minLength": 1,
            "examples": ["allow"],
        },
        "holds": {"description": "Conditions that come to hold.", "$ref": "#/$defs/conditions"},
        "outcome": {
            "description": "How the action has to have ended.",
            "type": "string",
            "minLength": 1,
            "examples": ["found"],
        },
        "where": expression("What has to be sure of its result: a guard on the way says so.", "result.verified"),
        "with": {
            "description": "What the action has to be given.",
            "type": "object",
            "minProperties": 1,
            "examples": [{"kind": "live"}],
        },
        "while": {"description": "What has to hold at that moment.", "$ref": "#/$defs/conditions"},
    },
    minProperties=1,
)


def _or_many(description: str, one: str, **more: object) -> Schema:
    return {
        "description": description,
        "type": ["string", "object", "array"],
        "minItems": 1,
        "if": {"type": "array"},
        "then": {"items": {"$ref": one}},
        "else": {"$ref": one},
        **more,
    }


def _named(description: str, *examples: object) -> Schema:
    return {"description": description, "$ref": "#/$defs/terms", "examples": list(examples)}


_RULE: Schema = mapping_of(
    "One rule: before … comes …, before_each … fresh …, between … and … nothing …, or while … also ….",
    {
        "because": {
            "description": "Why: what a person reads when the rule is broken.",
            "type": "string",
            "minLength": 1,
        },
        "before": _named("What must not happen before something else did.", "retake.start_stream"),
        "comes": _named("What has to have happened before; an action has to be done.", "retake.stream_key"),
        "since": _named("It has to have happened since the last time of this.", "studio.encoder"),
        "before_each": _named("What needs something anew each time.", "studio.encoder"),
        "fresh": _named(
            "What has to have happened since the last time; an action has to be done.", "retake.stream_key"
        ),
        "between": _named("From when on something must not happen.", "studio.encoder"),
        "and": _named("Until when; an action has to be done.", "studio.thumbnail"),
        "nothing": _named("What must not happen meanwhile.", "chat.send"),
        "while": {
            "description": "As long as this holds,",
            "$ref": "#/$defs/conditions",
            "examples": ["studio.encoder"],
        },
        "also": {"description": "this holds too.", "$ref": "#/$defs/conditions", "examples": ["chat.respond"]},
    },
    ("because",),
    allOf=[
        {
            "if": {"required": [key]},
            "then": {
                "required": list(needed),
                "properties": {
                    other: {"not": {}}
                    for others, optional in FORMS.values()
                    for other in (*others, *optional)
                    if other not in (*needed, *may)
                },
            },
        }
        for key, (needed, may) in FORMS.items()
    ],
)


def schema() -> Schema:
    """The JSON Schema (2020-12) of a rules file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://retake-flow.invalid/schemas/rules.schema.json",
        "title": "Rules for flows of retake-flow",
        **mapping_of(
            "What holds on every path of a flow.",
            {
                "rules": {
                    "description": "The name of the rules.",
                    "type": "string",
                    "pattern": "^[a-z0-9][a-z0-9-]*$",
                    "examples": ["house"],
                },
                "version": {"description": "The version of this file.", "type": "integer", "minimum": 1},
                "guide": {
                    "description": "The version of the platform's guide that they were written for.",
                    "type": "string",
                    "examples": ["2.1.2"],
                },
                "description": {"description": "What they are for, in words.", "type": "string"},
                "every_path": {
                    **mapping("The rules, by name.", STATE_NAME, {"$ref": "#/$defs/rule"}),
                    "minProperties": 1,
                },
            },
            ("rules", "every_path"),
        ),
        "$defs": {
            "rule": _RULE,
            "terms": _or_many("What happens, or a list of several of which any counts.", "#/$defs/term"),
            "term": {
                "description": "What happens: an action, a state, or a mapping that says more.",
                "type": ["string", "object"],
                "pattern": _ANY,
                "if": {"type": "object"},
                "then": {"$ref": "#/$defs/happening"},
            },
            "happening": _TERM,
            "conditions": _or_many("A condition, or a list of several of which any counts.", "#/$defs/condition"),
            "condition": {
                "description": "An action that an activity performs, an active state, or a mapping that says more.",
                "type": ["string", "object"],
                "pattern": _ANY,
                "if": {"type": "object"},
                "then": {"$ref": "#/$defs/moment"},
            },
            "moment": _CONDITION,
        },
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))

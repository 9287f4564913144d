"""Responder schema: the JSON Schema of `responder:` in a flow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

from retake_flow.flow.duration import EXPECTED, PATTERN
from retake_flow.flow.schema.builders import VARIABLE, Schema, mapping_of

#: Who may answer, by the key that names them.
KINDS: Final = ("greeter", "command", "http", "openai", "module", "agent")
#: Those that are not ours: what they do is not known beforehand.
OUTSIDE: Final = ("command", "http", "openai", "module")
THINKS: Final = 20.0  # seconds
#: How long a message waits for the agent by default.
AGENT_AFTER: Final = "45s"
#: How the greeter welcomes newcomers by default.
GREETINGS: Final = (
    "Welcome, {names}! Good to have you here.",
    "Hello {names}, glad that you found the way.",
    "Good to see you, {names}! Ask me anything.",
    "Hi {names}! Make yourself at home.",
)

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT, "minItems": 1}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1}
_PRICE: Final[Schema] = {"type": "number", "minimum": 0}


def _variable(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": VARIABLE,
        "description": description,
        "errorMessage": "a variable of the environment is named by letters, digits and `_`; what begins with RETAKE_ "
        "is for retake.tv and goes nowhere else",
    }


#: The variables of the environment that a program of the operator's needs.
VARIABLES: Final[Schema] = {
    "type": "array",
    "items": _variable("A variable of the environment that the program needs."),
    "description": "Variables of the environment that the program needs, such as its keys; it has no others of yours.",
}


def _url(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": r"^(?:https://|http://(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?(?:/|$))",
        "description": description,
        "errorMessage": "an address begins with https://, or with http:// when it is on this machine (127.0.0.1)",
    }


_GREETER: Final = mapping_of(
    "Welcomes newcomers by name and thanks for tips, in sentences of one's own.",
    {
        "greetings": {**_TEXTS, "description": "Said to newcomers in turn; {names} stands for their names."},
        "thanks": {**_TEXTS, "description": "Said for tips in turn; {name} is who gave, {amount} how much."},
    },
)
_COMMAND: Final[Schema] = {
    **_TEXTS,
    "description": "A program and its arguments; it runs in the folder of the flow's file.",
}
_HTTP: Final = mapping_of(
    "A web service that is sent each batch of messages.",
    {
        "url": _url("Where batches are posted to."),
        "headers_from": {
            "type": "object",
            "additionalProperties": _variable("The variable of the environment that holds the value."),
            "propertyNames": {
                "pattern": "^[A-Za-z0-9-]+$",
                "errorMessage": "a header is named by letters, digits and `-`",
            },
            "description": "Headers whose values are read from the environment: {Authorization: OWL_AUTHORIZATION}.",
        },
        "secret_from": _variable("The variable that holds the key (whsec_…) with which each request is signed."),
    },
    ("url",),
)
_LIMITS: Final = mapping_of(
    "What it may use; afterwards newcomers are greeted and nothing else is answered.",
    {
        "tokens_per_hour": {**_COUNT, "description": "Tokens within any hour, of questions and answers together."},
        "tokens": {**_COUNT, "description": "Tokens in a run."},
        "cost": {**_PRICE, "description": "Money in a run, in the currency of `price`."},
        "price": mapping_of("What a million tokens cost.", {"input": _PRICE, "output": _PRICE}, ("input", "output")),
        "then": {
            "type": "string",
            "enum": ["greeter", "silence"],
            "default": "greeter",
            "description": "Who answers when the limit is reached.",
        },
    },
    dependentRequired={"cost": ["price"]},
)
_OPENAI: Final = mapping_of(
    "A language model at an address that speaks as OpenAI's does (chat/completions).",
    {
        "url": _url("What comes before /chat/completions, such as https://api.openai.com/v1."),
        "model": {**_TEXT, "description": "The name of the model."},
        "key_from": _variable("The variable of the environment that holds the key; none for a model without one."),
        "persona": {"type": "string", "description": "Who it is and how it speaks."},
        "playbook": {**_TEXTS, "description": "What it does and does not, point by point."},
        "playbook_file": {**_TEXT, "description": "A text file with more of that, beside the flow's file."},
        "max_tokens": {**_COUNT, "default": 400, "description": "The longest answer."},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "limits": _LIMITS,
    },
    ("url", "model"),
)
_MODULE: Final[Schema] = {
    "type": "string",
    "pattern": r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
    "description": "A Python function, as MODULE:FUNCTION; the module is sought in the folder of the flow's file.",
    "errorMessage": "a function is named as MODULE:FUNCTION, such as owl:reply for `def reply(batch)` in owl.py",
}


_TIMEOUT: Final[Schema] = {
    "type": ["string", "number"],
    "pattern": PATTERN,
    "errorMessage": EXPECTED,
    "default": "20s",
    "description": "How long an answer may take.",
}
_OTHERS: Final[Mapping[str, Schema]] = {
    "greeter": _GREETER,
    "command": _COMMAND,
    "variables": VARIABLES,
    "http": _HTTP,
    "openai": _OPENAI,
    "module": _MODULE,
    "timeout": _TIMEOUT,
}


def _one_of(kinds: tuple[str, ...]) -> list[Schema]:
    nobody: Schema = {
        "type": "object",
        "not": {"allOf": [{"not": {"required": [kind]}} for kind in kinds]},
        "errorMessage": f"it names nobody who answers; it takes one of {', '.join(kinds)}",
    }
    alone: Schema = {
        "type": "object",
        "not": {"allOf": [{"required": ["variables"]}, {"not": {"required": ["command"]}}]},
        "errorMessage": "`variables` are those of a program, and it names none; they go with `command`",
    }
    return [nobody, alone, *(_not_both(*pair) for pair in combinations(kinds, 2))]


def _not_both(one: str, other: str) -> Schema:
    return {
        "type": "object",
        "not": {"required": [one, other]},
        "errorMessage": f"it names {one} and {other}, and one answers; "
        f"an overlay takes away what it extends with `{one}: null`",
    }


_AGENT: Final = mapping_of(
    "The agent itself, by the commands `chat` and `reply`, or by MCP.",
    {
        "after": {
            "type": ["string", "number"],
            "pattern": PATTERN,
            "errorMessage": EXPECTED,
            "default": AGENT_AFTER,
            "description": "How long a message waits for the agent.",
        },
        "fallback": {
            "description": "Who answers what has waited too long: `greeter`, `silence`, or another responder.",
            "if": {"type": "string"},
            "then": {"enum": ["greeter", "silence"]},
            "else": {
                "type": "object",
                "properties": dict(_OTHERS),
                "additionalProperties": False,
                "allOf": _one_of(KINDS[:-1]),
            },
            "default": "greeter",
        },
    },
)
#: The schema of the input `responder`.
RESPONDER: Final[Schema] = {
    "type": "object",
    "description": "Who answers instead of the greeting.",
    "properties": {**_OTHERS, "agent": _AGENT},
    "additionalProperties": False,
    "allOf": _one_of(KINDS),
}

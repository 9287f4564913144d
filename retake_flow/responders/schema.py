"""Responder schema: the JSON Schema of `responder:` in a flow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

from retake_flow.flow.duration import EXPECTED, PATTERN
from retake_flow.flow.schema.builders import VARIABLE, Schema, mapping_of

#: The kinds of responders, as a flow names them.
KINDS: Final = ("greeter", "command", "http", "openai", "module", "agent")
#: The kinds that run the operator's code or call a service, so that their behaviour is unknown.
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


#: The name of a variable of the environment, and a time or a number of seconds.
VARIABLE_NAME: Final[Schema] = {
    "type": "string",
    "pattern": VARIABLE,
    "errorMessage": "the name of an environment variable consists of letters, digits and `_`; one that begins with "
    "RETAKE_ is for retake.tv alone",
}
TIME: Final[Schema] = {"type": ["string", "number"], "pattern": PATTERN, "errorMessage": EXPECTED}


def _variable(description: str) -> Schema:
    return {**VARIABLE_NAME, "description": description}


#: The variables of the environment that a program of the operator's needs.
VARIABLES: Final[Schema] = {
    "type": "array",
    "items": _variable("An environment variable that the program needs."),
    "description": "The environment variables that the program needs, such as keys; it gets no others of yours.",
}


def _url(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": r"^(?:https://|http://(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?(?:/|$))",
        "description": description,
        "errorMessage": "an address begins with https://, or with http:// when it is on this machine (127.0.0.1)",
    }


_GREETER: Final = mapping_of(
    "Greets newcomers by name and thanks viewers for tips, in your own sentences.",
    {
        "greetings": {**_TEXTS, "description": "Greetings, used in turn; {names} stands for the names of newcomers."},
        "thanks": {
            **_TEXTS,
            "description": "Thanks for tips, used in turn; {name} is the viewer, {amount} the amount.",
        },
    },
)
_COMMAND: Final[Schema] = {
    **_TEXTS,
    "description": "A program and its arguments; it runs in the folder of the flow's file.",
}
_HTTP: Final = mapping_of(
    "A web service that receives each batch of messages.",
    {
        "url": _url("The address to which batches are posted."),
        "headers_from": {
            "type": "object",
            "additionalProperties": _variable("The environment variable that holds the value."),
            "propertyNames": {
                "pattern": "^[A-Za-z0-9-]+$",
                "errorMessage": "the name of a header consists of letters, digits and `-`",
            },
            "description": "Headers whose values are read from the environment: {Authorization: OWL_AUTHORIZATION}.",
        },
        "secret_from": _variable("The variable that holds the key (whsec_…) with which each request is signed."),
    },
    ("url",),
)
_LIMITS: Final = mapping_of(
    "Limits on its use; when they are reached, newcomers are greeted and nothing else is answered.",
    {
        "tokens_per_hour": {**_COUNT, "description": "Tokens in any hour, for prompts and answers together."},
        "tokens": {**_COUNT, "description": "Tokens in a run."},
        "cost": {**_PRICE, "description": "Money in a run, in the currency of `price`."},
        "price": mapping_of("The price of a million tokens.", {"input": _PRICE, "output": _PRICE}, ("input", "output")),
        "then": {
            "type": "string",
            "enum": ["greeter", "silence"],
            "default": "greeter",
            "description": "What answers once the limit is reached.",
        },
    },
    dependentRequired={"cost": ["price"]},
)
_OPENAI: Final = mapping_of(
    "A language model at an OpenAI-compatible address (chat/completions).",
    {
        "url": _url("The address without /chat/completions, such as https://api.openai.com/v1."),
        "model": {**_TEXT, "description": "The name of the model."},
        "key_from": _variable("The environment variable that holds the key; omit it for a model without one."),
        "persona": {"type": "string", "description": "Who it is and how it speaks."},
        "playbook": {**_TEXTS, "description": "What it does and does not do, point by point."},
        "playbook_file": {**_TEXT, "description": "A text file with more points, in the flow's folder."},
        "max_tokens": {**_COUNT, "default": 400, "description": "The longest answer."},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "limits": _LIMITS,
    },
    ("url", "model"),
)
_MODULE: Final[Schema] = {
    "type": "string",
    "pattern": r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
    "description": "A Python function, as MODULE:FUNCTION; the module is looked up in the flow's folder.",
    "errorMessage": "a function is written MODULE:FUNCTION, such as owl:reply for `def reply(batch)` in owl.py",
}


_TIMEOUT: Final[Schema] = {**TIME, "default": "20s", "description": "The time limit for an answer."}
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
        "errorMessage": f"it names no responder; give one of {', '.join(kinds)}",
    }
    alone: Schema = {
        "type": "object",
        "not": {"allOf": [{"required": ["variables"]}, {"not": {"required": ["command"]}}]},
        "errorMessage": "`variables` are for a program; they need `command`",
    }
    return [nobody, alone, *(_not_both(*pair) for pair in combinations(kinds, 2))]


def _not_both(one: str, other: str) -> Schema:
    return {
        "type": "object",
        "not": {"required": [one, other]},
        "errorMessage": f"it names both {one} and {other}, but only one can answer; "
        f"an overlay removes the inherited one with `{one}: null`",
    }


_AGENT: Final = mapping_of(
    "The agent itself, by the commands `chat` and `reply`, or by MCP.",
    {
        "after": {**TIME, "default": AGENT_AFTER, "description": "How long a message waits for the agent."},
        "fallback": {
            "description": "What answers overdue messages: `greeter`, `silence`, or another responder.",
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
    "description": "The responder, instead of the greeting.",
    "properties": {**_OTHERS, "agent": _AGENT},
    "additionalProperties": False,
    "allOf": _one_of(KINDS),
}

"""Specs of the chat actions."""

from __future__ import annotations

from math import inf
from typing import Final

from retake_flow.actions.chat.entries import EVENTS
from retake_flow.actions.spec_schemas import AGAIN, AGAIN_SLOWLY, CALLED, COUNT, FLAG, NUMBER, TEXT, WHO_AM_I
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.flow.duration import EXPECTED, PATTERN
from retake_flow.flow.schema.builders import Schema, mapping_of
from retake_flow.responders.schema import GREETINGS, RESPONDER

_SILENCE: Final = mapping_of(
    "What is said when nobody has said anything for long: the next message of the list, none of them twice in a "
    "stream; when there is none left, the responder is asked.",
    {
        "after": {
            "type": ["string", "number"],
            "pattern": PATTERN,
            "errorMessage": EXPECTED,
            "description": "How long nobody has said anything, the agent included.",
        },
        "messages": {"type": "array", "items": {**TEXT, "minLength": 1}, "description": "What is said, one each time."},
    },
    ("after",),
)


_DEFAULT_LIMITS: Final = {"per_minute": 20, "length": 500, "replies": 5}


def _limit(name: str, most: int, description: str) -> Schema:
    default = _DEFAULT_LIMITS[name]
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default, "description": description}


_LIMITS: Final = mapping_of(
    "How much is said; what is too fast waits for its turn, what is too much is written into the journal.",
    {
        "per_minute": _limit("per_minute", 600, "Messages a minute."),
        "length": _limit("length", 5_000, "Characters of a message; the rest is cut off."),
        "replies": _limit("replies", 50, "Messages to one batch."),
    },
    default=_DEFAULT_LIMITS,
)

_CHOICES: Final = {
    "type": ["array", "object"],
    "items": {**TEXT, "minLength": 1},
    "additionalProperties": {**TEXT, "minLength": 1, "format": "regex"},
    "minItems": 1,
    "uniqueItems": True,
    "minProperties": 1,
    "description": "What can be voted for: words, or each name with the pattern (RE2) of the messages that mean it.",
}

SPECS: Final = (
    ActionSpec(
        "chat.send",
        "Write into the agent's own chat, or into another agent's.",
        inputs={
            "message": {**TEXT, "minLength": 1},
            "to": {**TEXT, "description": "A userDbId; by default the agent's own."},
            "answers": {
                "type": "array",
                "items": TEXT,
                "description": "The ids of the messages that it answers, so that no responder does; all that were read "
                "when the list is empty.",
            },
        },
        optional=frozenset({"to", "answers"}),
        result={"id": {"type": ["string", "null"]}},
        errors=(*CALLED, "secret"),
        retry=AGAIN,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/chat/send",),
        occasional=WHO_AM_I,
        says="message",
    ),
    ActionSpec(
        "chat.count",
        "Count votes in the agent's chat: each author has one, the last that names exactly one of the choices.",
        inputs={
            "choices": _CHOICES,
            "since": {
                **NUMBER,
                "description": "When the vote began: a time of the run, such as `now` (epoch seconds).",
            },
            "until": {**NUMBER, "description": "When it ends; later messages do not count."},
            "exact": {
                **FLAG,
                "default": False,
                "description": "Whether only messages count that are nothing but a choice.",
            },
        },
        optional=frozenset({"until"}),
        pace=(2.0, inf),
        result={
            "counts": {"type": "object", "description": "The votes for each choice."},
            "total": {**COUNT, "description": "How many authors have voted."},
            "leading": {"type": "array", "description": "The choices with the most votes, several if they are even."},
            "winner": {**TEXT, "description": "The one that leads; empty if none does, or several."},
            "complete": {**FLAG, "description": "Whether all messages could be read; at most about 1,000 are."},
        },
        errors=(*CALLED, "input"),
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/comments",),
        occasional={"GET /chat/": "when no session is active", **WHO_AM_I},
    ),
    ActionSpec(
        "chat.respond",
        "Read what is new in the agent's chat and have it answered; by default newcomers are greeted, once.",
        inputs={
            "since": {
                "type": "number",
                "description": "What is older than this is history: a time of the run, such as `now` (epoch seconds).",
            },
            "greeting": {
                **TEXT,
                "default": GREETINGS[0],
                "description": "What is said to newcomers; {names} stands for their names.",
            },
            "responder": RESPONDER,
            "silence": _SILENCE,
            "limits": _LIMITS,
            "show": {**FLAG, "default": True, "description": "Whether answers show on stream."},
            "speak": {**FLAG, "default": False, "description": "Whether answers are spoken, where there is a voice."},
            "direction": {**TEXT, "description": "What the stream is to be about; the responder is told."},
        },
        optional=frozenset({"responder", "silence", "direction"}),
        public=frozenset({"greeting", "silence", "direction"}),
        outcomes=("done", "idle"),
        pace=(2.0, inf),
        result={"messages": COUNT, "greeted": {"type": "array"}, "said": COUNT, "unanswered": COUNT},
        errors=(*CALLED, "responder", "responder_missing", "missing_program"),
        # Its memory is kept: no message is read twice, and messages in doubt are looked for in the chat.
        idempotency=Idempotency.SAFE,
        requests=("GET /agent/stream/comments",),
        occasional={"POST /agent/stream/chat/send": "when there is something to say", **WHO_AM_I},
        events=EVENTS,
    ),
)

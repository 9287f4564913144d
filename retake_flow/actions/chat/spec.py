"""Specs of the chat actions."""

from __future__ import annotations

from math import inf
from typing import Final

from retake_flow.actions.base import AGAIN, AGAIN_SLOWLY, CALLED, COUNT, FLAG, NUMBER, TEXT, WHO_AM_I, WORDS, described
from retake_flow.actions.chat.entries import EVENTS
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.flow.schema.builders import Schema, mapping_of
from retake_flow.responders.schema import GREETINGS, RESPONDER, TIME

_SILENCE: Final = mapping_of(
    "What to say in a silent chat: the next message of the list, each once in a stream; when none is left, the "
    "responder is asked.",
    {
        "after": described(TIME, "How long nobody, the agent included, has written."),
        "messages": {"type": "array", "items": WORDS, "description": "Messages to use one by one."},
    },
    ("after",),
)


_DEFAULT_LIMITS: Final = {"per_minute": 20, "length": 500, "replies": 5}


def _limit(name: str, most: int, description: str) -> Schema:
    default = _DEFAULT_LIMITS[name]
    return described(COUNT, description, minimum=1, maximum=most, default=default)


_LIMITS: Final = mapping_of(
    "Limits on what the agent writes; the journal records messages that are dropped.",
    {
        "per_minute": _limit("per_minute", 600, "Messages a minute."),
        "length": _limit("length", 5_000, "Characters of a message; the rest is cut off."),
        "replies": _limit("replies", 50, "Replies to one batch."),
    },
    default=_DEFAULT_LIMITS,
)

_CHOICES: Final = {
    "type": ["array", "object"],
    "items": WORDS,
    "additionalProperties": {**TEXT, "minLength": 1, "format": "regex"},
    "minItems": 1,
    "uniqueItems": True,
    "minProperties": 1,
    "description": "The choices: words, or names with a pattern (RE2) for the messages that count for each.",
}

SPECS: Final = (
    ActionSpec(
        "chat.send",
        "Write into the agent's own chat, or into another agent's.",
        inputs={
            "message": WORDS,
            "to": described(TEXT, "A userDbId; by default the agent's own."),
            "answers": {
                "type": "array",
                "items": TEXT,
                "description": "The ids of the messages that it answers, so that no responder does; with an empty "
                "list, all that were read.",
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
        "Count votes in the agent's chat: each author has one vote, the last message that names exactly one choice.",
        inputs={
            "choices": _CHOICES,
            "since": described(NUMBER, "When the vote began: a time of the run, such as `now` (epoch seconds)."),
            "until": described(NUMBER, "When it ends; later messages do not count."),
            "exact": described(FLAG, "Whether a message counts only if it is nothing but a choice.", default=False),
        },
        optional=frozenset({"until"}),
        pace=(2.0, inf),
        result={
            "counts": {"type": "object", "description": "The votes for each choice."},
            "total": described(COUNT, "How many authors have voted."),
            "leading": {"type": "array", "description": "The choices with the most votes; several in a tie."},
            "winner": described(TEXT, "The leading choice; empty if there is none, or a tie."),
            "complete": described(FLAG, "Whether all messages were read; the limit is about 1,000."),
        },
        errors=(*CALLED, "input"),
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/comments",),
        occasional={"GET /chat/": "when no session is active", **WHO_AM_I},
    ),
    ActionSpec(
        "chat.respond",
        "Read new messages in the agent's chat and answer them; by default newcomers are greeted, once.",
        inputs={
            "since": described(NUMBER, "Older messages are history: a time of the run, such as `now` (epoch seconds)."),
            "greeting": described(
                TEXT, "The greeting for newcomers; {names} stands for their names.", default=GREETINGS[0]
            ),
            "responder": RESPONDER,
            "silence": _SILENCE,
            "limits": _LIMITS,
            "show": described(FLAG, "Whether answers show on stream.", default=True),
            "speak": described(FLAG, "Whether answers are spoken, where there is a voice.", default=False),
            "direction": described(TEXT, "What the stream should be about; passed to the responder."),
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

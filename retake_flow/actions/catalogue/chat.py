"""The declarations of the actions of chat."""

from __future__ import annotations

from math import inf
from typing import Final

from retake_flow.actions.catalogue.schemas import CALLED, COUNT, TEXT, WHO_AM_I
from retake_flow.flow.catalogue import ActionSpec, Idempotency
from retake_flow.responders.forms import RESPONDER
from retake_flow.responders.greeter import GREETINGS

SPECS: Final = (
    ActionSpec(
        "chat.send",
        "Write into the agent's own chat, or into another agent's.",
        inputs={
            "message": {**TEXT, "minLength": 1},
            "to": {**TEXT, "description": "A userDbId; by default the agent's own."},
        },
        optional=frozenset({"to"}),
        result={"id": {"type": ["string", "null"]}},
        errors=CALLED,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/chat/send",),
        occasional=WHO_AM_I,
        says="message",
    ),
    ActionSpec(
        "chat.respond",
        "Read what is new in the agent's chat and have it answered; by default newcomers are greeted, once.",
        inputs={
            "since": {"type": "number", "description": "What is older than this is history (epoch seconds)."},
            "greeting": {
                **TEXT,
                "default": GREETINGS[0],
                "description": "What is said to newcomers; {names} stands for their names.",
            },
            "responder": RESPONDER,
        },
        optional=frozenset({"responder"}),
        public=frozenset({"greeting"}),
        outcomes=("done", "idle"),
        pace=(2.0, inf),
        result={"messages": COUNT, "greeted": {"type": "array"}, "said": COUNT, "unanswered": COUNT},
        errors=(*CALLED, "responder", "missing_program"),
        # Its memory is kept, so that after a crash at most what was just being said is said again.
        idempotency=Idempotency.SAFE,
        requests=("GET /agent/stream/comments",),
        occasional={"POST /agent/stream/chat/send": "when there is something to say", **WHO_AM_I},
    ),
)

"""Specs of the sharing actions."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.spec_schemas import TEXT
from retake_flow.flow.action_spec import ActionSpec, Idempotency

SPECS: Final = (
    ActionSpec(
        "share.moltbook",
        "Post on Moltbook, when MOLTBOOK_API_KEY is set; `held` means that nobody sees it before `share.verify`.",
        inputs={
            "message": {**TEXT, "minLength": 1},
            "title": {**TEXT, "minLength": 1},
            "submolt": {**TEXT, "minLength": 1, "default": "general", "description": "The community, by name."},
        },
        outcomes=("done", "held", "skipped"),
        result={"id": TEXT, "url": TEXT, "code": TEXT, "challenge": TEXT, "why": TEXT},
        errors=("share", "secret"),
        idempotency=Idempotency.ONCE,
        public=frozenset({"title"}),
        says="message",
        samples={"url": "https://www.moltbook.com/post/‹id›"},
    ),
    ActionSpec(
        "share.verify",
        "Answer the challenge with which Moltbook holds a post back.",
        inputs={"code": {**TEXT, "minLength": 1}, "answer": {**TEXT, "minLength": 1}},
        errors=("share", "secret"),
        idempotency=Idempotency.ONCE,
    ),
)

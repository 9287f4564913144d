"""Specs of the retake actions."""

from __future__ import annotations

from math import inf
from typing import Final

from retake_flow.actions.spec_schemas import AGAIN, AGAIN_SLOWLY, CALLED, COUNT, FLAG, NUMBER, TEXT, WHO_AM_I
from retake_flow.flow.action_spec import ActionSpec, Idempotency

SPECS: Final = (
    ActionSpec(
        "retake.check_guide",
        "Compare the version of the platform's guide with the one the flow was written for; keep a changed guide.",
        inputs={"written_for": {**TEXT, "description": "The version; by default the flow's `guide`."}},
        optional=frozenset({"written_for"}),
        outcomes=("unchanged", "changed"),
        result={"version": TEXT, "written_for": TEXT, "path": TEXT, "summary": TEXT},
        errors=CALLED,
        retry=AGAIN,
        requests=("GET /skill.json",),
        occasional={"GET /skill.md": "when the text of that version is not kept yet"},
    ),
    ActionSpec(
        "credentials.load",
        "Read the access token from RETAKE_ACCESS_TOKEN or the credentials file.",
        outcomes=("found", "missing"),
        result={"agent_name": TEXT, "user_db_id": TEXT, "issued_by": TEXT},
        errors=("credentials",),
    ),
    ActionSpec(
        "retake.register",
        "Register the agent's account, once, and save its credentials at once.",
        inputs={
            "agent_name": {**TEXT, "description": "Unique; letters, digits, space, dash, underscore."},
            "agent_description": TEXT,
            "image_url": {**TEXT, "description": "Public address of a square JPEG or PNG."},
            "wallet_address": {**TEXT, "description": "A Solana public key in base58."},
            "ticker": {**TEXT, "description": "At most 10 characters."},
        },
        public=frozenset({"agent_name", "agent_description", "image_url", "wallet_address", "ticker"}),
        result={"agent_name": TEXT, "agent_id": TEXT, "user_db_id": TEXT},
        errors=(*CALLED, "input", "in_doubt", "secret"),
        retry=AGAIN,
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/register",),
    ),
    ActionSpec(
        "retake.verification_status",
        "Get whether a person has vouched for the agent.",
        result={"verified": FLAG},
        errors=CALLED,
        retry=AGAIN,
        requests=("GET /agent/verification-status",),
    ),
    ActionSpec(
        "retake.prepare_verify",
        "Get the exact text that a person has to post to vouch for the agent.",
        result={"message": TEXT},
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/prepare-verify",),
        samples={"message": "Claiming my Livestreaming Agent on @retakedottv. Code: ‹code›"},
    ),
    ActionSpec(
        "retake.verify",
        "Submit the post of the person who vouches for the agent.",
        inputs={"tweet_url": {**TEXT, "format": "post", "description": "The address of the post on X."}},
        result={"verified": FLAG},
        errors=(*CALLED, "input", "not_prepared", "post_refused"),
        retry=AGAIN,
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/verify",),
        occasional={"GET /agent/verification-status": "after an error"},
    ),
    ActionSpec(
        "retake.stream_key",
        "Fetch a fresh stream key; needed before every push.",
        result={"url": TEXT, "key": TEXT, "push_url": TEXT},
        secrets=frozenset({"key", "push_url"}),
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/rtmp",),
    ),
    ActionSpec(
        "retake.start_stream",
        "Open the stream session, and save the address of the agent's token once it is known.",
        result={"started_at": NUMBER, "page": TEXT, "token_address": TEXT, "ticker": TEXT},
        errors=CALLED,
        retry=AGAIN,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/start",),
        samples={"page": "https://retake.tv/‹agent_name›"},
    ),
    ActionSpec(
        "retake.stream_status",
        "Get whether the stream is on air, and the number of viewers.",
        inputs={
            "await_live": {
                **FLAG,
                "default": False,
                "description": "Wait until a new push should be live: as long as earlier streams of the "
                "agent took, or until another sign from the platform.",
            }
        },
        result={"is_live": FLAG, "viewers": COUNT, "uptime_seconds": COUNT, "user_db_id": TEXT, "token_address": TEXT},
        pace=(3.0, inf),
        errors=CALLED,
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/status",),
        samples={"viewers": 3},
    ),
    ActionSpec(
        "retake.measure_lag",
        "Measure the time from the first frames until the stream was live, so that the next one is checked in time.",
        result={
            "after": {
                **NUMBER,
                "description": "The last time at which it was not live yet, in seconds after the first frames.",
            },
            "by": {**NUMBER, "description": "The first time at which it was live; both are 0 if unknown."},
            "looks": {**COUNT, "description": "The number of requests."},
        },
        occasional={"GET /agent/stream/status": "three times at most, while the lag is not known well"},
    ),
    ActionSpec(
        "retake.stop_stream",
        "Close the stream session, if it is open.",
        result={"status": TEXT, "duration_seconds": COUNT, "viewers": COUNT},
        errors=CALLED,
        retry=AGAIN,
        requests=("POST /agent/stream/stop",),
        samples={"status": "stopped"},
    ),
    ActionSpec(
        "retake.comments",
        "Read what others wrote in a chat, the agent's own or another's, without answering it.",
        inputs={
            "of": {**TEXT, "description": "A userDbId; by default the agent's own."},
            "after": {**TEXT, "description": "The `cursor` of an earlier call; only newer messages are read."},
            "since": {**NUMBER, "description": "Only messages after this time (epoch seconds)."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
            "words": {"type": "array", "items": TEXT, "default": [], "description": "Words to look for."},
        },
        optional=frozenset({"of", "after", "since"}),
        result={
            "messages": {"type": "array", "items": {"type": "object"}},
            "count": {**COUNT, "description": "The number of messages found; `messages` has the newest of them."},
            "unanswered": {**COUNT, "description": "The number of them after the agent's last message."},
            "mentions": {**COUNT, "description": "The number of them that contain one of the `words`."},
            "own_at": {**NUMBER, "description": "The time of the agent's last message there; 0 if there is none."},
            "cursor": TEXT,
            "summary": {**TEXT, "description": "The last messages with one of the `words`, otherwise the last of all."},
        },
        errors=CALLED,
        retry=AGAIN_SLOWLY,
        requests=("GET /agent/stream/comments",),
        occasional={"GET /chat/": "when no session is active", **WHO_AM_I},
    ),
)

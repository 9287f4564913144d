"""The declarations of all actions: what flows are checked against and `retake-flow actions` prints."""

from __future__ import annotations

from math import inf
from typing import Any, Final

from retake_flow.flow.catalogue import ActionSpec, Catalogue, Idempotency
from retake_flow.flow.duration import PATTERN

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_COUNT: Final[dict[str, Any]] = {"type": "integer"}
_FLAG: Final[dict[str, Any]] = {"type": "boolean"}
_CALLED: Final = ("unauthorized", "rejected", "rate_limited", "unavailable", "unreachable", "redirected",
                  "unexpected_answer", "not_found", "no_session", "credentials")  # fmt: skip
_STARTED: Final = ("missing_program", "process_failed", "not_ready", "no_display")
_SERVICE: Final = ("ready", "exited")
_WHO_AM_I: Final = {"GET /agent/stream/status": "when the agent's userDbId is not known yet"}
_SIZE: Final[dict[str, Any]] = {"type": "string", "pattern": r"^\d{2,5}x\d{2,5}$", "default": "1280x720"}

_SPECS: Final = (
    ActionSpec(
        "retake.check_guide",
        "Compare the version of the platform's guide with the one the flow was written for; keep a changed guide.",
        inputs={"written_for": {**_TEXT, "description": "The version; by default the flow's `guide`."}},
        optional=frozenset({"written_for"}),
        outcomes=("unchanged", "changed"),
        result={"version": _TEXT, "written_for": _TEXT, "path": _TEXT},
        errors=_CALLED,
        requests=("GET /skill.json",),
        occasional={"GET /skill.md": "when the guide has changed"},
    ),
    ActionSpec(
        "credentials.load",
        "Read the access token from RETAKE_ACCESS_TOKEN or the credentials file.",
        outcomes=("found", "missing"),
        result={"agent_name": _TEXT, "user_db_id": _TEXT, "issued_by": _TEXT},
        errors=("credentials",),
    ),
    ActionSpec(
        "retake.register",
        "Create the agent's account, once, and save its credentials before anything else happens.",
        inputs={
            "agent_name": {**_TEXT, "description": "Unique; letters, digits, space, dash, underscore."},
            "agent_description": _TEXT,
            "image_url": {**_TEXT, "description": "Public address of a square JPEG or PNG."},
            "wallet_address": {**_TEXT, "description": "A Solana public key in base58."},
            "ticker": {**_TEXT, "description": "At most 10 characters."},
        },
        public=frozenset({"agent_name", "agent_description", "image_url", "wallet_address", "ticker"}),
        result={"agent_name": _TEXT, "agent_id": _TEXT, "user_db_id": _TEXT},
        errors=(*_CALLED, "input"),
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/register",),
    ),
    ActionSpec(
        "retake.verification_status",
        "Ask whether a person has vouched for the agent.",
        result={"verified": _FLAG},
        errors=_CALLED,
        requests=("GET /agent/verification-status",),
    ),
    ActionSpec(
        "retake.prepare_verify",
        "Ask for the text that a person has to post, word for word, to vouch for the agent.",
        result={"message": _TEXT},
        errors=_CALLED,
        requests=("POST /agent/prepare-verify",),
        samples={"message": "Claiming my Livestreaming Agent on @retakedottv. Code: ‹code›"},
    ),
    ActionSpec(
        "retake.verify",
        "Hand in the post of a person who vouches for the agent.",
        inputs={"tweet_url": {**_TEXT, "format": "post", "description": "The address of the post on X."}},
        result={"verified": _FLAG},
        errors=(*_CALLED, "input", "not_prepared", "post_refused"),
        idempotency=Idempotency.VERIFY,
        requests=("POST /agent/verify",),
        occasional={"GET /agent/verification-status": "after an error"},
    ),
    ActionSpec(
        "retake.stream_key",
        "Fetch a fresh stream key; needed before every push.",
        result={"url": _TEXT, "key": _TEXT, "push_url": _TEXT},
        secrets=frozenset({"key", "push_url"}),
        errors=_CALLED,
        requests=("POST /agent/rtmp",),
    ),
    ActionSpec(
        "retake.start_stream",
        "Open the stream session, and save the agent's token on the chain when it is told for the first time.",
        result={"started_at": {"type": "number"}, "page": _TEXT, "token_address": _TEXT, "ticker": _TEXT},
        errors=_CALLED,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/start",),
        samples={"page": "https://retake.tv/‹agent_name›"},
    ),
    ActionSpec(
        "retake.stream_status",
        "Ask whether the stream is on air, and who watches.",
        result={"is_live": _FLAG, "viewers": _COUNT, "uptime_seconds": _COUNT, "user_db_id": _TEXT},
        pace=(3.0, inf),
        errors=_CALLED,
        requests=("GET /agent/stream/status",),
        samples={"viewers": 3},
    ),
    ActionSpec(
        "retake.stop_stream",
        "Close the stream session; one that is closed already counts as closed.",
        result={"status": _TEXT, "duration_seconds": _COUNT, "viewers": _COUNT},
        errors=_CALLED,
        requests=("POST /agent/stream/stop",),
        samples={"status": "stopped"},
    ),
    ActionSpec(
        "studio.display",
        "Start a virtual display (Xvfb) with a number that nobody else uses.",
        inputs={"size": _SIZE},
        outcomes=_SERVICE,
        result={"display": _TEXT, "size": _TEXT},
        errors=_STARTED,
        service=True,
        programs=("Xvfb",),
    ),
    ActionSpec(
        "studio.window_manager",
        "Start the window manager (openbox) on the display.",
        outcomes=_SERVICE,
        errors=_STARTED,
        service=True,
        programs=("openbox",),
    ),
    ActionSpec(
        "studio.content",
        "Show the stream log on the display (xterm).",
        outcomes=_SERVICE,
        errors=_STARTED,
        service=True,
        programs=("xterm",),
    ),
    ActionSpec(
        "studio.encoder",
        "Send the display to the platform (ffmpeg); ready when frames have been sent.",
        inputs={
            "to": {"type": "object", "description": "The result of retake.stream_key."},
            "framerate": {"type": "integer", "minimum": 1, "maximum": 60, "default": 30},
            "bitrate": {"type": "string", "pattern": r"^\d+k$", "default": "1500k"},
        },
        outcomes=_SERVICE,
        errors=_STARTED,
        service=True,
        programs=("ffmpeg",),
    ),
    ActionSpec(
        "studio.thumbnail",
        "Take a picture of the display and make it the stream's thumbnail.",
        result={"thumbnail_url": _TEXT, "bytes": _COUNT},
        pace=(120.0, 300.0),
        errors=(*_CALLED, *_STARTED),
        programs=("scrot",),
        requests=("POST /agent/update-thumbnail",),
    ),
    ActionSpec(
        "studio.show",
        "Write a line on the stream.",
        inputs={"text": _TEXT},
        errors=("no_display",),
        says="text",
    ),
    ActionSpec(
        "chat.send",
        "Write into the agent's own chat, or into another agent's.",
        inputs={
            "message": {**_TEXT, "minLength": 1},
            "to": {**_TEXT, "description": "A userDbId; by default the agent's own."},
        },
        optional=frozenset({"to"}),
        result={"id": {"type": ["string", "null"]}},
        errors=_CALLED,
        idempotency=Idempotency.ONCE,
        requests=("POST /agent/stream/chat/send",),
        occasional=_WHO_AM_I,
        says="message",
    ),
    ActionSpec(
        "chat.respond",
        "Read what is new in the agent's chat and have it answered; without a responder newcomers are greeted, once.",
        inputs={
            "since": {"type": "number", "description": "What is older than this is history (epoch seconds)."},
            "greeting": {
                **_TEXT,
                "default": "Welcome, {names}! Good to have you here.",
                "description": "What is said to newcomers; {names} stands for their names.",
            },
            "responder": {
                "type": "object",
                "description": "Who answers instead of the greeting: a program of your own.",
                "properties": {
                    "command": {
                        "type": "array",
                        "items": _TEXT,
                        "minItems": 1,
                        "description": "The program and its arguments; it runs in the folder of the flow's file.",
                    },
                    "timeout": {
                        "type": ["string", "number"],
                        "pattern": PATTERN,
                        "default": "20s",
                        "description": "How long it may think about an answer.",
                    },
                },
                "required": ["command"],
                "additionalProperties": False,
            },
        },
        optional=frozenset({"responder"}),
        public=frozenset({"greeting"}),
        outcomes=("done", "idle"),
        pace=(2.0, inf),
        result={"messages": _COUNT, "greeted": {"type": "array"}, "said": _COUNT, "unanswered": _COUNT},
        errors=(*_CALLED, "responder", "missing_program"),
        # Its memory is kept, so that after a crash at most what was just being said is said again.
        idempotency=Idempotency.SAFE,
        requests=("GET /agent/stream/comments",),
        occasional={"POST /agent/stream/chat/send": "when there is something to say", **_WHO_AM_I},
    ),
    ActionSpec(
        "operator.tell",
        "Tell the operator something: in the terminal, in the journal, and by notices.",
        inputs={
            "message": {**_TEXT, "minLength": 1},
            "kind": {"type": "string", "enum": ["told", "live", "trouble"], "default": "told"},
        },
        says="message",
    ),
)

CATALOGUE: Final[Catalogue] = {spec.name: spec for spec in _SPECS}

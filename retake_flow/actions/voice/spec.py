"""Specs of the voice actions."""

from __future__ import annotations

from typing import Final

from retake_flow.actions.spec_schemas import FLAG, SERVICE, TEXT
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.responders.schema import VARIABLES

SPECS: Final = (
    ActionSpec(
        "studio.sound",
        "Give the stream a sound of its own (PulseAudio), so that speech is heard; silent where it is not installed.",
        inputs={
            "voice": {
                "type": "object",
                "description": "What speaks instead of espeak-ng.",
                "properties": {
                    "command": {
                        "type": "array",
                        "items": TEXT,
                        "minItems": 1,
                        "description": "A program and its arguments; it reads the text, and writes WAV or plays it.",
                    },
                    "variables": VARIABLES,
                },
                "required": ["command"],
                "additionalProperties": False,
            },
        },
        optional=frozenset({"voice"}),
        outcomes=SERVICE,
        result={
            "sound": {**TEXT, "description": "pulseaudio or silent"},
            "server": TEXT,
            "sink": TEXT,
            "speaks": {**FLAG, "description": "Whether there is a program that can speak."},
            "reason": {**TEXT, "description": "Why it is silent."},
        },
        service=True,
        programs=("pulseaudio",),
        samples={"sound": "pulseaudio", "speaks": True, "reason": ""},
    ),
    ActionSpec(
        "studio.speak",
        "Speak a text on the stream; one at a time, and done when it was heard.",
        inputs={"text": {**TEXT, "description": "Anybody's; what is longer than 500 characters is cut."}},
        errors=("no_voice", "missing_program", "host", "process_failed", "not_ready", "secret"),
        idempotency=Idempotency.ONCE,
        programs=("paplay", "espeak-ng"),
        says="text",
    ),
)

"""Voice actions: the sound of the stream, and speech on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from retake_flow.actions.base import FLAG, SERVICE, TEXT, Family, described
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.responders.schema import VARIABLES

SPECS: Final = (
    ActionSpec(
        "studio.sound",
        "Start the sound of the stream (PulseAudio), so that it can speak; silent if PulseAudio is not installed.",
        inputs={
            "voice": {
                "type": "object",
                "description": "The program that speaks, instead of espeak-ng.",
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
            }
        },
        optional=frozenset({"voice"}),
        outcomes=SERVICE,
        result={
            "sound": described(TEXT, "pulseaudio or silent"),
            "server": TEXT,
            "sink": TEXT,
            "speaks": described(FLAG, "Whether there is a program that can speak."),
            "reason": described(TEXT, "Why it is silent."),
        },
        service=True,
        programs=("pulseaudio",),
        samples={"sound": "pulseaudio", "speaks": True, "reason": ""},
    ),
    ActionSpec(
        "studio.speak",
        "Speak a text on stream, one at a time; done when it has been heard.",
        inputs={"text": described(TEXT, "The text; it is cut after 500 characters.")},
        errors=("no_voice", "missing_program", "host", "process_failed", "not_ready", "secret"),
        idempotency=Idempotency.ONCE,
        programs=("paplay", "espeak-ng"),
        says="text",
    ),
)


class Speaker(Protocol):
    """The sound of one run's studio; `retake_flow.studio.studio.Studio` has a real one."""

    def sound(self, voice: Sequence[str], variables: Sequence[str]) -> AbstractAsyncContextManager[Service]:
        """Start the sound; silent if there can be none.

        Args:
            voice: The program that speaks, if not the default.
            variables: Names of environment variables that it needs.
        """

    async def speak(self, text: str) -> None:
        """Speak a text; returns once it has been played."""


class VoiceActions(Family):
    """The sound and speech of one run."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._reported = ""
        self.tasks = {"studio.speak": self.speak}
        self.services = {"studio.sound": self.sound}

    @asynccontextmanager
    async def sound(self, call: Call) -> AsyncIterator[Service]:
        """Start the sound; if it is silent, report that once."""
        voice = call.inputs.get("voice") or {}
        command, names = ([str(word) for word in voice.get(key, ())] for key in ("command", "variables"))
        async with self._speaker.sound(command, names) as sound:
            reason = str(sound.value.get("reason", ""))
            if reason not in ("", self._reported):
                self._reported = reason
                call.note("sound_silent", reason=reason)
            yield sound

    async def speak(self, call: Call) -> Completion:
        """Speak a text on stream."""
        await self._speaker.speak(str(call.inputs["text"]))
        return Completion()

"""Voice actions: the sound of the stream, and speech on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from retake_flow.actions.base import Family
from retake_flow.ports.actions import Call, Completion, Service


class Speaker(Protocol):
    """The sound of one run's studio; `retake_flow.studio.studio.Studio` has a real one."""

    def sound(self, voice: Sequence[str], variables: Sequence[str]) -> AbstractAsyncContextManager[Service]:
        """Start the sound; silent if there can be none.

        Args:
            voice: The program that speaks, if not the default.
            variables: Names of environment variables that it needs.
        """
        ...

    async def speak(self, text: str) -> None:
        """Speak a text; returns when it was heard."""
        ...


class VoiceActions(Family):
    """The sound and speech of one run."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._told = ""
        self.tasks = {"studio.speak": self.speak}
        self.services = {"studio.sound": self.sound}

    @asynccontextmanager
    async def sound(self, call: Call) -> AsyncIterator[Service]:
        """Start the sound; if it is silent, report that once."""
        voice = call.inputs.get("voice") or {}
        command, names = ([str(word) for word in voice.get(key, ())] for key in ("command", "variables"))
        async with self._speaker.sound(command, names) as sound:
            reason = str(sound.value.get("reason", ""))
            if reason not in ("", self._told):
                self._told = reason
                call.note("sound_silent", reason=reason)
            yield sound

    async def speak(self, call: Call) -> Completion:
        """Speak a text on stream."""
        await self._speaker.speak(str(call.inputs["text"]))
        return Completion()

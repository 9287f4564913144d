"""The actions of the voice."""

from __future__ import annotations

import pytest

from retake_flow.errors import NoVoice
from retake_flow.ports.actions import Call
from retake_flow.testing.fakes.studio_programs import Trouble


def call(s, **inputs):
    """One performance of the service."""
    return Call("run", "place", 1, "studio.sound", inputs, {}, "key", s._note)


def test_what_is_spoken_is_heard_as_long_as_there_is_a_sound(play):
    """Speaking needs the sound, and says so when it is not there."""

    async def scene(s):
        async with s.performer.serve(call(s)) as sound:
            assert sound.value["speaks"]
            await s.perform("studio.speak", text="hello")
        with pytest.raises(NoVoice):
            await s.perform("studio.speak", text="too late")
        return s.studio.spoken, s.notes

    assert play(scene) == (["hello"], [])


def test_a_silent_sound_is_ready_and_told_of_once(play):
    """However often the service is started: the stream goes on, and the reason is journalled the first time."""

    async def scene(s):
        s.studio._troubles.append(Trouble("sound", "is missing", times=None))
        for _ in range(2):
            async with s.performer.serve(call(s, voice={"command": ["piper"]})) as sound:
                assert sound.value["sound"] == "silent"
        return s.notes

    [told] = play(scene)
    assert told["event"] == "sound_silent"
    assert told["reason"].startswith("pulseaudio is not installed")

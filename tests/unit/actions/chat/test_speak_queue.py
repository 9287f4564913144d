"""Replies that are heard."""

from __future__ import annotations

import asyncio

from retake_flow.actions.chat.speak_queue import SpeakQueue
from retake_flow.errors import ProcessFailed
from retake_flow.whatif.virtual_time import run


class Voice:
    """Speaks for a second; fails when it is told to."""

    def __init__(self):
        self.spoken, self.notes, self.broken = [], [], False

    async def speak(self, text):
        await asyncio.sleep(1.0)
        if self.broken:
            raise ProcessFailed("it has no voice")
        self.spoken.append(text)

    def note(self, event, **fields):
        self.notes.append((event, fields["text"], fields["message"]))


def test_texts_are_spoken_in_order_and_nobody_waits():
    """One after the other."""

    async def scene():
        voice = Voice()
        aloud = SpeakQueue(voice.speak, voice.note)
        for text in "abc":
            aloud.say(text)
        began = asyncio.get_running_loop().time()
        await aloud.finish()
        return voice.spoken, asyncio.get_running_loop().time() - began

    assert run(scene()) == (["a", "b", "c"], 3.0)


def test_whoever_is_to_be_silent_is():
    """In the middle of a sentence, and nothing of it goes on."""

    async def scene():
        voice = Voice()
        aloud = SpeakQueue(voice.speak, voice.note)
        for text in "abc":
            aloud.say(text)
        await asyncio.sleep(1.5)
        await aloud.close()
        return voice.spoken, len(asyncio.all_tasks())

    assert run(scene()) == (["a"], 1)


def test_a_voice_that_fails_is_told_of_once():
    """And again when it has failed anew; chat does not hear of it."""

    async def scene():
        voice = Voice()
        aloud = SpeakQueue(voice.speak, voice.note)
        for broken in (True, True, False, True):
            voice.broken = broken
            aloud.say(f"{broken}")
            await aloud.finish()
        return voice.spoken, voice.notes

    spoken, notes = run(scene())
    assert spoken == ["False"]
    assert notes == [("chat_unspoken", "True", "it has no voice")] * 2


def test_too_much_is_not_spoken():
    """Speech that is minutes late says nothing to anybody."""

    async def scene():
        voice = Voice()
        aloud = SpeakQueue(voice.speak, voice.note)
        for number in range(20):
            aloud.say(f"{number}")
        await aloud.finish()
        return voice.spoken, voice.notes

    spoken, notes = run(scene())
    assert spoken == [f"{number}" for number in range(10)]
    assert [text for _, text, _ in notes] == ["10"]

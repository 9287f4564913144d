"""What is to be said, and what may have been."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from retake_flow.actions.chat.outbox import MOST_WAITING, SETTLES, Outbox, SpeakQueue
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.actions.chat.turn import Limits, Silence, Turn
from retake_flow.errors import ProcessFailed, Unavailable
from retake_flow.ports.actions import Call
from retake_flow.whatif.virtual_time import run

ACCESS = SimpleNamespace(credentials=SimpleNamespace(user_db_id="user_owl"))
LIMITS = {"per_minute": 3, "length": 20, "replies": 2}


class Chat:
    """Says what an outbox holds; its process may die, and then the outbox is what was kept last."""

    def __init__(self):
        self.time, self.said, self.fails, self.kept = 100.0, [], None, {}
        self.restart()

    def restart(self):
        """Begin another process."""
        kept = json.loads(json.dumps(self.kept))
        self.outbox = Outbox(kept, self.post, OwnMessages(ACCESS, self.now), self.now)
        inputs = {"limits": LIMITS, "show": False, "speak": False}
        self.turn = Turn(Call("r", "p", 1, "chat.respond", inputs, {}, "key"), self.outbox.snapshot)

    def now(self):
        """The time."""
        return self.time

    async def post(self, text, _to):
        """Send a message, or fail; what is kept before is what a crash leaves."""
        self.kept = self.outbox.snapshot()
        if self.fails is not None:
            raise self.fails
        self.said.append(text)

    def flush(self, *texts, at=0.0):
        """Queue texts and send what can be."""
        self.time = at or self.time
        self.outbox.queue(texts)
        asyncio.run(self.outbox.flush(self.turn))
        self.kept = self.outbox.snapshot()


@pytest.fixture
def chat():
    """An empty one."""
    return Chat()


def test_texts_are_stripped_cut_and_counted():
    """On one line each; those too many are given back, cut as well."""
    texts = ["\x1b[31mred\x1b[0m\r\n line", " \x00 ", "x" * 30, "more", "\u202eeven more"]
    said, too_many = Limits(**LIMITS).apply(texts)
    assert said == ["red line", "x" * 20]
    assert too_many == ["more", "even more"]


def test_so_many_a_minute_and_no_more(chat):
    """The fourth has to wait until the first was a minute ago, also over a crash."""
    for number, text in enumerate("abcd"):
        chat.flush(text, at=100.0 + number)
    chat.restart()
    chat.flush(at=159.5)
    assert (chat.said, chat.outbox.waiting) == (["a", "b", "c"], ["d"])
    chat.flush(at=160.0)
    assert chat.said == ["a", "b", "c", "d"]


def test_too_much_that_waits_is_let_go_of(chat):
    """The oldest first, and it is told which."""
    assert chat.outbox.queue(f"{number}" for number in range(MOST_WAITING)) == []
    assert chat.outbox.queue(["new", "newer"]) == ["0", "1"]
    assert (chat.outbox.waiting[0], chat.outbox.waiting[-1]) == ("2", "newer")


def lost(*, unsure):
    """An error on sending."""
    error = Unavailable()
    error.unsure = unsure
    return error


def test_what_is_being_sent_is_in_doubt_until_it_has_ended(chat):
    """A crash leaves it in doubt; then it is either found, or said again."""
    chat.fails = lost(unsure=True)
    chat.flush("a", "b")
    chat.restart()
    assert (chat.outbox.doubt, chat.outbox.waiting, chat.outbox.pending) == ("a", ["b"], True)
    chat.outbox.find("b", chat.turn)
    assert chat.outbox.doubt == "a"
    chat.outbox.find("a", chat.turn)
    assert (chat.outbox.doubt, chat.outbox.waiting) == ("", ["b"])


def test_what_has_not_arrived_is_said_first(chat):
    """And does not count as said within the minute."""
    chat.fails = lost(unsure=False)
    chat.flush("a", "b")
    assert (chat.outbox.waiting, chat.outbox.snapshot()["times"], chat.outbox.doubt) == (["a", "b"], [], "")


def test_it_is_missing_only_after_a_while(chat):
    """A chat that was polled at once may not have it yet."""
    chat.fails = lost(unsure=True)
    chat.flush("a")
    chat.outbox.requeue_lost(100.0 + SETTLES / 2)
    assert chat.outbox.doubt == "a"
    chat.outbox.requeue_lost(100.0 + SETTLES)
    assert (chat.outbox.doubt, chat.outbox.waiting) == ("", ["a"])


@pytest.mark.parametrize(
    ("said", "seen", "found"),
    [
        ("Hello there, you", "Hello  there,\nyou", True),
        ("Hello there, you", "Hello there", False),
        ("Hello there, you", "", False),
        ("Hello there, you", "Hello there, you all", False),
        ("x" * 300, "x" * 200, True),
        ("x" * 300, "x" * 20, False),
    ],
)
def test_it_is_recognised_by_its_words(chat, said, seen, found):
    """White space may be another, and a long one may have been cut by the platform; nothing else."""
    chat.kept = {"doubt": said}
    chat.restart()
    chat.outbox.find(seen, chat.turn)
    assert (chat.outbox.doubt == "") is found


def test_silence_is_broken_by_each_sentence_once(chat):
    """Whatever was told before is passed over, blank ones too, also over a crash."""
    silence = Silence.of({"silence": {"after": "3m", "messages": ["a", " ", "b", "a"]}})
    assert silence is not None
    assert silence.after == 180.0
    for expected in (True, True, False):
        assert chat.outbox.queue_for_silence(silence.messages, Limits(**LIMITS)) is expected
        chat.flush()
        chat.restart()
    assert chat.said == ["a", "b"]


def test_without_a_word_about_silence_nothing_is_done_against_it():
    """It is for the flow to say."""
    assert Silence.of({}) is None
    assert Silence.of({"silence": {"after": 5}}) == Silence(5.0, ())


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

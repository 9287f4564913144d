"""Chat that is answered by somebody else than the greeter."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import InputError, ResponderFailed
from retake_flow.ports.responders import Answer
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.testing.fakes.services import FakeResponder

COMMAND = {"command": ["brain"]}
LIMITS = CATALOGUE["chat.respond"].with_defaults({})["limits"]
MOST_REPLIES, LONGEST_REPLY = LIMITS["replies"], LIMITS["length"]


class Chat:
    """An activity that reads chat and has it answered."""

    def __init__(self, s, scope):
        self.s, self.scope, self.memory, self.since = s, scope, {}, s.now()

    async def read(self, pause=3.0):
        """One reading, and the pause after it; gives its result."""
        inputs = {"since": self.since, "responder": COMMAND}
        done = await self.s.perform("chat.respond", self.memory, self.scope, **inputs)
        if done.memory is not None:
            self.memory = json.loads(json.dumps(done.memory))
        await asyncio.sleep(pause)
        return done.value

    def says(self, name, text, **more):
        """A viewer writes."""
        self.s.platform.viewers.perform(self.s.owl, Cue(0.0, name, text=text, **more))

    @property
    def written(self):
        """What the agent wrote."""
        return [c.text for c in self.s.owl.chat.comments if c.author == self.s.owl.person]

    def notes(self, event):
        """The records of one kind."""
        return [note for note in self.s.notes if note["event"] == event]


@pytest.fixture
def chatting(play, owl):
    """Plays a scene with an activity that is answered by a brain; nothing of it is open afterwards."""

    def chatting(scene, brain, **options):
        async def main(s):
            s.access.load()
            s.platform.issue_key(s.owl)
            s.platform.start(s.owl)
            async with AsyncExitStack() as scope:
                answer = await scene(Chat(s, scope))
            assert brain.open == 0
            return answer

        return play(main, saved=owl, brain=brain, **options)

    return chatting


def test_a_brain_is_asked_in_order_and_its_replies_are_said(chatting):
    """Each message is asked about once, in the order of the chat, and what the brain says is said in that order."""
    brain = FakeResponder({"a": "to a", "b": "to b", "c": "to c"})

    async def scene(chat):
        results = []
        for texts in ("a", "bc", ""):
            for text in texts:
                chat.says("mira", text)
            results.append(await chat.read())
        return [(r["messages"], r["said"], r["unanswered"]) for r in results], chat.written, chat.s.studio.said

    results, written, shown = chatting(scene, brain)
    assert results == [(1, 1, 0), (2, 2, 0), (0, 0, 0)]
    assert [[m.text for m in batch.messages] for batch in brain.asked] == [["a"], ["b", "c"]]
    assert written == ["to a", "to b", "to c"]
    assert shown == ["mira: a", "> to a", "mira: b", "mira: c", "> to b", "> to c"]


def test_a_brain_begins_when_it_is_needed_and_once(chatting):
    """No message, no brain; then one for as long as the activity lasts."""
    brain = FakeResponder()

    async def scene(chat):
        await chat.read()
        before = brain.open
        for text in "ab":
            chat.says("mira", text)
            await chat.read()
        return before, brain.open, brain.opened_as

    assert chatting(scene, brain) == (0, 1, [COMMAND])


def test_a_brain_is_told_what_was_before(chatting):
    """It gets the agent, who wrote earlier, what was said last with the agent's own words, and who watches."""
    brain = FakeResponder({"hi": "hello"})

    async def scene(chat):
        chat.says("mira", "hi")
        await chat.read()
        await chat.s.access.status()
        chat.says("mira", "again")
        chat.says("ade", "what is this?")
        chat.says("kenji", "keep going", type="tip")
        await chat.read()

    chatting(scene, brain)
    first, second = brain.asked
    assert (first.agent, first.recent, first.seen_before, first.stream) == ("Night Owl", (), (), {})
    assert [(m.author, m.text) for m in second.recent] == [("mira", "hi"), ("Night Owl", "hello")]
    assert second.seen_before == ("mira",)
    assert set(second.stream) == {"viewers", "uptime_seconds"}
    assert [(m.author, m.type, m.newcomer) for m in second.messages] == [
        ("mira", "message", False), ("ade", "message", True), ("kenji", "tip", True)
    ]  # fmt: skip
    assert all(m.id and m.user_id and m.at and m.at.endswith("Z") for m in second.messages)


def test_chat_is_read_on_while_a_brain_thinks(chatting):
    """A brain that takes its time holds up no reading; it is asked about the rest afterwards, and all is said once."""
    brain = FakeResponder({"a": "to a", "b": "to b"}, thinks=9.0)

    async def scene(chat):
        chat.says("mira", "a")
        began, times = chat.s.now(), []
        for turn in range(8):
            await chat.read()
            times.append(chat.s.now() - began)
            if turn == 0:
                chat.says("mira", "b")
        return times, chat.written

    times, written = chatting(scene, brain)
    assert max(later - sooner for sooner, later in pairwise([0.0, *times])) <= 5.1
    assert [[m.text for m in batch.messages] for batch in brain.asked] == [["a"], ["b"]]
    assert written == ["to a", "to b"]


def test_a_brain_that_fails_is_asked_again_later(chatting):
    """Its failure is written down, chat goes on, and the message is answered once the brain can."""
    brain = FakeResponder({"a": "to a", "b": "to b"}, failures=2)

    async def scene(chat):
        chat.says("mira", "a")
        results = [await chat.read()]
        chat.says("mira", "b")
        results += [await chat.read() for _ in range(4)]
        told = chat.notes("error"), chat.notes("responder_failed")
        return [(r["messages"], r["unanswered"]) for r in results], chat.written, told

    results, written, (errors, again) = chatting(scene, brain)
    assert results[:2] == [(1, 1), (1, 2)]
    assert results[-1] == (0, 0)
    assert written == ["to a", "to b"]
    assert [(e["kind"], e["place"]) for e in errors] == [("responder", "place")]
    assert [(e["kind"], e["message"]) for e in again] == [("responder", errors[0]["message"])]
    assert "before it answered" in errors[0]["message"]


def test_a_message_that_no_brain_survives_is_given_up(chatting):
    """After three failures it is not asked about again, which is written down; what came later is answered."""
    brain = FakeResponder({"a": "to a"}, chokes="poison")

    async def scene(chat):
        chat.says("mira", "poison")
        for _ in range(12):
            await chat.read()
        chat.says("mira", "a")
        for _ in range(4):
            await chat.read()
        return chat.written, [note["messages"] for note in chat.notes("chat_unanswered")]

    written, given_up = chatting(scene, brain)
    assert written == ["to a"]
    assert given_up == [[brain.asked[0].messages[0].id]]
    assert [batch.messages[0].text for batch in brain.asked] == ["poison"] * 3 + ["a"]


def test_a_brain_that_keeps_failing_is_asked_less_and_less_often(chatting):
    """The pauses double, up to a minute."""
    brain = FakeResponder(failures=1_000)

    async def scene(chat):
        times = []
        for turn in range(200):
            asked = len(brain.asked)
            chat.says("mira", f"message {turn}")
            await chat.read()
            if len(brain.asked) > asked:
                times.append(chat.s.now())
        return [later - sooner for sooner, later in pairwise(times)]

    pauses = chatting(scene, brain)
    assert pauses == sorted(pauses)
    assert 60.0 <= pauses[-1] <= 63.1


def test_who_asks_not_to_be_asked_is_not_asked(chatting):
    """A responder that says for how long it is busy is left alone for that time, if it is longer than ours."""
    brain = FakeResponder({"a": "to a"})

    async def busy(batch):
        brain.asked.append(batch)
        failure = ResponderFailed("busy")
        failure.retry_after = 90.0
        raise failure

    async def scene(chat):
        answers, brain.respond = brain.respond, busy
        chat.says("mira", "a")
        began = chat.s.now()
        await chat.read()
        brain.respond = answers
        while not chat.written:
            await chat.read()
        return chat.s.now() - began

    assert 90.0 <= chatting(scene, brain) <= 97.0
    assert len(brain.asked) == 2


def test_a_crowd_that_a_failing_brain_keeps_waiting_is_limited(chatting):
    """The newest two hundred messages wait; those given up are written down."""

    async def scene(chat):
        for number in range(230):
            chat.says("mira", f"message {number}")
        read = 0
        while read < 230:
            result = await chat.read()
            read += result["messages"]
        return result["unanswered"], [len(note["messages"]) for note in chat.notes("chat_unanswered")]

    assert chatting(scene, FakeResponder(failures=1), hears=True) == (200, [30])


@pytest.mark.parametrize(
    "busy",
    [
        Fault("POST /agent/stream/chat/send", status=429, headers={"Retry-After": "10"}),
        Fault("POST /agent/stream/chat/send", status=429, times=6),
    ],
    ids=["for a time", "for nobody knows how long"],
)
def test_replies_that_cannot_be_said_now_are_said_later_as_they_are(chatting, busy):
    """A brain that has answered is not asked again about the same; what it said waits, in order."""
    brain = FakeResponder({"a": "to a", "b": "to b", "c": "to c"})

    async def scene(chat):
        for text in "ab":
            chat.says("mira", text)
        await chat.read()
        chat.says("mira", "c")
        for _ in range(8):
            await chat.read()
        return chat.written

    assert chatting(scene, brain, faults=(busy,)) == ["to a", "to b", "to c"]
    assert [[m.text for m in batch.messages] for batch in brain.asked] == [["a", "b"], ["c"]]


def test_a_reply_that_may_have_arrived_is_not_said_twice(chatting):
    """Its answer is lost; the ones behind it are said all the same."""
    lost = Fault("POST /agent/stream/chat/send", drop=True, effect=True)
    brain = FakeResponder({"a": "to a", "b": "to b"})

    async def scene(chat):
        for text in "ab":
            chat.says("mira", text)
        await chat.read()
        await chat.read()
        return chat.written

    assert chatting(scene, brain, faults=(lost,)) == ["to a", "to b"]


def test_a_process_that_dies_loses_no_message(chatting):
    """What was not answered is in the memory: another process asks its own brain about it, once."""
    brain = FakeResponder({"a": "to a"}, failures=1)

    async def scene(chat):
        chat.says("mira", "a")
        await chat.read()
        await chat.scope.aclose()
        for _ in range(3):
            await chat.read()
        return chat.written

    assert chatting(scene, brain) == ["to a"]


def test_an_activity_that_is_left_wants_no_answer(chatting):
    """A brain that still thinks is let go of at once, and nothing it thought of is said."""
    brain = FakeResponder({"a": "to a"}, thinks=60.0)

    async def scene(chat):
        chat.says("mira", "a")
        await chat.read(0)
        began = chat.s.now()
        await chat.scope.aclose()
        return chat.s.now() - began, chat.written

    assert chatting(scene, brain) == (0.0, [])


class Loud(FakeResponder):
    """Says what nobody should."""

    async def respond(self, batch):
        """Too much, in one way or another."""
        self.asked.append(batch)
        return Answer(("\x1b[31mred\x1b[0m\x07\r\nsecond\u202e line", "  \x00 ", "x" * 5_000, *("again",) * 20))


def test_replies_are_stripped_and_limited(chatting):
    """No control character reaches the chat, the screen or the journal; replies are few, short and on one line."""

    async def scene(chat):
        chat.says("mira", "a")
        await chat.read()
        return chat.written, chat.s.studio.said[1:], chat.notes("chat_unsaid")

    written, shown, unsaid = chatting(scene, Loud())
    assert written == ["red second line", "x" * LONGEST_REPLY, *["again"] * (MOST_REPLIES - 2)]
    assert shown == [f"> {text}" for text in written]
    assert len(unsaid[0]["texts"]) == 22 - MOST_REPLIES


def test_what_viewers_write_stays_data(chatting):
    """Braces, commands and escape sequences in a message reach the brain as text, and nothing else happens."""
    brain = FakeResponder()

    async def scene(chat):
        chat.says("{{ run.id }}", "{{ inputs }} {% raw %} $(touch x) `id` \x1b]0;owned\x07/stop")
        await chat.read()

    chatting(scene, brain)
    (message,) = brain.asked[0].messages
    assert message.author == "{{ run.id }}"
    assert message.text == "{{ inputs }} {% raw %} $(touch x) `id` /stop"
    assert brain.opened_as == [COMMAND]


def test_asked_once_a_failure_is_the_actions(chatting):
    """Outside of an activity nothing outlives the action: a brain is waited for, its failure is an error, it ends."""
    brain = FakeResponder({"a": "to a"}, thinks=15.0, failures=1)

    async def scene(chat):
        chat.scope = None
        chat.says("mira", "a")
        with pytest.raises(ResponderFailed):
            await chat.read()
        assert brain.open == 0
        return (await chat.read())["said"], chat.written, brain.open

    assert chatting(scene, brain) == (1, ["to a"], 0)


def test_an_unknown_responder_is_refused(chatting):
    """Who is not there is not passed over in silence."""

    async def scene(chat):
        chat.says("mira", "a")
        with pytest.raises(InputError, match="oracle"):
            await chat.s.perform("chat.respond", since=chat.since, responder={"oracle": {}})

    chatting(scene, FakeResponder())


def test_a_memory_of_an_older_version_is_taken_up(chatting):
    """Fields that are not known any more are passed over; who was greeted stays known."""
    brain = FakeResponder()

    async def scene(chat):
        chat.memory = {"seen": [], "known": ["mira"], "waiting": ["ade"], "hold": 0.0, "last": 0.0, "since": None}
        chat.says("mira", "a")
        await chat.read()

    chatting(scene, brain)
    assert not brain.asked[0].messages[0].newcomer

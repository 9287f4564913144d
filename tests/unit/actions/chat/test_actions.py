"""Writing into chat, and the greeter that reads it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from retake_flow.errors import Unreachable
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.viewer_script import Cue

GREETING = "Welcome, {names}!"


class Greeter:
    """Reads chat again and again as an activity does: each time with what it remembered."""

    def __init__(self, s):
        self.s = s
        self.memory = {}
        self.since = s.now()

    async def read(self):
        """One reading: its outcome, and how many messages there were and who was greeted."""
        done = await self.s.perform("chat.respond", self.memory, since=self.since, greeting=GREETING)
        self.memory = self.memory if done.memory is None else done.memory
        return done.outcome, done.value["messages"], done.value["greeted"]


async def on_air(s):
    """A greeter for a stream that has just begun."""
    s.access.load()
    s.platform.issue_key(s.owl)
    s.platform.start(s.owl)
    return Greeter(s)


def says(s, name, text="hi", **more):
    """A viewer writes."""
    s.platform.viewers.perform(s.owl, Cue(0.0, name, text=text, **more))


def written(s):
    """What the agent wrote."""
    return [c.text for c in s.owl.chat.comments if c.author == s.owl.person]


@pytest.mark.parametrize(("inputs", "noted"), [({}, None), ({"answers": None}, None), ({"answers": ["c1"]}, ["c1"])])
def test_a_message_answers_what_it_names(play, owl, inputs, noted):
    """An input that is None, as an own action passes one on that was left out, is not given."""

    async def scene(s):
        await s.perform("chat.send", message="hello", **inputs)
        return [note.get("answers") for note in s.notes if note["event"] == "chat_sent"]

    assert play(scene, saved=owl) == [noted]


def test_a_message_goes_into_ones_own_chat(play, owl):
    """Without a receiver it is the agent's own chat; the line shows on stream and in the journal."""

    async def scene(s):
        done = await s.perform("chat.send", message="hello all")
        return done.value["id"], written(s), s.studio.said, s.notes

    key, texts, said, notes = play(scene, saved=owl)
    assert key
    assert texts == ["hello all"]
    assert said == ["> hello all"]
    assert notes == [{"event": "chat_sent", "text": "hello all", "id": key}]


def test_a_message_goes_to_another_agent(play, owl):
    """With a receiver it is that agent's chat."""

    async def scene(s):
        other = s.platform.agents.register(
            {
                "agent_name": "Day Owl",
                "agent_description": "x",
                "image_url": "https://e.example/a.png",
                "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
                "ticker": "D",
            },
            s.platform.options,
        )
        await s.perform("chat.send", message="hello", to=other.user_id)
        return [c.text for c in other.chat.comments], written(s)

    assert play(scene, saved=owl) == (["hello"], [])


@pytest.mark.parametrize("shape", ["documented", "observed", "mixed"])
def test_each_newcomer_is_greeted_once(play, owl, shape):
    """Who wrote before is not greeted again, in whichever shape the messages come."""

    async def scene(s):
        greeter = await on_air(s)
        seen = []
        for names in (["mira"], ["mira", "ade"], [], ["ade", "mira"]):
            for name in names:
                says(s, name)
            seen.append((await greeter.read())[1:])
        return seen, written(s)

    seen, texts = play(scene, saved=owl, chat_shape=shape)
    assert seen == [(1, ["mira"]), (2, ["ade"]), (0, []), (2, [])]
    assert texts == ["Welcome, mira!", "Welcome, ade!"]


def test_a_crowd_is_named_in_part(play, owl):
    """A greeting names five at most."""

    async def scene(s):
        greeter = await on_air(s)
        for number in range(1, 8):
            says(s, f"v{number}")
        await greeter.read()
        return written(s)

    assert play(scene, saved=owl) == ["Welcome, v1, v2, v3, v4, v5 and 2 more!"]


def test_a_very_long_name_is_cut(play, owl):
    """Nobody fills the chat with a name."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "x" * 500)
        await greeter.read()
        return written(s)

    assert play(scene, saved=owl) == [f"Welcome, {'x' * 40}!"]


def test_names_and_texts_are_never_filled_in(play, owl):
    """Braces in a name are a name."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "{names}{0}", "{{ inputs }}")
        await greeter.read()
        return written(s)

    assert play(scene, saved=owl) == ["Welcome, {names}{0}!"]


def test_own_messages_are_not_news(play, owl):
    """The agent's own words count as no message, also under a name in other letters."""

    async def scene(s):
        greeter = await on_air(s)
        await s.perform("chat.send", message="hello all")
        return await greeter.read()

    for shape in ("documented", "observed"):
        assert play(scene, saved=replace(owl, agent_name="NIGHT owl"), chat_shape=shape)[1:] == (0, [])


def test_history_is_never_answered(play, owl):
    """What was written long before the stream is not greeted: not at first, nor when more pages are read later."""
    history = tuple(Cue(7200.0 - number, f"old{number}", text="hi") for number in range(130))

    async def scene(s):
        greeter = await on_air(s)
        first = await greeter.read()
        for number in range(60):
            says(s, f"new{number}")
        second = await greeter.read()
        return first[1], second[1], second[2][0], second[2][-1]

    assert play(scene, saved=owl, history=history) == (0, 60, "new0", "new59")


def test_what_was_written_in_an_interruption_is_news(play, owl):
    """A new session moves its beginning; messages since the first one are answered all the same."""

    async def scene(s):
        greeter = await on_air(s)
        await greeter.read()
        says(s, "mira")
        await asyncio.sleep(600)
        greeter.since = s.now()
        return await greeter.read()

    assert play(scene, saved=owl)[1:] == (1, ["mira"])


def test_without_a_session_chat_is_quiet(play, owl):
    """No session is no error, and nothing is forgotten over it."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira")
        await greeter.read()
        memory = dict(greeter.memory)
        s.platform.stop(s.owl)
        return await greeter.read(), greeter.memory == memory

    for status in (404, 409):
        assert play(scene, saved=owl, comments_without_session=status) == (("idle", 0, []), True)


def test_chat_is_quiet_after_half_a_minute(play, owl):
    """A stream that begins counts as lively, and so does chat for thirty seconds after a message."""

    async def scene(s):
        greeter = await on_air(s)
        outcomes = []
        for name, pause in (("", 20), ("", 20), ("mira", 20), ("", 20), ("", 0)):
            if name:
                says(s, name)
            outcomes.append((await greeter.read())[0])
            await asyncio.sleep(pause)
        return outcomes

    assert play(scene, saved=owl) == ["done", "done", "done", "done", "idle"]


def test_a_tip_is_a_message_and_a_jail_is_none(play, owl):
    """Tips are answered; what moderators do is not."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "kenji", "keep going", type="tip")
        says(s, "mod", "", type="jail")
        return await greeter.read()

    assert play(scene, saved=owl)[1:] == (1, ["kenji"])


def test_a_greeting_that_may_have_arrived_is_not_repeated(play, owl):
    """The answer is lost; the journal says that it is not sure, and then that the chat has it."""
    lost = Fault("POST /agent/stream/chat/send", drop=True, effect=True)

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira")
        await greeter.read()
        await greeter.read()
        return written(s), [note["event"] for note in s.notes]

    texts, notes = play(scene, saved=owl, faults=(lost,))
    assert texts == ["Welcome, mira!"]
    assert notes == ["chat_message", "chat_undelivered", "chat_sent"]


def test_a_greeting_that_was_refused_for_now_is_said_later(play, owl):
    """A platform that asks to slow down for long is asked no sooner; the message itself is handled once."""
    busy = Fault("POST /agent/stream/chat/send", status=429, headers={"Retry-After": "300"})

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira")
        first = await greeter.read()
        says(s, "ade")
        await asyncio.sleep(299)
        early = await greeter.read()
        await asyncio.sleep(1)
        late = await greeter.read()
        return first, early, late, written(s), [note["event"] for note in s.notes]

    first, early, late, texts, notes = play(scene, saved=owl, faults=(busy,))
    assert (first[1:], early[1:], late[1:]) == ((1, []), (1, []), (0, ["mira", "ade"]))
    assert texts == ["Welcome, mira and ade!"]
    assert notes == ["chat_message", "chat_undelivered", "chat_message", "chat_sent"]


def test_a_reading_that_fails_forgets_nothing(play, owl):
    """What came while chat could not be read is answered afterwards."""
    down = Fault("GET /agent/stream/comments", drop=True, times=3)

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira")
        with pytest.raises(Unreachable):
            await greeter.read()
        says(s, "ade")
        return await greeter.read()

    assert play(scene, saved=owl, faults=(down,))[1:] == (2, ["mira", "ade"])


def test_messages_show_on_stream_and_in_the_journal(play, owl):
    """Viewers see what is said, and so does the operator."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira", "good evening")
        await greeter.read()
        return s.studio.said, s.notes

    said, notes = play(scene, saved=owl)
    assert said == ["mira: good evening", "> Welcome, mira!"]
    assert notes[0].pop("id")
    message = {"event": "chat_message", "author": "mira", "kind": "message", "newcomer": True, "text": "good evening"}
    assert notes[0] == message
    assert notes[1] == {"event": "chat_sent", "text": "Welcome, mira!"}


def test_the_memory_is_plain_data(play, owl):
    """What is remembered can be stored: JSON that comes back the same."""

    async def scene(s):
        greeter = await on_air(s)
        says(s, "mira")
        await greeter.read()
        return greeter.memory

    memory = play(scene, saved=owl)
    assert json.loads(json.dumps(memory)) == memory

"""Saying in chat: in order, not too fast, once, and as the flow wishes."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from retake_flow.actions.chat.conversation import ResponderTask, current_snapshot
from retake_flow.actions.chat.inbox import Inbox
from retake_flow.actions.chat.outbox import Outbox
from retake_flow.actions.chat.own_messages import OwnMessages
from retake_flow.api.chat import ChatMessage
from retake_flow.errors import Damaged, StoreError, Unauthorized, Unavailable
from retake_flow.ports.responders import Answer, Message
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.testing.fakes.services import FakeResponder

SENDS = "POST /agent/stream/chat/send"
READS = "GET /agent/stream/comments"


class Talker(FakeResponder):
    """Says so much to each batch."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = replies

    async def respond(self, batch):
        """The same each time."""
        self.asked.append(batch)
        return Answer(self.replies)


class Chat:
    """An activity that reads chat; its process may die."""

    def __init__(self, s, scope, inputs):
        self.s, self.scope, self.memory = s, scope, {}
        self.inputs = {"since": s.now(), "responder": {"command": ["brain"]}, **inputs}

    async def read(self, pause=3.0):
        """One reading, and the pause after it."""
        done = await self.s.perform("chat.respond", self.memory, self.scope, **self.inputs)
        self.memory = json.loads(json.dumps(done.memory))
        await asyncio.sleep(pause)
        return done

    async def dies(self):
        """The process is gone; what it kept last is there."""
        await self.scope.aclose()
        self.memory = json.loads(json.dumps(self.s.kept))

    def says(self, text, name="mira", **more):
        """A viewer writes."""
        self.s.platform.viewers.perform(self.s.owl, Cue(0.0, name, text=text, **more))

    @property
    def written(self):
        """What the agent wrote."""
        return [c.text for c in self.s.owl.chat.comments if c.author == self.s.owl.person]

    def notes(self, *events):
        """The names of the records of some kinds."""
        return [note["event"] for note in self.s.notes if note["event"] in events]


@pytest.fixture
def chatting(play, owl):
    """Plays a scene with an activity that is answered by a brain."""

    def chatting(scene, brain, *, inputs=None, saved=owl, **options):
        async def main(s):
            s.access.load()
            s.platform.issue_key(s.owl)
            s.platform.start(s.owl)
            async with AsyncExitStack() as scope:
                return await scene(Chat(s, scope, inputs or {}))

        return play(main, saved=saved, brain=brain, **options)

    return chatting


# --- once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [True, False], ids=["it had arrived", "it had not"])
def test_a_process_that_dies_while_it_says_something(chatting, effect):
    """The next one looks for it in the chat, and says it only if it is not there; what follows is said after it."""

    async def scene(chat):
        chat.says("hi")
        reading = asyncio.create_task(chat.read())
        await asyncio.sleep(1.0)
        reading.cancel()
        await asyncio.wait([reading])
        await chat.dies()
        for _ in range(3):
            await chat.read()
        return chat.written, [note["text"] for note in chat.s.notes if note["event"] == "chat_sent"]

    slow = Fault(SENDS, delay=5.0, effect=effect)
    assert chatting(scene, Talker("one", "two"), faults=(slow,)) == (["one", "two"], ["one", "two"])


@pytest.mark.parametrize("way", [{"drop": True}, {"status": 502}, {"body": "<html>"}])
@pytest.mark.parametrize("effect", [True, False], ids=["it had arrived", "it had not"])
def test_an_answer_that_is_lost(chatting, way, effect):
    """Whether it arrived is looked up; nothing is said twice, nothing is lost, and the order is kept."""

    async def scene(chat):
        chat.says("hi")
        for _ in range(3):
            await chat.read()
        return chat.written, chat.notes("chat_undelivered", "chat_sent")

    written, notes = chatting(scene, Talker("one", "two"), faults=(Fault(SENDS, effect=effect, **way),))
    assert written == ["one", "two"]
    assert notes == ["chat_undelivered", "chat_sent", "chat_sent"]


def test_what_is_in_doubt_waits_for_a_chat_that_can_be_read(chatting):
    """Nothing is said on a guess."""

    async def scene(chat):
        chat.says("hi")
        await chat.read()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await chat.read()
        before = list(chat.written)
        await chat.read()
        return before, chat.written

    lost = Fault(SENDS, drop=True)
    down = Fault(READS, status=503, times=9, after=2)
    assert chatting(scene, Talker("one"), faults=(lost, down)) == ([], ["one"])


def test_a_message_that_is_refused_for_good_holds_up_nothing(chatting):
    """It is written down, and the next one is said."""

    async def scene(chat):
        chat.says("hi")
        await chat.read()
        return chat.written, chat.notes("chat_undelivered")

    refused = Fault(SENDS, status=400, body={"error": "not that"})
    assert chatting(scene, Talker("one", "two"), faults=(refused,)) == (["two"], ["chat_undelivered"])


def test_a_token_that_is_not_accepted_is_an_error_and_the_words_wait(chatting):
    """The flow asks a person; afterwards it is said."""

    async def scene(chat):
        chat.says("hi")
        with pytest.raises(Unauthorized):
            await chat.read()
        await asyncio.sleep(3.0)
        chat.memory = json.loads(json.dumps(chat.s.kept))
        await chat.read()
        return chat.written

    assert chatting(scene, Talker("one"), faults=(Fault(SENDS, status=401),)) == ["one"]


def test_a_token_that_is_not_accepted_for_reading_is_an_error(chatting):
    """At once, and nothing is forgotten."""

    async def scene(chat):
        with pytest.raises(Unauthorized):
            await chat.read()

    chatting(scene, Talker(), faults=(Fault(READS, status=401),))


# --- not oneself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["documented", "observed", "mixed"])
def test_an_agent_without_a_name_does_not_answer_itself(chatting, owl, shape):
    """Only a token is known, and the documented shape bears no id: what it has said it knows again."""

    async def scene(chat):
        await chat.s.perform("chat.send", message="hello all")
        chat.says("hi")
        for _ in range(5):
            await chat.read()
        return chat.written

    brain = Talker("a reply")
    written = chatting(scene, brain, saved=replace(owl, agent_name=""), chat_shape=shape)
    assert written == ["hello all", "a reply"]
    assert [m.text for batch in brain.asked for m in batch.messages] == ["hi"]


def test_whoever_repeats_the_agents_words_is_still_somebody(chatting):
    """Where its name is known, only that counts."""

    async def scene(chat):
        await chat.s.perform("chat.send", message="hello all")
        chat.says("hello all")
        return (await chat.read()).value["messages"]

    assert chatting(scene, Talker(), chat_shape="documented") == 1


# --- as the flow wishes -------------------------------------------------------------------------------------


def test_no_more_than_so_many_a_minute(chatting):
    """The rest waits for its turn; the brain is asked on, and what waits too long is let go of and written down."""

    async def scene(chat):
        for number in range(24):
            chat.says(f"{number}")
            await chat.read(2.0)
        in_time = len(chat.written)
        while len(chat.memory["outbox"]["waiting"]):
            await chat.read()
        unsaid = [text for note in chat.s.notes if note["event"] == "chat_unsaid" for text in note["texts"]]
        return in_time, len(chat.written), len(unsaid)

    brain = Talker("one", "two")
    limits = {"per_minute": 5, "replies": 2}
    in_time, written, unsaid = chatting(scene, brain, inputs={"limits": limits})
    assert in_time == 5
    assert written + unsaid == 48
    assert unsaid == 48 - 5 - 30
    assert len(brain.asked) == 24


def test_answers_need_not_show(chatting):
    """The viewers' words do all the same."""

    async def scene(chat):
        chat.says("hi")
        await chat.read()
        return chat.s.studio.said

    assert chatting(scene, Talker("one"), inputs={"show": False}) == ["mira: hi"]
    assert chatting(scene, Talker("one")) == ["mira: hi", "> one"]


def test_the_direction_reaches_whoever_answers(chatting):
    """As it is at each reading."""

    async def scene(chat):
        for direction in ("", "owls", None):
            chat.inputs["direction"] = direction
            chat.says("hi")
            await chat.read()

    brain = Talker()
    chatting(scene, brain)
    assert [batch.direction for batch in brain.asked] == ["", "owls", ""]


def test_a_tip_tells_how_much(chatting):
    """To whoever answers, and to the flow."""

    async def scene(chat):
        chat.says("for you", type="tip", amount=5.0)
        return (await chat.read()).raised

    brain = Talker()
    raised = chatting(scene, brain)
    assert brain.asked[0].messages[0].amount == 5.0
    assert [name for name, _ in raised] == ["first_message", "tip"]


def test_events_that_the_flow_has_not_heard_of_are_kept(chatting):
    """A process that dies over a reply has not told them; the next one does, once."""

    async def scene(chat):
        chat.says("for you", type="tip", amount=5.0)
        reading = asyncio.create_task(chat.read())
        await asyncio.sleep(1.0)
        reading.cancel()
        await asyncio.wait([reading])
        await chat.dies()
        raised = [(await chat.read()).raised for _ in range(3)]
        return [name for each in raised for name, _ in each]

    slow = Fault(SENDS, delay=5.0, effect=True)
    assert chatting(scene, Talker("one"), faults=(slow,)) == ["first_message", "tip"]


# --- silence ------------------------------------------------------------------------------------------------

SILENCE = {"silence": {"after": "30s", "messages": ["Anybody?", "Still here."]}}


def test_silence_is_broken_once_for_each_sentence(chatting):
    """Then the brain is asked, each time after as long a silence."""

    async def scene(chat):
        began, times = chat.s.now(), []
        for _ in range(60):
            before = len(chat.written)
            await chat.read(0)
            times += [round(chat.s.now() - began)] * (len(chat.written) - before)
            await asyncio.sleep(3.0)
        return chat.written, times

    brain = FakeResponder(silence="Owls are silent.")
    written, times = chatting(scene, brain, inputs=SILENCE)
    assert written == ["Anybody?", "Still here.", "Owls are silent.", "Owls are silent.", "Owls are silent."]
    assert times == [30, 63, 96, 129, 162]
    assert {batch.occasion for batch in brain.asked} == {"silence"}


def test_whoever_speaks_breaks_it(chatting):
    """A viewer, or the agent by another way."""

    async def scene(chat):
        for number in range(30):
            if number % 8 == 4:
                chat.says(f"{number}")
            if number % 8 == 0:
                await chat.s.perform("chat.send", message=f"{number}")
            await chat.read()
        return chat.written

    assert chatting(scene, Talker(), inputs=SILENCE) == ["0", "8", "16", "24"]


def test_a_chat_without_a_session_is_left_alone(chatting):
    """Nobody is there; that is written down once."""

    async def scene(chat):
        chat.s.platform.stop(chat.s.owl)
        for _ in range(20):
            await chat.read()
        return chat.written, chat.notes("chat_closed")

    assert chatting(scene, Talker(), inputs=SILENCE) == ([], ["chat_closed"])


DATA = Path(__file__).parents[3] / "data"
UNVERSIONED = json.loads((DATA / "chat_before_versions.json").read_text(encoding="utf-8"))
NOW = 1767225615.0


def outbox(kept):
    """As a performance begins with it."""
    access = SimpleNamespace(credentials=SimpleNamespace(user_db_id="user_owl"))
    return Outbox(kept, None, OwnMessages(access, lambda: NOW), lambda: NOW)


def test_a_state_from_before_there_were_versions_is_taken_up():
    """What was read, what waits for an answer, what is in doubt, and what is known of authors, oneself and trouble."""
    kept = current_snapshot(UNVERSIONED)
    inbox, out, responder = Inbox(kept["inbox"], None), outbox(kept["outbox"]), ResponderTask(kept["responder"], None)
    assert inbox.recent[1] == Message(
        "98", "ade", "user_fy99f6d8rtpm", "for you", "2026-01-01T00:00:00.000Z", "tip", newcomer=True, amount=5
    )
    assert [message.id for message in inbox.unanswered] == ["103", "104"]
    assert inbox.dedup.has_polled(ChatMessage("97", "message", "hi", "mira", "mira", None, "", None))
    assert (inbox.history.since, inbox.history.before, inbox.last) == (1767225600.0, 1767225600.0, 1767225612.0)
    assert (out.doubt, out.waiting, out.hold) == ("three", ["later"], 1767225611.0)
    assert (inbox.snapshot(), responder.snapshot()) == (kept["inbox"], kept["responder"])
    own = kept["outbox"]["own"] | {"seen": []}  # what was seen is of use only beside the journal
    assert out.snapshot() == kept["outbox"] | {"own": own}
    assert inbox.take_due() == [("tip", {"amount": 5, "author": "ade", "text": "for you", "currency": ""})]


def test_a_current_state_is_taken_as_it_is():
    """And a chat that was never read has none."""
    assert current_snapshot({"version": 2, "inbox": {"last": 5.0}}) == {"version": 2, "inbox": {"last": 5.0}}
    assert current_snapshot({}) == {}


@pytest.mark.parametrize("amount", [5, 5.5, 10**15, 0, None])
def test_an_amount_is_a_number_and_no_time(amount):
    """However large, and as it was: a whole one without a decimal point."""
    inbox = Inbox({}, None)
    inbox.add(ChatMessage("1", "tip", "go", "mira", "mira", None, "", None, tip={"amount": amount}))
    [message] = Inbox(json.loads(json.dumps(inbox.snapshot())), None).unanswered
    assert message == inbox.unanswered[0]
    assert repr(message.amount) == repr(amount or 0.0)


@pytest.mark.parametrize(
    ("kept", "error", "message"),
    [
        ({"version": 3}, StoreError, "this chat was written in form 3; this program knows 2"),
        ({"version": "2"}, Damaged, "this is no chat: it is written in form '2'"),
        ({"version": 2, "inbox": {"recent": [{"id": "1"}]}}, Damaged, "this is no chat: .*missing .*'author'"),
    ],
)
def test_another_state_is_refused(kept, error, message):
    """With one message."""
    with pytest.raises(error, match=message):
        Inbox(current_snapshot(kept)["inbox"], None)

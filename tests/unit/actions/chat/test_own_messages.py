"""Not oneself: in whatever shape its words come back, an agent never talks with itself, and with everybody else."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

import pytest

from retake_flow.ports.responders import Answer
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.testing.fakes.services import FakeResponder

OPENING = "I'm live. What should we explore today?"
SHAPES = ("documented", "observed", "mixed")


class Parrot(FakeResponder):
    """Answers whatever it is asked about, each time with other words."""

    async def respond(self, batch):
        """One reply to a batch."""
        self.asked.append(batch)
        return Answer((f"Reply {len(self.asked)}: thank you & welcome, it's good to have you here with us today!",))

    @property
    def heard(self):
        """The texts that it was asked about."""
        return [message.text for batch in self.asked for message in batch.messages]


@dataclass(frozen=True)
class Oddity:
    """How a chat shows the agent's own messages.

    Attributes:
        name: Instead of its name; None leaves it.
        user_id: Instead of its user id; None leaves it.
        wallet: Instead of its wallet; None leaves it.
        text: What becomes of its words.
        time: What becomes of the time.
    """

    name: str | None = None
    user_id: str | None = None
    wallet: str | None = None
    text: str = "{}"
    time: str = "kept"

    def show(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry of the chat as it is shown."""
        given = {"name": self.name, "user_id": self.user_id, "wallet": self.wallet}
        fields = (
            {"name": ("sender_username", "sender_display_name"), "user_id": ("sender_user_id",),
             "wallet": ("sender_wallet_address",)}
            if "author" not in entry
            else {"name": ("fusername",), "wallet": ("walletAddress",)}
        )  # fmt: skip
        place = entry.get("author", entry)
        for what, names in fields.items():
            if given[what] is not None:
                place.update(dict.fromkeys(names, given[what]))
        entry["text"] = _changed(entry["text"], self.text)
        if self.time == "missing":
            del entry["timestamp"]
        elif self.time != "kept":
            entry["timestamp"] = self.time
        return entry


def _changed(text: str, how: str) -> str:
    match how:
        case "escaped":
            return text.replace("&", "&amp;").replace("'", "&#39;")
        case "cut":
            return text[:60]
        case "rewritten":
            return text[::-1]
    return how.format(text)


@pytest.fixture
def shown(monkeypatch):
    """Has the chat show the agent's messages in an odd way."""

    def shown(oddity):
        told = Comment.as_json

        def as_json(comment, names="registered"):
            entry = told(comment, names)
            return oddity.show(entry) if comment.author.user_id == "user_owl" else entry

        monkeypatch.setattr(Comment, "as_json", as_json)

    return shown


@pytest.fixture
def chatting(play, owl):
    """Plays a scene with an activity that reads chat, and whose process may die."""

    def chatting(scene, brain, saved=owl, **options):
        async def main(s):
            s.access.load()
            s.platform.issue_key(s.owl)
            s.platform.start(s.owl)
            return await scene(Chat(s))

        return play(main, saved=saved, brain=brain, **options)

    return chatting


class Chat:
    """An activity that reads chat."""

    def __init__(self, s):
        self.s, self.memory, self.since = s, {}, s.now()

    async def reads(self, times, pause=3.0):
        """So many readings in one process, which then is gone."""
        async with AsyncExitStack() as scope:
            for _ in range(times):
                inputs = {"since": self.since, "responder": {"command": ["brain"]}, "limits": {"per_minute": 600}}
                done = await self.s.perform("chat.respond", self.memory, scope, **inputs)
                self.memory = json.loads(json.dumps(done.memory))
                await asyncio.sleep(pause)

    def says(self, text, name="mira"):
        """A viewer writes."""
        self.s.platform.viewers.perform(self.s.owl, Cue(0.0, name, text=text))

    @property
    def written(self):
        """What the agent wrote."""
        return [c.text for c in self.s.owl.chat.comments if c.author == self.s.owl.person]


async def _conversation(chat):
    """A viewer says something now and then, twice the same; gives how often the agent spoke."""
    await chat.s.perform("chat.send", message=OPENING)
    for text in ("hi", "what is this?", "hi"):
        chat.says(text)
        await chat.reads(6)
    await chat.reads(20)
    return len(chat.written)


# --- known again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hears", [False, True], ids=["asked", "asked and heard"])
@pytest.mark.parametrize(
    "name", ["night-owl", "night_owl", "NIGHTOWL", "@Night Owl", "Ｎｉｇｈｔ Ｏｗｌ", "night owl 🦉", "owl_9f3"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_agent_is_known_by_its_name_in_any_spelling_and_by_its_words(chatting, shown, shape, name, hears):
    """Nothing it says is answered, though the chat has another name for it and `send` tells no id."""
    shown(Oddity(name=name))
    brain = Parrot()
    written = chatting(_conversation, brain, chat_shape=shape, message_ids=False, hears=hears)
    assert brain.heard == ["hi", "what is this?", "hi"]
    assert written == 1 + len(brain.asked)


def test_the_mixture_that_made_it_answer_itself(chatting):
    """The documented shape, names as slugs, and `send` without an id."""
    brain = Parrot()
    chatting(_conversation, brain, chat_shape="documented", chat_names="slug", message_ids=False)
    assert brain.heard == ["hi", "what is this?", "hi"]


@pytest.mark.parametrize(
    "oddity",
    [
        Oddity(name="", wallet=""),
        Oddity(name="", user_id="", wallet="", time="missing"),
        Oddity(name="somebody", user_id="user_other", wallet="9xOther"),
        Oddity(name="somebody", user_id="user_other", text="escaped"),
        Oddity(name="somebody", user_id="", text="🤖 {}", time="missing"),
        Oddity(name="somebody", user_id="", text="cut", time="0"),
        Oddity(name="somebody", user_id="", time="2026-01-01T08:00:00-08:00"),
        Oddity(name="somebody", user_id="", time="1767225600000000000"),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_agent_is_known_by_its_words_alone(chatting, shown, shape, oddity):
    """With nothing else that tells who it is: without a name, under others' ids, escaped, cut, dated anyhow."""
    shown(oddity)
    brain = Parrot()
    chatting(_conversation, brain, chat_shape=shape, message_ids=False)
    assert brain.heard == ["hi", "what is this?", "hi"]


def test_no_mixture_makes_it_talk_with_itself(chatting, shown):
    """Of all mixtures of what may be odd, forty by chance: viewers are answered, and it falls silent."""
    mixtures = list(
        product(
            SHAPES,
            (None, "", "somebody"),
            (None, "", "user_other"),
            (None, "", "9xOther"),
            ("{}", "escaped", "cut", "[owl] {}", "rewritten"),
            ("kept", "missing", "0", "1999-01-01T00:00:00Z", "2026-01-01T09:00:00+09:00"),
            (True, False),
            (0.0, 75.0, -75.0),
            (True, False),
        )
    )
    for shape, name, user_id, wallet, text, time, ids, clock, date in Random(11).sample(mixtures, 40):
        oddity = Oddity(name, user_id, wallet, text, time)
        clock = 0.0 if time.startswith("2026") else clock  # which is a right date then, and no other
        brain = Parrot()
        with pytest.MonkeyPatch.context() as patch:
            told = Comment.as_json

            def as_json(comment, names="registered", told=told, oddity=oddity):
                entry = told(comment, names)
                return oddity.show(entry) if comment.author.user_id == "user_owl" else entry

            patch.setattr(Comment, "as_json", as_json)
            options = {"chat_shape": shape, "message_ids": ids, "clock": clock, "date": date}
            written = chatting(_conversation, brain, **options)
        about = (shape, oddity, options)
        own = [heard for heard in brain.heard if heard not in ("hi", "what is this?")]
        assert len(own) <= (30 if time.startswith("2026") else 6), (
            about
        )  # a date that never changes is believed a while
        # Where neither the platform's time nor its own words are known, what is written at first may be history.
        unknown = text == "rewritten" and not date and clock < -60
        assert brain.heard.count("hi") >= 2 - unknown, about
        assert brain.heard.count("what is this?") == 1, about
        assert written == 1 + len(brain.asked), about


# --- the last brake -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("oddity", [
    Oddity(name="somebody", user_id="user_other", wallet="", text="rewritten"),
    Oddity(name="somebody", user_id="", wallet="", text="rewritten", time="missing"),
    Oddity(name="", user_id="", wallet="", text="rewritten"),
], ids=str)  # fmt: skip
def test_words_that_come_back_changed_are_known_after_a_few(chatting, shown, oddity):
    """Nothing tells who it is, not even its words: after four things said that came back it knows, and says so once."""
    shown(oddity)

    async def scene(chat):
        await _conversation(chat)
        return [note["name"] for note in chat.s.notes if note["event"] == "chat_oneself"]

    brain = Parrot()
    told = chatting(scene, brain, chat_shape="observed", message_ids=False)
    own = [heard for heard in brain.heard if heard not in ("hi", "what is this?")]
    assert 1 <= len(own) <= 6
    assert brain.heard.count("hi") == 2
    assert told in ([oddity.name], [])


def test_each_time_another_author(chatting, monkeypatch):
    """Own words that come back changed, and under another name each time, end a conversation too."""
    told = Comment.as_json

    def as_json(comment, names="registered"):
        entry = told(comment, names)
        if comment.author.user_id == "user_owl":
            oddity = Oddity(f"user {comment.id}", f"id {comment.id}", comment.id, text="rewritten")
            return oddity.show(entry)
        return entry

    monkeypatch.setattr(Comment, "as_json", as_json)
    brain = Parrot()
    chatting(_conversation, brain, message_ids=False)
    assert len(brain.heard) <= 9
    assert brain.heard.count("hi") == 2


def test_a_lively_viewer_is_not_taken_for_oneself(chatting):
    """Somebody who answers each message at once is answered each time, for as long as they like."""

    async def scene(chat):
        chat.says("hello")
        for number in range(30):
            await chat.reads(1, pause=0.5)
            chat.says(f"answer {number}")
            await chat.reads(1, pause=2.5)

    for shape in SHAPES:
        brain = Parrot()
        chatting(scene, brain, chat_shape=shape, message_ids=False)
        assert brain.heard == ["hello", *(f"answer {number}" for number in range(30))]


# --- everybody else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hears", [False, True], ids=["asked", "asked and heard"])
@pytest.mark.parametrize("name", [None, "night-owl", "owl_9f3"])
@pytest.mark.parametrize("shape", SHAPES)
def test_who_repeats_its_words_is_answered(chatting, shown, shape, name, hears):
    """At once, soon after, and late; each thing it said is its own only once."""
    shown(Oddity(name=name))

    async def scene(chat):
        await chat.s.perform("chat.send", message=OPENING)
        await chat.reads(1, pause=1.0)
        for _ in range(3):
            chat.says(OPENING)
            await chat.reads(4)
        await asyncio.sleep(700)
        chat.says(OPENING)
        await chat.reads(2)

    brain = Parrot()
    chatting(scene, brain, chat_shape=shape, message_ids=False, hears=hears)
    assert brain.heard == [OPENING] * 4


def test_words_for_another_chat_are_nobodys_here(chatting):
    """What was said in a raid is not taken for its own words when a viewer says it at home."""

    async def scene(chat):
        guest = chat.s.platform.agents.by_name("bat")
        await chat.s.perform("chat.send", message="Hello there!", to=guest.user_id)
        chat.says("Hello there!")
        await chat.reads(2)

    from retake_flow.rehearsal.setup.options import Neighbour

    brain = Parrot()
    chatting(scene, brain, chat_shape="documented", neighbours=(Neighbour("bat"),))
    assert brain.heard == ["Hello there!"]


def test_a_viewer_with_the_same_wallet_is_known_by_their_id(chatting, owl):
    """An operator who watches under an account of their own is somebody else where ids tell it."""

    async def scene(chat):
        chat.says("hi", "operator")
        await chat.reads(2)

    for shape, heard in (("observed", ["hi"]), ("documented", [])):
        brain = Parrot()
        wallet = "9xOperatorsWallet"
        with pytest.MonkeyPatch.context() as patch:
            told = Comment.as_json

            def as_json(comment, names="registered", told=told):
                return Oddity(wallet="9xOperatorsWallet").show(told(comment, names))

            patch.setattr(Comment, "as_json", as_json)
            chatting(scene, brain, saved=replace(owl, wallet_address=wallet), chat_shape=shape)
        assert brain.heard == heard


# --- over the end of a process ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_process_knows_what_the_one_before_it_has_said(chatting, shown, shape):
    """It dies after it has said something and before it has seen it; the next one is not fooled."""
    shown(Oddity(name="owl_9f3", user_id=""))

    async def scene(chat):
        await chat.s.perform("chat.send", message=OPENING)
        chat.s.dies()
        chat.says("hi")
        await chat.reads(1, pause=0.0)
        chat.s.dies()
        await chat.reads(5)
        chat.says(OPENING)
        await chat.reads(5)

    brain = Parrot()
    chatting(scene, brain, chat_shape=shape, message_ids=False)
    assert brain.heard == ["hi", OPENING]


def test_what_it_has_learnt_lasts(chatting, shown):
    """Who it is in the chat is known to the next process, too."""
    shown(Oddity(name="owl_9f3", user_id="user_other", text="rewritten"))

    async def scene(chat):
        await _conversation(chat)
        known = len(chat.written)
        for text in ("and now?", "still there?"):
            chat.s.dies()
            chat.says(text)
            await chat.reads(5)
        return len(chat.written) - known

    brain = Parrot()
    assert chatting(scene, brain, message_ids=False) == 2

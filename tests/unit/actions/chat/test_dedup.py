"""Each message counts once, whichever way it comes; and those from before the stream are history."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.chat.dedup import Dedup, Digests, History, digest_of
from retake_flow.api.chat import ChatMessage, read_message
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.testing.fakes.services import FakeResponder

NOW = 1_800_000_000.0


def message(key, text="hi", *, at=NOW, who="mira", kind="message", also=(), tip=None):
    """An entry of a chat."""
    moment = None if at is None else datetime.fromtimestamp(at, UTC)
    return ChatMessage(key, kind, text, who, who, None, "", moment, tip=tip, also=also)


class Book:
    """A dedup, and the ids that it took for news."""

    def __init__(self):
        self.dedup = Dedup({})

    def read(self, way, *messages, now=NOW):
        """Read them, after the process has died and come back."""
        self.dedup = Dedup(json.loads(json.dumps(self.dedup.snapshot())))
        return [each.id for each in self.dedup.read(messages, way, now, both=True)]


@pytest.fixture
def book():
    """An empty one."""
    return Book()


def test_an_id_counts_once(book):
    """By either way, in one reading or in several."""
    assert book.read("poll", message("1"), message("2"), message("1")) == ["1", "2"]
    assert book.read("socket", message("2"), message("3")) == ["3"]
    assert book.read("poll", message("3"), message("1")) == []


def test_another_id_of_the_same_is_the_same(book):
    """A trade that the chat shows under its own id, and the event under the trade's."""
    assert book.read("poll", message("7", kind="trade", also=("trade-1",))) == ["7"]
    assert book.read("socket", message("trade-1", kind="trade")) == []


@pytest.mark.parametrize(("first", "second"), [("poll", "socket"), ("socket", "poll")])
def test_a_message_under_two_ids_counts_once(book, first, second):
    """Where the ways have ids of their own, author, text and time tell."""
    assert book.read(first, message("a"), message("b", "ho")) == ["a", "b"]
    assert book.read(second, message("x"), message("y", "ho", at=NOW + 0.5)) == []
    assert book.read(second, message("x")) == []


@pytest.mark.parametrize(
    "other",
    [message("x", "other"), message("x", who="ade"), message("x", at=NOW + 5), message("x", at=None)],
    ids=["text", "author", "time", "no time"],
)
def test_what_differs_is_another_message(book, other):
    """In its text, its author or its time."""
    book.read("poll", message("a"))
    assert book.read("socket", other) == ["x"]


def test_one_message_is_the_double_of_one(book):
    """Whoever writes the same twice has written twice."""
    assert book.read("poll", message("a"), message("b")) == ["a", "b"]
    assert book.read("socket", message("x"), message("y"), message("z")) == ["z"]


def test_by_one_way_the_same_words_are_two_messages(book):
    """Only the other way can tell of the same."""
    assert book.read("socket", message("a"), message("b")) == ["a", "b"]


def test_where_ids_are_the_same_words_do_not_count(book):
    """Once an id has come by both ways, another id is another message, whatever it says."""
    book.read("socket", message("a"))
    book.read("poll", message("a"))
    book.read("poll", message("b", "again"))
    assert book.read("socket", message("c", "again")) == ["c"]
    assert book.dedup.snapshot()["single"] == []


def test_tips_are_told_apart_by_what_was_given(book):
    """Their words may be told differently, and their times a little."""
    book.read("poll", message("a", "keep going", kind="tip", tip={"amount": 5}))
    assert book.read("socket", message("x", "", kind="tip", tip={"amount": 5}, at=NOW + 4)) == []
    assert book.read("socket", message("y", "", kind="tip", tip={"amount": 6}, at=NOW + 4)) == ["y"]


def test_a_page_is_known_by_what_was_asked_for(book):
    """What was only heard says nothing of what is older than it."""
    book.read("socket", message("a"))
    book.read("poll", message("b"))
    assert (book.dedup.has_polled(message("a")), book.dedup.has_polled(message("b"))) == (False, True)
    assert book.dedup.has_read(message("a"))


def test_what_is_kept_stays_small(book):
    """However much was read."""
    for number in range(200):
        texts = [message(f"{number}-{each}", f"text {each}", who=f"viewer {each}") for each in range(50)]
        book.read("socket", *texts, now=NOW + number)
    assert len(json.dumps(book.dedup.snapshot())) < 64_000


def test_a_memory_of_an_older_version_is_taken_up():
    """Its ids were kept as they are, and all had been asked for."""
    dedup = Dedup({"seen": ["1", "2"]})
    assert dedup.read([message("1"), message("3")], "poll", NOW, both=False)[0].id == "3"
    assert dedup.has_polled(message("2"))


TEXTS = st.lists(st.text(max_size=20), max_size=20)


@given(TEXTS, TEXTS)
def test_what_was_added_is_known_and_nothing_else(added, others):
    """Eight bytes tell any two texts of a test apart."""
    digests = Digests(8, 100)
    digests.add(added)
    assert all(text in digests for text in added)
    assert not any(text in digests for text in others if text not in added)
    assert len(digests) == len(set(added))


@given(TEXTS)
def test_they_survive_as_one_text(added):
    """What is packed is plain data, and gives the same again in the same order."""
    digests = Digests(6, 100)
    digests.add(added)
    packed = json.loads(json.dumps(digests.pack()))
    again = Digests(6, 100, packed)
    assert again.pack() == packed
    assert all(text in again for text in added)


def test_the_oldest_is_forgotten_first():
    """Whoever comes again is new again in age."""
    digests = Digests(4, 3)
    digests.add("abc")
    digests.add("a")
    digests.add("d")
    assert [text for text in "abcd" if text in digests] == ["a", "c", "d"]
    assert len(digests) == 3


def test_ten_thousand_take_little_room():
    """Less than six letters each."""
    digests = Digests(4, 10_000)
    digests.add(f"viewer {number}" for number in range(20_000))
    assert len(digests.pack()) < 60_000


def test_texts_of_an_older_version_are_taken_up():
    """They were kept as they are."""
    digests = Digests(4, 10, ["mira", "ade"])
    assert "mira" in digests
    assert "kim" not in digests


def test_what_cannot_be_read_is_nothing():
    """A text that nobody packed forgets, and harms nothing."""
    assert len(Digests(4, 10, "no digests!")) == 0
    assert len(Digests(4, 10, None)) == 0


def test_a_lone_surrogate_has_a_digest():
    """No text of a stranger is too odd."""
    assert digest_of("\ud800") != digest_of("\ud801")


# --- history: by the platform's own clock, exactly, however far it is off this machine's ---------------------

OPENING = "I'm live. What should we explore today?"
CLOCKS = pytest.mark.parametrize("clock", [0.0, 75.0, -75.0, 86400.0, -3600.0], ids="{:+g} s".format)
SHAPES = pytest.mark.parametrize("shape", ["documented", "observed", "mixed"])


@pytest.fixture
def streaming(play, owl):
    """Plays a stream whose chat holds history; gives what the brain was asked about."""

    def streaming(*, opening=True, before=(2.0, 30.0, 3600.0), hears=False, silent=0.0, **options):
        brain = FakeResponder()

        async def scene(s):
            for seconds in before:
                viewer = s.platform._identities.viewer(f"old {seconds:g}")
                at = s.platform.now() - seconds
                shape = s.platform.options.chat_shape
                s.owl.chat.write(viewer, f"history {seconds:g}", at=at, session_id="", shape=shape)
            s.access.load()
            s.platform.issue_key(s.owl)
            await asyncio.sleep(0.37)
            await s.perform("retake.verification_status")
            await asyncio.sleep(0.81)
            started = await s.perform("retake.start_stream")
            s.platform.viewers.perform(s.owl, Cue(0.0, "first", text="before the opening"))
            await asyncio.sleep(1.0)
            if opening:
                await s.perform("chat.send", message=OPENING)
            s.platform.viewers.perform(s.owl, Cue(0.0, "second", text="behind the opening"))
            await asyncio.sleep(silent)
            memory = {}
            async with AsyncExitStack() as scope:
                for number in range(6):
                    inputs = {"since": started.value["started_at"], "responder": {"command": ["brain"]}}
                    done = await s.perform("chat.respond", memory, scope, **inputs)
                    memory = json.loads(json.dumps(done.memory))
                    s.platform.viewers.perform(s.owl, Cue(0.0, "later", text=f"later {number}"))
                    await asyncio.sleep(3.0)
            return memory

        play(scene, saved=owl, brain=brain, hears=hears, **options)
        return [message.text for batch in brain.asked for message in batch.messages]

    return streaming


NEWS = ["before the opening", "behind the opening", *(f"later {number}" for number in range(5))]


@pytest.mark.parametrize("hears", [False, True], ids=["asked", "asked and heard"])
@CLOCKS
@SHAPES
def test_history_ends_where_the_stream_begins(streaming, shape, clock, hears):
    """What was written two seconds before is not answered, what is written right after it is."""
    assert streaming(clock=clock, chat_shape=shape, hears=hears) == NEWS


@CLOCKS
def test_its_own_words_tell_the_time_where_no_answer_does(streaming, clock):
    """Without a `Date` the clock that dates the chat is known by the agent's own message."""
    assert streaming(clock=clock, date=False) == NEWS


@CLOCKS
def test_without_own_words_the_answers_tell_the_time(streaming, clock):
    """A flow may say nothing at first."""
    assert streaming(clock=clock, opening=False) == NEWS


@pytest.mark.parametrize("clock", [75.0, -75.0, 600.0, -600.0])
def test_where_nothing_tells_the_time_nobody_is_silenced(streaming, clock):
    """No `Date`, nothing said: at worst what was there at the first reading is taken for history, and nothing after."""
    heard = streaming(clock=clock, opening=False, date=False)
    assert heard[-5:] == NEWS[-5:]
    if clock > 0:
        assert heard[-7:] == NEWS


def test_a_chat_without_dates_begins_with_its_own_words(streaming, monkeypatch):
    """Nobody can tell when anything was written; what stands behind the opening is new."""
    told = Comment.as_json
    monkeypatch.setattr(
        Comment, "as_json", lambda c, names="registered": {k: v for k, v in told(c, names).items() if k != "timestamp"}
    )
    assert streaming() == NEWS[1:]


@pytest.mark.parametrize("odd", ["0", "not a time", None, {"$date": None}, ["x"]])
def test_odd_dates_of_a_few(streaming, monkeypatch, odd):
    """An entry without a readable date is what its neighbours are."""
    told = Comment.as_json

    def as_json(comment, names="registered"):
        entry = told(comment, names)
        return {**entry, "timestamp": odd} if comment.text in ("history 30", "later 2", "behind the opening") else entry

    monkeypatch.setattr(Comment, "as_json", as_json)
    assert streaming() == NEWS


def test_one_wrong_date_among_the_answers(streaming, monkeypatch):
    """A cache, or a machine whose clock is off, answers now and then."""
    from retake_flow.rehearsal.http.middleware import Gateway

    dated, calls = Gateway._with_date, []

    def wrong(gateway, message):
        calls.append(message)
        found = dated(gateway, message)
        if len(calls) == 2:
            headers = [(n, v) for n, v in found["headers"] if n != b"date"]
            return {**found, "headers": [*headers, (b"date", b"Thu, 01 Jan 2026 01:00:00 GMT")]}
        return found

    monkeypatch.setattr(Gateway, "_with_date", wrong)
    assert streaming(clock=75.0) == NEWS
    assert len(calls) > 2


def test_a_chat_that_is_listed_late(streaming, monkeypatch):
    """The first answers about the chat are empty; what then is there of history is none the less."""
    from retake_flow.rehearsal.state.platform import Platform

    listed, calls = Platform.comments, []

    def late(platform, user_id, limit, before_id):
        calls.append(user_id)
        return listed(platform, user_id, limit, before_id) if len(calls) > 2 else []

    monkeypatch.setattr(Platform, "comments", late)
    assert streaming(clock=-75.0) == NEWS


def _message(number, at):
    entry = {"chat_event_id": str(number), "text": f"#{number}", **({} if at is None else {"timestamp": str(at)})}
    found = read_message(entry)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("times", "first_own", "old"),
    [
        ([], None, []),
        ([None, None], None, []),
        ([None, None, None], 1, [0]),
        ([None, 1_700_000_000, None, 1_800_000_000, None], None, [0, 1]),
        ([1_700_000_000, None, 1_700_000_001, None], None, [0, 1, 2]),
        ([1_700_000_000, 1_700_000_001, 1_700_000_002], 1, [0]),
    ],
)
def test_an_undated_entry_is_what_its_neighbours_are(times, first_own, old):
    """Between history and news it is new; behind the agent's first words everything is."""
    messages = [_message(number, at) for number, at in enumerate(times)]
    history = History(since=1_750_000_000.0)
    assert [int(m.id) for m in history.begin(messages, 0.0, first_own)] == old

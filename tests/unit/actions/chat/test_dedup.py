"""Each message counts once, whichever way it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.chat.dedup import Dedup, Digests, digest_of
from retake_flow.api.chat import ChatMessage

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

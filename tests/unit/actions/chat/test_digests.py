"""Texts remembered in little room."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.chat.digests import Digests, digest_of

TEXTS = st.lists(st.text(), max_size=50)


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

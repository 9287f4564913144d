"""Names and texts that are the same though they are written differently."""

from __future__ import annotations

import pytest

from retake_flow.api.spelling import same_name, same_words

LONG = "I'm live & well. What should we explore today, and whom should we ask about it?"


@pytest.mark.parametrize(
    "name",
    [
        *("Night Owl", "night owl", "night-owl", "night_owl", "NightOwl", "@nightowl", "  Night  Owl "),
        *("Ｎｉｇｈｔ Ｏｗｌ", "night.owl 🦉"),
    ],
)
def test_spellings_of_a_name(name: str) -> None:
    """Case, blanks, dashes, underscores, width, and what no letter is make no difference."""
    assert same_name("Night Owl", name)


@pytest.mark.parametrize(
    "name", ["", "Night", "Night Owl 2", "Nacht Owl", "Nіght Owl", "Owl Night", "Night Owl\u200b", "night\u2060owl"]
)
def test_other_names(name: str) -> None:
    """Letters and digits do, also those that only look alike, and signs that nobody sees."""
    assert not same_name("Night Owl", name)


def test_names_without_letters() -> None:
    """They are compared as they are."""
    assert same_name("___", "___")
    assert not same_name("___", "---")
    assert not same_name("", "")


@pytest.mark.parametrize("accented", ["Caf\u00e9", "Cafe\u0301"])
def test_accents_may_be_written_in_two_ways(accented: str) -> None:
    """As one sign, or as a letter and a sign."""
    assert same_name("Café", accented)


@pytest.mark.parametrize(
    "seen",
    [
        LONG,
        LONG.upper(),
        f"  {LONG}\n",
        LONG.replace("&", "&amp;").replace("'", "&#39;"),
        LONG.replace("'", "’"),
        LONG[:60],
        f"{LONG[:60]}…",
        f"🤖 {LONG}",
        f"Night Owl: {LONG}",
        f"{LONG} (sent by an agent)",
    ],
)
def test_words_that_were_said(seen: str) -> None:
    """Escaped, cut, in other case, or with something around them."""
    assert same_words(LONG, seen)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("hi", "hi there"),
        ("Welcome, mira!", "Welcome, miro!"),
        (LONG, LONG[:20]),
        ("", ""),
        ("🎉", "🔥"),
        ("one two", "two one"),
    ],
)
def test_other_words(said: str, seen: str) -> None:
    """Short ones have to be the same."""
    assert not same_words(said, seen)


def test_words_without_letters() -> None:
    """They are compared as they are."""
    assert same_words("🎉 🎉", "🎉  🎉")

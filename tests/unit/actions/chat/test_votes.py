"""Votes in chat: one for each author, for the choice that is meant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from retake_flow.actions.chat.votes import Ballot
from retake_flow.errors import InputError
from retake_flow.rehearsal.setup.viewer_script import Cue


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A", "A"),
        ("a", "A"),
        ("b!!!", "B"),
        ("A A A", "A"),
        ("I vote for A, please", "A"),
        ("not A, I take B", "B"),
        ("B, not A", "B"),
        ("nicht A sondern B", "B"),
        ("not A", ""),
        ("A or B?", ""),
        ("what a stream", ""),
        ("BANANA", ""),
        ("A-team", "A"),
        ("", ""),
        ("\ud83d\ude00 b \ud83d\ude00", "B"),
    ],
)
def test_a_message_is_for_the_one_choice_that_it_means(text: str, meant: str) -> None:
    """More than one is none, what is taken back does not count, and `a` in a sentence is an article."""
    assert Ballot(["A", "B"]).choice(text) == meant


def test_choices_of_several_words_and_patterns() -> None:
    """Words count in any case, as a whole; a pattern decides alone; what is exact has nothing beside it."""
    ballot = Ballot(["dark mode", "light mode"])
    assert [ballot.choice(text) for text in ("Dark Mode!", "mode dark", "I don't dark mode, light mode")] == [
        "dark mode", "", "light mode",
    ]  # fmt: skip
    assert [Ballot({"yes": "(?i)^ja", "no": "(?i)^nein"}).choice(text) for text in ("Ja!", "jein", "Nein")] == [
        "yes", "", "no",
    ]  # fmt: skip
    assert [Ballot(["A", "B"], exact=True).choice(text) for text in ("a", "A A", "I take A")] == ["A", "A", ""]


def test_an_author_has_one_vote_the_last() -> None:
    """Who changes their mind counts for the new choice; who says nothing of use keeps the old one."""
    said = [("ann", "A"), ("bob", "B"), ("ann", "A A A"), ("cat", "A"), ("cat", "B"), ("bob", "nice"), ("dan", "?")]
    counted = Ballot(["A", "B", "C"]).count(said)
    assert (counted["counts"], counted["total"], counted["winner"]) == ({"A": 1, "B": 2, "C": 0}, 3, "B")
    even = Ballot(["A", "B"]).count([("ann", "A"), ("bob", "B")])
    assert (even["leading"], even["winner"]) == (["A", "B"], "")
    assert Ballot(["A"]).count([])["leading"] == []


@pytest.mark.parametrize("choices", [[], ["?"], {"yes": "(ja"}, {"yes": "(?=x)"}, ["A", "a"], ["go on", "Go, on"]])
def test_what_is_no_choice_is_said(choices: Any) -> None:
    """Without words there is nothing to recognise; a pattern has to be one."""
    with pytest.raises(InputError):
        Ballot(choices)


def test_votes_are_counted_from_the_chat_since_a_time(play: Any, owl: Any) -> None:
    """What was said before does not count, nor what the agent says, nor what comes after the end; others do."""

    async def scene(s: Any) -> list[Any]:
        def write(name: str, text: str) -> None:
            s.platform.perform(s.owl, Cue(0.0, name, text=text))

        write("ann", "B")
        await asyncio.sleep(5)
        began = s.now()
        write("ann", "A")
        write("bob", "A")
        await s.perform("chat.send", message="A or B, that is A")
        await asyncio.sleep(5)
        ended = s.now()
        await asyncio.sleep(5)
        write("bob", "B")
        return [
            (await s.perform("chat.count", choices=["A", "B"], since=began, **until)).value["counts"]
            for until in ({}, {"until": ended})
        ]

    assert play(scene, saved=owl, comments_without_session=200) == [{"A": 1, "B": 1}, {"A": 2, "B": 0}]

"""What is to be said, and what may have been."""

from __future__ import annotations

import json

import pytest

from retake_flow.actions.chat.digests import Digests
from retake_flow.actions.chat.outbox import MOST_WAITING, SETTLES, Limits, Speech
from retake_flow.actions.chat.silence import Silence

LIMITS = Limits(per_minute=3, length=20, replies=2)


def again(speech):
    """After a crash."""
    return Speech.of(json.loads(json.dumps(speech.kept())))


def test_limits_are_those_of_the_flow():
    """What it does not say is as usual."""
    assert Limits.of({}) == Limits(20, 500, 5)
    assert Limits.of({"limits": None}) == Limits(20, 500, 5)
    assert Limits.of({"limits": {"length": 80}}) == Limits(20, 80, 5)


def test_texts_are_stripped_cut_and_counted():
    """On one line each; those too many are given back, cut as well."""
    said, too_many = LIMITS.allowed(["\x1b[31mred\x1b[0m\r\n line", " \x00 ", "x" * 30, "more", "\u202eeven more"])
    assert said == ["red line", "x" * 20]
    assert too_many == ["more", "even more"]


def test_so_many_a_minute_and_no_more():
    """The fourth has to wait until the first was a minute ago, also over a crash."""
    speech = Speech()
    speech.wish(["a", "b", "c", "d"])
    for number in range(3):
        assert speech.turn(100.0 + number, LIMITS) == 0.0
        speech.begin(100.0 + number)
        speech.end()
    speech = again(speech)
    assert speech.turn(110.0, LIMITS) == 50.0
    assert speech.turn(160.0, LIMITS) == 0.0
    assert speech.unsaid == ["d"]


def test_too_much_that_waits_is_let_go_of():
    """The oldest first, and it is told which."""
    speech = Speech()
    assert speech.wish([f"{number}" for number in range(MOST_WAITING)]) == []
    assert speech.wish(["new", "newer"]) == ["0", "1"]
    assert (speech.unsaid[0], speech.unsaid[-1]) == ("2", "newer")


def test_what_is_being_sent_is_in_doubt_until_it_has_ended():
    """A crash leaves it in doubt; then it is either found, or said again."""
    speech = Speech()
    speech.wish(["a", "b"])
    assert speech.begin(100.0) == "a"
    speech = again(speech)
    assert (speech.doubt, speech.unsaid, speech.pending) == ("a", ["b"], True)
    assert speech.found("a")
    assert not speech.found("b")
    speech.end()
    assert not speech.found("a")
    assert speech.unsaid == ["b"]


def test_what_has_not_arrived_is_said_first():
    """And does not count as said within the minute."""
    speech = Speech()
    speech.wish(["a", "b"])
    speech.begin(100.0)
    speech.withdraw()
    assert (speech.unsaid, speech.times, speech.doubt) == (["a", "b"], [], "")


def test_it_is_missing_only_after_a_while():
    """A chat that was asked for at once may not have it yet."""
    speech = Speech()
    speech.wish(["a"])
    speech.begin(100.0)
    assert not speech.missing(100.0 + SETTLES / 2)
    assert speech.missing(100.0 + SETTLES)


@pytest.mark.parametrize(
    ("seen", "found"),
    [("Hello  there,\nyou", True), ("Hello there", False), ("", False), ("Hello there, you all", False)],
)
def test_it_is_recognised_by_its_words(seen, found):
    """White space may be another; nothing else."""
    assert Speech(doubt="Hello there, you").found(seen) is found


def test_a_long_one_may_have_been_cut():
    """By the platform, but not after a few words."""
    assert Speech(doubt="x" * 300).found("x" * 200)
    assert not Speech(doubt="x" * 300).found("x" * 20)


def test_silence_is_broken_by_each_sentence_once():
    """Whatever was told before is passed over, blank ones too."""
    silence = Silence.of({"silence": {"after": "3m", "messages": ["a", " ", "b", "a"]}})
    assert silence is not None
    assert silence.after == 180.0
    told = Digests(6, 10)
    said = []
    while (text := silence.next(told)) is not None:
        said.append(text)
        told.add([text])
    assert said == ["a", "b"]


def test_without_a_word_about_silence_nothing_is_done_against_it():
    """It is for the flow to say."""
    assert Silence.of({}) is None
    assert Silence.of({"silence": {"after": 5}}) == Silence(5.0, ())

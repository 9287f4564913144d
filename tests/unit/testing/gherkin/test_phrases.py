"""People's own wordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import Position
from retake_flow.testing.gherkin.phrases import Phrase, Phrases, of_file

_AT = Position("phrases.yaml", 1, 1)


def _phrases(**written: str) -> Phrases:
    return Phrases(
        [Phrase(wording.replace("_", " "), tuple(text.splitlines()), _AT) for wording, text in written.items()]
    )


def _flaws(phrases: Phrases) -> list[str]:
    known = ("the flow is run", "some pass", "1 pass", "it is in some")
    return [flaw.message for flaw in phrases.flaws(lambda text: text in known, lambda text: "")]


def test_what_stands_in_places_is_carried_over() -> None:
    """Also through a phrase that stands for another, and what stands in angle brackets of an outline."""
    phrases = Phrases(
        [Phrase("{who} sleeps {time}", ("{time} pass",), _AT), Phrase("owls rest for {t}", ("owls sleeps {t}",), _AT)]
    )
    assert phrases.expand("when", "owls rest for <time>") == [("when", "<time> pass")]
    assert phrases.expand("when", "3s pass") == [("when", "3s pass")]


def test_a_phrase_may_be_several_steps() -> None:
    """A step without a keyword is of the kind of the one before it."""
    phrases = _phrases(the_owl_wakes="the flow is run\nThen it is in some\nAnd nothing is asked")
    assert phrases.expand("when", "the owl wakes") == [
        ("when", "the flow is run"),
        ("then", "it is in some"),
        ("then", "nothing is asked"),
    ]


def test_phrases_that_stand_for_steps_are_sound() -> None:
    """Nothing is wrong with them, nor with one that stands for another."""
    assert _flaws(_phrases(a="the flow is run", b="a", c="When {x} pass".replace("{x}", "some"))) == []


def test_phrases_that_stand_for_themselves_are_refused() -> None:
    """Else they would be expanded for ever."""
    assert "the phrase contains itself: a → b → a" in _flaws(_phrases(a="b", b="a"))


@pytest.mark.parametrize(
    ("wording", "text", "words"),
    [
        ("the owl wakes", "the flow runs", "stands for 'the flow runs', which is no step"),
        ("the flow is run", "some pass", "'the flow is run' is already a step"),
        ("the owl sleeps", "{time} pass", "has no placeholder {time}"),
        ("{a} and {a}", "{a} pass", "a placeholder appears twice"),
    ],
)
def test_what_is_wrong_is_told(wording: str, text: str, words: str) -> None:
    """An unknown step, a step of ours, a place that is not there, a place that is there twice."""
    assert any(words in message for message in _flaws(Phrases([Phrase(wording, (text,), _AT)])))


def test_a_wording_stands_once() -> None:
    """Of two for the same words one would never be taken."""
    twice = Phrases([Phrase("{a} wakes", ("the flow is run",), _AT), Phrase("{b} wakes", ("some pass",), _AT)])
    assert any("is already defined at phrases.yaml:1:1" in message for message in _flaws(twice))


@pytest.mark.parametrize(
    ("content", "words"),
    [("- a\n", "a mapping is expected"), ("a: 3\n", "must expand to a step"), ("a: [\n", "this is not YAML")],
)
def test_a_file_that_holds_no_phrases_is_refused(tmp_path: Path, content: str, words: str) -> None:
    """With its place."""
    file = tmp_path / "phrases.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=words) as refused:
        of_file(file)
    assert f"{file}:" in refused.value.message

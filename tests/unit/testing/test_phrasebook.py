"""The steps that come with the program, as people read about them."""

from __future__ import annotations

from pytest_bdd.steps import step_function_context_registry

from retake_flow.testing.gherkin.vocabulary import nearest
from retake_flow.testing.phrasebook import steps
from retake_flow.testing.steps import load


def test_each_example_is_one_step_and_no_other() -> None:
    """What is shown works, and no two wordings could be meant by it."""
    topics = load()
    ours = [c for c in step_function_context_registry.values() if c.step_func.__module__ in topics]
    assert len(steps()) == len(ours) > 90
    for step in steps():
        kind, _, text = step.example.partition("\n")[0].partition(" ")
        fits = [c.parser.name for c in ours if c.type == kind.lower() and c.parser.is_matching(text)]
        assert len(fits) == 1, (text, fits)


def test_every_step_is_explained() -> None:
    """In one sentence that is there and ends."""
    assert [step.wording for step in steps() if not step.meaning.endswith((".", ":")) or not step.topic] == []


def test_the_nearest_wordings_are_found_whatever_stands_in_their_places() -> None:
    """A mistyped step is recognised by its words; of two that are near, those of its kind come first."""
    ours = list(step_function_context_registry.values())
    assert next(nearest('it is in stat "broadcast/on_air"', "then", ours)) == 'Then it is in state "{state}"'
    assert "When {time} pass(es)" in list(nearest("10s passs", "when", ours))

"""Whose mistake it is."""

from __future__ import annotations

import pytest
from flow_samples import shelf
from test_flow_overlay import BASE, CATALOGUE, checked, said

from retake_flow.flow.check import check
from retake_flow.flow.load import load


@pytest.mark.parametrize(
    ("overlay", "place", "words"),
    [
        (
            "states:\n  b/c: {do: a.choose, transitions: {left: d, right: d}}",
            ("RF051", "over.yaml", 3, 3),
            "the event 'done' (base.yaml:16:",
        ),
        ("states:\n  a: {transitions: {done: good}}", ("RF060", "over.yaml", 1, 10), "'b' (base.yaml:10:3)"),
    ],
)
def test_what_an_overlay_makes_wrong_in_its_base_is_its_mistake(
    overlay: str, place: tuple[str, str, int, int], words: str
) -> None:
    """Told at the state that it changed, or at its `extends`, with the line that is wrong now."""
    assert place in said(overlay)
    assert {file for _, file, _, _ in said(overlay)} == {"over.yaml"}
    assert any(words in problem.message for problem in checked(overlay) if problem.code == place[0])


def test_what_was_wrong_before_is_the_bases_mistake() -> None:
    """With the very words that the base alone is told, also through a second overlay."""
    broken = BASE.replace("timeout: 1h, transitions: {timeout: good}", "transitions: {nothing: good}")
    alone = check(load(broken, "base.yaml"), CATALOGUE)
    assert alone
    mine = checked("inputs: {word: hi}", broken)
    assert set(alone) <= set(mine)
    find = shelf(base=broken, middle="extends: base.yaml\ninputs: {word: hi}")
    outer = check(load("extends: middle.yaml\nflow: x\ninputs: {note: none}", "over.yaml", find=find), CATALOGUE)
    assert set(alone) <= set(outer)


def test_each_overlay_of_a_chain_has_its_own_mistakes() -> None:
    """The one in the middle is told what it has done, and the outer one is not."""
    middle = "extends: base.yaml\nstates:\n  a: {transitions: {done: good}}"
    find = shelf(base=BASE, middle=middle)
    found = check(load("extends: middle.yaml\ninputs: {note: none}", "over.yaml", find=find), CATALOGUE)
    assert {problem.position.file for problem in found if problem.code == "RF060"} == {"middle.yaml"}


def test_a_state_that_an_overlay_in_the_middle_removes_is_its_mistake() -> None:
    """As it is without another one on top."""
    find = shelf(base=BASE, middle="extends: base.yaml\nstates:\n  b/d: null")
    alone = check(load("extends: base.yaml\nstates:\n  b/d: null", "middle.yaml", find=find), CATALOGUE)
    outer = check(load("extends: middle.yaml\ninputs: {word: hi}", "over.yaml", find=find), CATALOGUE)
    assert [problem.code for problem in alone] == ["RF020"]
    assert alone == outer

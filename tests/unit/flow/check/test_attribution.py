"""Whose mistake it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flow_samples import CATALOGUE, shelf
from overlay_samples import BASE, checked, said

from retake_flow.flow.check.check import attribute, check
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.load.load import load


@pytest.mark.parametrize(
    ("overlay", "place", "words"),
    [
        (
            "states:\n  b/c: {do: a.choose, transitions: {left: d, right: d}}",
            ("RF051", "over.yaml", 3, 3),
            "the event 'done' (base.yaml:16:",
        ),
        ("states:\n  a: {transitions: {done: good}}", ("RF060", "over.yaml", 3, 3), "'b' (base.yaml:10:3)"),
        (
            "inputs: {word: hi}\nstates:\n  a: {transitions: {done: good}}",
            ("RF060", "over.yaml", 1, 10),
            "'b' (base.yaml:10:3)",
        ),
        ("initial: good", ("RF060", "over.yaml", 2, 1), "'a' (base.yaml:9:3)"),
        ("inputs:\n  word:\n  note: x", ("RF031", "over.yaml", 3, 3), "'inputs.word' (base.yaml:16:"),
        ("inputs: null", ("RF031", "over.yaml", 2, 1), "'inputs.word' (base.yaml:16:"),
    ],
)
def test_what_an_overlay_makes_wrong_in_its_base_is_its_mistake(
    overlay: str, place: tuple[str, str, int, int], words: str
) -> None:
    """Told at what it changed there, at what it removed, at its one change, or at its `extends`; with what is wrong."""
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


def test_a_result_is_missed_where_its_state_was_removed() -> None:
    """Also by an overlay that changes more, whichever way it writes the path."""
    base = BASE.replace("text: tick", 'text: "{{ outputs.c }}"')
    for removal in ("  b/c:\n  b: {initial: d}", "  b:\n    initial: d\n    states: {c: }"):
        place = next(
            problem.position
            for problem in checked(f"inputs: {{note: x}}\nstates:\n{removal}", base)
            if problem.code == "RF031"
        )
        assert (place.file, place.line) == ("over.yaml", 4 if removal.startswith("  b/c") else 6)


def test_every_state_that_goes_to_a_removed_one_is_named() -> None:
    """Though all of it is told at the one line that removes it."""
    found = checked("states:\n  good:")
    assert {problem.position.line for problem in found} == {3}
    for who in ("'b' goes to it on 'stop'", "'b/d' goes to it on 'timeout'"):
        assert any(who in problem.message for problem in found)


def test_a_rule_is_broken_where_a_state_on_the_path_was_changed() -> None:
    """Not at the overlay's other changes, which are on no path that breaks it."""
    find = shelf(base=BASE)
    over = "extends: base.yaml\ninputs: {note: x}\nstates:\n  a: {description: x}\n  b/d: {description: y}"
    loaded = load(over, "over.yaml", find=find)
    broken = Problem(Position("base.yaml", 18, 3), "RF070", "breaks", "", ({"entered": ["a"]}, {"entered": ["good"]}))
    [told] = attribute({broken}, loaded, lambda _: set())
    assert (told.position, told.code) == (Position("over.yaml", 4, 3), "RF070")
    [told] = attribute({replace(broken, path=({"entered": ["a"]}, {"entered": ["b", "b/d"]}))}, loaded, lambda _: set())
    assert told.position == Position("over.yaml", 1, 10)

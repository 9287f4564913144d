"""What guards say."""

from __future__ import annotations

import pytest

from retake_flow.flow.expressions import guards


@pytest.mark.parametrize(
    ("text", "held", "sure"),
    [
        ("result.x", True, {("result.x", True)}),
        ("result.x", False, {("result.x", False)}),
        ("not result.x", True, {("result.x", False)}),
        ("result.x == false", True, {("result.x", False)}),
        ("result.x and result.y", True, {("result.x", True), ("result.y", True)}),
        ("result.x or result.y", False, {("result.x", False), ("result.y", False)}),
        ("result['x']", True, {("result.x", True)}),
        ("not", True, set()),
    ],
)
def test_what_is_sure(text: str, held: bool, sure: set[tuple[str, bool]]) -> None:
    """A guard that held, or did not, makes sure of its parts as far as logic goes."""
    assert guards.literals(text, held=held) == sure


@pytest.mark.parametrize("text", ["result.x and result.y", "result.x == 'y'"])
def test_what_is_not_sure_is_not_said(text: str) -> None:
    """Of an `and` that did not hold nothing is known of its parts; a comparison is a condition of its own."""
    assert ("result.x", False) not in guards.literals(text, held=False)
    assert guards.literals(text, held=False) == {(next(iter(guards.literals(text, held=False)))[0], False)}


def test_a_later_guard_on_an_output_is_one_on_the_result() -> None:
    """`outputs.a.x` is what was `result.x` when `a` ended; what mixes several is about none of them."""
    known = guards.literals("outputs.a.x and not outputs.b.y", held=True)
    assert guards.of_outputs(known) == {"a": {("result.x", True)}, "b": {("result.y", False)}}
    assert guards.of_outputs(guards.literals("outputs.a.x == outputs.b.x", held=True)) == {}


@pytest.mark.parametrize(
    ("text", "entered", "answer"),
    [
        ("visits.a == 0", False, True),
        ("visits.a == 0", True, False),
        ("visits.a < 6", False, True),
        ("visits.a < 6", True, None),
        ("visits.a >= 1", True, True),
        ("visits.a != 0 and vars.x", False, False),
        ("visits.a != 0 or vars.x", False, None),
        ("not visits.a > 0", False, True),
        ("visits.b == 0", True, None),
        ("visits.a == 'x'", True, None),
        ("event.kind == 'x'", True, True),
        ("event.kind in ['y', 'z']", True, False),
        ("event.kind not in ['y', 'z']", True, True),
        ("event.kind in vars.kinds", True, None),
        ("event.kind < 'y'", True, None),
    ],
)
def test_whether_a_guard_can_hold(text: str, entered: bool, answer: bool | None) -> None:
    """As far as it hangs on what was entered before and on what kind of error there is."""
    assert guards.truth(text, {"a": entered}, {"event.kind": "x"}) is answer

"""The platform's clock, by the dates of its answers."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from retake_flow.api.responses import ServerClock

NOW = 1_767_225_600.0


def observed(*answers: tuple[float, float], **headers: str) -> float | None:
    """How far a clock is ahead, after answers that were made at a time of theirs and came at a time of ours."""
    clock = ServerClock()
    for made, came in answers:
        clock.observe({"date": formatdate(made, usegmt=True), **headers}, came)
    return clock.ahead


def test_nothing_is_known_before_an_answer() -> None:
    """Nor after one without a date, or with one that nobody can read."""
    clock = ServerClock()
    for headers in ({}, {"date": ""}, {"date": "yesterday"}, {"date": "Thu, 99 Foo 2026"}):
        clock.observe(headers, 5.0)
    assert clock.ahead is None


@pytest.mark.parametrize("ahead", [0.0, 75.0, -75.0, 2 * 86400.0])
def test_it_is_never_ahead_of_the_truth_and_close_to_it(ahead: float) -> None:
    """A date tells whole seconds and comes late; of several answers the closest counts."""
    answers = [(NOW + step + ahead, NOW + step + 0.05) for step in (0.3, 1.5, 2.95, 4.1)]
    found = observed(*answers)
    assert found is not None
    assert ahead - 0.2 <= found <= ahead


def test_the_dates_of_a_cache_are_no_time() -> None:
    """An answer that says that it is old, or is older than the others, tells nothing."""
    clock = ServerClock()
    clock.observe({"date": formatdate(NOW - 3600, usegmt=True), "age": "3600"}, NOW)
    assert clock.ahead is None
    assert observed((NOW + 75, NOW), (NOW - 3600, NOW), (NOW + 75, NOW), (NOW + 76, NOW + 1)) == 75.0


def test_one_machine_with_a_wrong_clock_counts_for_nothing() -> None:
    """Of many answers, one is dated in the future."""
    assert observed((NOW, NOW), (NOW + 30, NOW), (NOW + 1, NOW + 1), (NOW + 2, NOW + 2)) == 0.0


def test_a_clock_that_is_set_is_noticed() -> None:
    """What was heard long ago is forgotten."""
    answers = [(NOW + number, NOW + number) for number in range(20)]
    answers += [(NOW - 600 + number, NOW + number) for number in range(20, 40)]
    assert observed(*answers) == -600.0

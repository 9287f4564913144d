"""Failures of drivers: tried again, later each time, then held."""

from __future__ import annotations

from retake_flow.store.sql.jobs import MOST, WITHIN, count_failures, wait_after


def test_each_failure_is_waited_for_longer_and_the_fifth_holds() -> None:
    """The first costs no wait: viewers look at a picture that stands still."""
    failed: tuple[float, ...] = ()
    waits = []
    for at in range(MOST):
        failed = count_failures(failed, float(at))
        waits.append(wait_after(failed))
    assert waits == [0.0, 1.0, 2.0, 4.0, None]


def test_old_failures_no_longer_count() -> None:
    """Five in a day are no reason to hold a run, nor are those that a set clock puts into the future."""
    assert count_failures((1.0, 700.0, 9e9), 700.0 + WITHIN / 2) == (700.0, 700.0 + WITHIN / 2)

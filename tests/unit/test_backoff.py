"""Waits after failures in a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.backoff import Backoff


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (100_000, 30.0)])
def test_waits_grow_up_to_the_cap(failures: int, wait: float) -> None:
    """A wait is the first one, multiplied once for each further failure, and at most the cap."""
    assert Backoff(1.0, rate=2.0, cap=30.0).wait(failures) == wait


@pytest.mark.parametrize(("asked", "wait"), [(90.0, 90.0), (0.5, 1.0), (None, 1.0)])
def test_a_retry_after_may_exceed_the_cap(asked: float | None, wait: float) -> None:
    """The other side can ask for a longer wait, and never for a shorter one."""
    assert Backoff(1.0, cap=30.0).wait(1, asked) == wait


@given(st.integers(1, 2_000), st.floats(0, 1, exclude_max=True), st.floats(1, 100), st.floats(0, 1))
def test_jitter_shortens_a_wait_by_a_part_of_it(failures: int, spread: float, rate: float, jitter: float) -> None:
    """Jitter makes no wait longer than the cap, and none shorter than what the other side asks for."""
    backoff = Backoff(2.0, rate, 30.0, jitter)
    whole = backoff.wait(failures)
    assert whole * (1 - jitter) - 1e-9 <= backoff.wait(failures, spread=spread) <= whole <= 30.0
    assert backoff.wait(failures, 90.0, spread) == 90.0

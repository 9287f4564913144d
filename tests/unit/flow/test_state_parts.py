"""How an action is retried."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.state_parts import Retry


@given(failures=st.integers(1, 2000), spread=st.floats(0, 1, exclude_max=True), rate=st.floats(1, 100))
def test_a_retry_is_spread_over_a_tenth_of_its_wait(failures: int, spread: float, rate: float) -> None:
    """Runs that failed together do not try in step, and no wait is longer than the cap."""
    retry = Retry(max=5, interval=2, rate=rate, cap=30)
    assert 0.9 * retry.wait(failures) <= retry.wait(failures, spread=spread) <= 30

"""The model of a flow."""

from __future__ import annotations

from flow_samples import flow_of
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.model import Retry


@given(failures=st.integers(1, 2000), spread=st.floats(0, 1, exclude_max=True), rate=st.floats(1, 100))
def test_a_retry_is_spread_over_a_tenth_of_its_wait(failures: int, spread: float, rate: float) -> None:
    """Runs that failed together do not try in step, and no wait is longer than the cap."""
    retry = Retry(max=5, interval=2, rate=rate, cap=30)
    assert 0.9 * retry.wait(failures) <= retry.wait(failures, spread=spread) <= 30


def test_a_state_knows_what_is_around_it() -> None:
    """The states around a state are given innermost first, itself included."""
    flow = flow_of("a:\n  initial: b\n  states:\n    b: {initial: c, states: {c: {final: ok}}}")
    assert [state.path for state in flow.around("a/b/c")] == ["a/b/c", "a/b", "a"]
    assert [state.name for state in flow.states.values()] == ["a", "b", "c"]
    assert flow.states["a"].children == ("a/b",)

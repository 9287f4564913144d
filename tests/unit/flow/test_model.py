"""The model of a flow."""

from __future__ import annotations

import pytest
from flow_samples import flow_of
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.model import Retry


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (1000, 30.0)])
def test_waits_grow_up_to_the_cap(failures: int, wait: float) -> None:
    """The wait is the least of the cap and the interval multiplied so often."""
    assert Retry(max=5, interval=1, rate=2, cap=30).wait(failures, 0.0) == wait


def test_what_the_platform_asks_for_goes_before_the_cap() -> None:
    """A Retry-After is honoured even when it is longer than the longest wait."""
    assert Retry(max=5, interval=1, cap=30).wait(1, 0.0, at_least=90) == 90


@given(failures=st.integers(1, 2000), spread=st.floats(0, 1, exclude_max=True), rate=st.floats(1, 100))
def test_the_spread_takes_at_most_a_tenth_off(failures: int, spread: float, rate: float) -> None:
    """Runs that failed together do not try in step, and no wait is longer than the cap."""
    retry = Retry(max=5, interval=2, rate=rate, cap=30)
    assert 0.9 * retry.wait(failures, 0.0) <= retry.wait(failures, spread) <= 30


def test_a_state_knows_what_is_around_it() -> None:
    """The states around a state are given innermost first, itself included."""
    flow = flow_of("a:\n  initial: b\n  states:\n    b: {initial: c, states: {c: {final: ok}}}")
    assert [state.path for state in flow.around("a/b/c")] == ["a/b/c", "a/b", "a"]
    assert [state.name for state in flow.states.values()] == ["a", "b", "c"]
    assert flow.states["a"].children == ("a/b",)

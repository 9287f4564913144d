from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.api.retry import RetryPolicy
from retake_flow.errors import PlatformError, Unavailable

POLICY = RetryPolicy()


def failure(retry_after: float | None = None, may_repeat: bool = True) -> PlatformError:
    """A failure of the platform."""
    error = Unavailable()
    error.may_repeat, error.retry_after = may_repeat, retry_after
    return error


def wait(error: PlatformError, retry: int = 0, waited: float = 0.0, pace: float = 0.0, seed: int = 1) -> float | None:
    """What the policy says to a failure."""
    return POLICY.wait(error, retry=retry, waited=waited, pace=pace, rng=random.Random(seed))


def test_a_third_try_is_the_last() -> None:
    """A failure is tried again twice."""
    assert [wait(failure(), retry) is None for retry in range(4)] == [False, False, True, True]


def test_what_may_not_be_repeated_is_final() -> None:
    """A call that could happen twice gets no second try, whatever the platform asks for."""
    assert wait(failure(1.0, may_repeat=False)) is None


@given(st.integers(0, 1), st.integers(0, 1000))
def test_waits_grow_with_jitter(retry: int, seed: int) -> None:
    """Each wait is between half and all of its step, and steps grow threefold."""
    found = wait(failure(), retry, seed=seed)
    assert found is not None
    assert 0.25 * 3**retry <= found <= 0.5 * 3**retry


def test_retry_after_is_honoured() -> None:
    """The platform is not asked again before the time it named."""
    assert wait(failure(7.0)) == 7.0
    assert wait(failure(0.0)) == wait(failure())


def test_polls_keep_their_pace() -> None:
    """A retry of a poll is no closer than the poll itself may be."""
    assert wait(failure(), pace=3.0) == 3.0


def test_patience_ends() -> None:
    """More than a minute in one call is not waited: it is the flow's to decide."""
    assert wait(failure(60.0)) == 60.0
    assert wait(failure(60.5)) is None
    assert wait(failure(40.0), retry=1, waited=40.0) is None

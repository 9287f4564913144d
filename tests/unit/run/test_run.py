"""A run in its own time, and with dates of the wall clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.run.gates import Gate
from retake_flow.run.run import Attempt, Run

NOW = 1_767_225_600.0


def run() -> Run:
    """A run that waits for a person and for two times."""
    gate = Gate("q.1", "q", 1, "?", opened_at=NOW, due=NOW + 60)
    return Run(
        "r",
        "f",
        "d",
        {},
        vars={"since": NOW},
        timers={("q", "timeout"): NOW + 60, ("q", "remind"): NOW + 30},
        gates={"q.1": gate, "p.1": Gate("p.1", "p", 1, "?", opened_at=NOW)},
        attempt=Attempt(1, 1, NOW - 5),
    )


@given(st.integers(-(10**7), 10**7))
def test_what_is_written_is_read_as_it_was(ahead: int) -> None:
    """However far the run is ahead of the wall clock."""
    kept = run().as_stored(float(ahead))
    assert kept.ahead == ahead
    assert kept.as_driven().timers == run().timers
    assert kept.as_driven().gates == run().gates
    assert kept.as_driven().attempt == run().attempt


def test_what_comes_due_is_dated_by_the_wall_clock() -> None:
    """Variables are the flow's own, and stay."""
    kept = run().as_stored(-600.0)
    assert kept.timers["q", "timeout"] == kept.gates["q.1"].due == NOW + 660
    assert kept.gates["p.1"].due is None
    assert kept.vars == {"since": NOW}


def test_without_a_step_a_run_is_written_as_it_is() -> None:
    """It is the same object, so that whoever stores it sees that nothing has changed."""
    same = run()
    assert same.as_stored(0.0) is same
    assert same.as_driven() is same

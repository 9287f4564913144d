"""A run's own time and the wall clock's dates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.run import dates
from retake_flow.run.gates import Gate
from retake_flow.run.records import record
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
    kept = dates.to_stored(run(), float(ahead))
    assert kept.ahead == ahead
    assert dates.from_stored(kept).timers == run().timers
    assert dates.from_stored(kept).gates == run().gates
    assert dates.from_stored(kept).attempt == run().attempt


def test_what_comes_due_is_dated_by_the_wall_clock() -> None:
    """Variables are the flow's own, and stay."""
    kept = dates.to_stored(run(), -600.0)
    assert kept.timers["q", "timeout"] == kept.gates["q.1"].due == NOW + 660
    assert kept.gates["p.1"].due is None
    assert kept.vars == {"since": NOW}


def test_without_a_step_a_run_is_written_as_it_is() -> None:
    """It is the same object, so that whoever stores it sees that nothing has changed."""
    same = run()
    assert dates.to_stored(same, 0.0) is same
    assert dates.from_stored(same) is same


@pytest.mark.parametrize("ahead", [0.0, 600.0, -172800.0])
def test_the_moment_of_a_record_is_the_runs(ahead: float) -> None:
    """Its date is the wall clock's, and so is what it says of when something comes due."""
    told = dates.record_to_stored(record("gate_opened", NOW, gate="q.1", due=record("x", NOW + 60)["t"]), ahead)
    assert told["t"] == record("x", NOW - ahead)["t"]
    assert told["due"] == record("x", NOW + 60 - ahead)["t"]
    assert dates.record_to_run_time(told) == NOW


def test_questions_of_a_suspended_run_are_dated_too() -> None:
    """They stand in a list."""
    told = dates.record_to_stored(
        record("run_suspended", NOW, gates=[{"due": record("x", NOW)["t"]}, {"gate": "a"}]), 60.0
    )
    assert told["gates"] == [{"due": record("x", NOW - 60)["t"]}, {"gate": "a"}]

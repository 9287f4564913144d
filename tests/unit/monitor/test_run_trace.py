"""Where a run is and which way it came."""

from __future__ import annotations

import pytest

from retake_flow.monitor.run_trace import Way
from retake_flow.run.records import Record


def entered(*paths: str) -> list[Record]:
    """The records of entering states."""
    return [{"event": "state_entered", "state": path} for path in paths]


@pytest.mark.parametrize(
    ("paths", "way"),
    [
        ((), []),
        (("a",), ["a"]),
        (("a", "b", "b/c", "b/c/d"), ["a", "b/c/d"]),
        (("b", "b/c", "b/d"), ["b/c", "b/d"]),
        (("a", "b", "c", "b", "d"), ["c", "b", "d"]),
        (("b", "b/c", "b", "b/c"), ["b/c"]),
        (("a", "ab", "ab/c"), ["a", "ab/c"]),
    ],
)
def test_the_way_is_that_of_innermost_states_back_to_a_repetition(paths: tuple[str, ...], way: list[str]) -> None:
    """States around are passed through; a loop is walked once."""
    assert [step.path for step in Way(entered(*paths)).steps] == way


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"event": "action_finished", "state": "a", "outcome": "error.input"}, "error.input"),
        ({"event": "stop_requested", "reason": ""}, "stop"),
        ({"event": "timer_fired", "state": "a", "purpose": "timeout"}, "timeout"),
        ({"event": "gate_answered", "gate": "a.1", "decision": "posted"}, "posted"),
        ({"event": "event_raised", "name": "tip"}, "tip"),
        ({"event": "activity_ended", "activity": "b/c:encoder", "outcome": "exited"}, "encoder.exited"),
    ],
)
def test_what_happened_before_a_state_was_entered_is_known(record: Record, name: str) -> None:
    """By the names of events, also when composites are entered in between; not what happened before that."""
    steps = Way([*entered("a"), record, *entered("b", "b/c"), *entered("d")]).steps
    assert [name in step.after for step in steps] == [False, True, False]

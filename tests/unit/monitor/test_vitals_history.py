"""Measurements of a stream over time."""

from __future__ import annotations

from retake_flow.monitor.vitals_history import MOST_POINTS, VitalsHistory
from retake_flow.run.records import record


def test_measurements_are_kept_with_their_times() -> None:
    """Numbers only, by their names; and when the stream was brought back."""
    history = VitalsHistory()
    measured = {"viewers": 3, "bitrate": 2500.5, "is_live": True}
    history.note(record("activity_result", 10.0, activity="a", result=measured))
    history.note(record("activity_result", 20.0, activity="a", result={"viewers": True, "fps": "30", "speed": None}))
    history.note(record("notice", 30.0, kind="recovered", message="back"))
    history.note(record("state_entered", 40.0, state="a", visit=1))
    assert history.series == {"viewers": [(10.0, 3.0)], "bitrate": [(10.0, 2500.5)], "fps": [], "speed": []}
    assert history.recoveries == [30.0]


def test_a_long_stream_is_thinned_out() -> None:
    """A day takes no more room than some minutes, and still reaches from the first to the last measurement."""
    history = VitalsHistory()
    for number in range(20_000):
        history.note(record("activity_result", float(number), activity="a", result={"viewers": number}))
    points = history.series["viewers"]
    assert len(points) <= MOST_POINTS
    assert (points[0], points[-1]) == ((0.0, 0.0), (19_999.0, 19_999.0))

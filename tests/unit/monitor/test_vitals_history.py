"""Measurements of a stream over time."""

from __future__ import annotations

from itertools import pairwise

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


def test_older_measurements_come_before() -> None:
    """A journal that is read backwards, in pieces, ends up as one that is read at once: even, from first to last."""
    history = VitalsHistory()
    for first in range(18_000, -1, -2000):
        older = VitalsHistory()
        for number in range(first, first + 2000):
            older.note(record("activity_result", float(number), activity="a", result={"viewers": number}))
        older.note(record("notice", float(first), kind="recovered", message="back"))
        history.precede(older)
    points = history.series["viewers"]
    gaps = [after[0] - before[0] for before, after in pairwise(points)]
    assert (points[0], points[-1]) == ((0.0, 0.0), (19_999.0, 19_999.0))
    assert 200 < len(points) <= MOST_POINTS
    assert max(gaps) < 200
    assert history.recoveries == sorted(history.recoveries)

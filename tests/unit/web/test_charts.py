"""The chart of a flow, and the way of a run in it."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from stored_runs import stored

from retake_flow.flow.load.load import load_flow
from retake_flow.monitor.run_trace import Way
from retake_flow.ports.runs import Runs
from retake_flow.run.records import record
from retake_flow.web.charts import MOST_POINTS, StateCharts, VitalsHistory

_FILE = Path(__file__).resolve().parents[3] / "flows" / "go-live.yaml"
FLOW = load_flow(_FILE.read_text(encoding="utf-8"), str(_FILE)).sources.dump()


@pytest.mark.parametrize(
    ("entered", "arrows"),
    [
        (["check_guide"], {"->check_guide"}),
        (
            ["check_guide", "credentials", "verification", "broadcast", "broadcast/stream_key", "broadcast/session"],
            {
                "->check_guide",
                "check_guide->credentials",
                "credentials->verification",
                "verification->broadcast",
                "broadcast->broadcast/stream_key",
                "broadcast/stream_key->broadcast/session",
            },
        ),
        (
            ["check_guide", "guide_unread", "check_guide", "credentials"],  # also the way of an earlier round
            {"->check_guide", "check_guide->guide_unread", "guide_unread->check_guide", "check_guide->credentials"},
        ),
        (["gone", "elsewhere"], set()),
        ([], set()),
    ],
)
def test_the_way_of_a_run_is_arrows_of_its_chart(store: Runs, entered: list[str], arrows: set[str]) -> None:
    """From the beginning to where it is; states that a flow does not have lead nowhere."""
    stored(store, "owl-1")
    charts, way = StateCharts(), Way(record("state_entered", 1.0, state=path, visit=1) for path in entered)
    kept = store.load("owl-1")
    assert charts.way(kept, way) == []  # its flow cannot be read
    charts._flows[kept.run.digest] = charts.flow("go-live", FLOW)
    found = charts.way(kept, way)
    assert set(found) == arrows
    drawn = asyncio.run(charts.chart("go-live", FLOW))
    assert arrows <= {unescape(name) for name in re.findall(r'<g id="([^"]*)" class="edge"', drawn)}


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

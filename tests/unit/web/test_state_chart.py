"""The chart of a flow, and the way of a run in it."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path

import pytest
from stored_runs import stored

from retake_flow.flow.load.load import load_flow
from retake_flow.monitor.run_trace import Way
from retake_flow.ports.runs import Runs
from retake_flow.run.records import record
from retake_flow.web.state_chart import StateCharts

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
            {
                "->check_guide",
                "check_guide->guide_unread",
                "guide_unread->check_guide",
                "check_guide->credentials",
            },
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

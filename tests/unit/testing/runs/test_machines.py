"""Machines that share what takes long to build."""

from __future__ import annotations

from flow_samples import flow_of

from retake_flow.testing.runs import trial
from retake_flow.testing.runs.trial import machine_of


def test_flows_with_the_same_sources_share_a_chart() -> None:
    """Each has its own machine; only as many charts are kept as fit."""
    flows = [flow_of(f"a: {{final: ok{number}}}") for number in range(trial._MOST_CHARTS + 2)]
    first, again = machine_of(flows[0]), machine_of(flow_of("a: {final: ok0}"))
    assert first is not again
    assert first._chart is again._chart
    assert len({machine_of(flow)._chart for flow in flows}) == len(flows)
    assert len(trial._charts) == trial._MOST_CHARTS
    assert machine_of(flows[0])._chart is not first._chart

"""Machines of flows for many runs of the same flows: what takes long to build is built once."""

from __future__ import annotations

from collections import OrderedDict

from retake_flow.actions.registry import CATALOGUE
from retake_flow.engine.core.chart import Chart
from retake_flow.engine.core.machine import Machine
from retake_flow.flow.model import Flow

_MOST_CHARTS = 16
_charts: OrderedDict[str, Chart] = OrderedDict()


def machine_of(flow: Flow) -> Machine:
    """The machine of a flow; flows with the same sources share a chart."""
    chart = _charts.pop(flow.digest, None) or Chart(flow)
    _charts[flow.digest] = chart
    if len(_charts) > _MOST_CHARTS:
        _charts.popitem(last=False)
    return Machine(flow, CATALOGUE, chart)

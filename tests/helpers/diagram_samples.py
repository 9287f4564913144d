"""Flows and runs that are hard to draw."""

from __future__ import annotations

from dataclasses import replace

from flow_samples import flow_of

from retake_flow.flow.diagram.diagram import Diagram, Step, Trace, diagram
from retake_flow.flow.model import ActionState, Flow

HOSTILE = """'"]; } --> x : y # % <script> &amp; </b> ` \\\\ | {{ \\N \\l 日本 ' -- ]]>"""


def hostile() -> Flow:
    """A flow whose texts hold every sign that means something to a picture."""
    flow = flow_of("a: {transitions: {stop: [{when: \"vars.x == 'PLACEHOLDER'\", to: b}, {to: b}]}}\nb: {final: ok}")
    state = flow.states["a"]
    first, last = state.routes["stop"]
    assert first.when is not None
    first.when.text = HOSTILE
    routes = {"stop": (first, last)}
    mean = ActionState(path="a", parent="", position=state.position, do=HOSTILE, timeout=HOSTILE, routes=routes)
    return replace(flow, name=HOSTILE, states={**flow.states, "a": mean})


def marked(flow: Flow, *way: str, **visits: int) -> Diagram:
    """The flow with a run."""
    active = frozenset(state.path for state in flow.around(way[-1]))
    return diagram(flow, trace=Trace(active, visits, tuple(map(Step, way)), frozenset(), "owl: <running>"))

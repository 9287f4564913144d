"""Plans of small flows."""

from __future__ import annotations

from typing import Any

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.whatif.plan import planner
from retake_flow.whatif.plan.plan import Kind, Plan, Step


def flow_of(states: str, initial: str = "a", head: str = "") -> Flow:
    """The flow with these states."""
    indented = "".join(f"  {line}\n" for line in states.strip("\n").splitlines())
    return load_flow(f"flow: sample\n{head}initial: {initial}\nstates:\n{indented}", "flow.yaml")


def planned(states: str, *assumed: str, initial: str = "a", head: str = "", **inputs: Any) -> Plan:
    """The plan of a flow with these states."""
    return planner.plan(flow_of(states, initial, head), CATALOGUE, inputs, assumed)


def steps(plan: Plan, kind: Kind) -> list[Step]:
    """The steps of a kind."""
    return list(plan.of(kind))


def times(plan: Plan, kind: Kind) -> list[float]:
    """When the steps of a kind happen."""
    return [step.t for step in plan.of(kind)]


def facts(plan: Plan, kind: Kind, name: str) -> list[Any]:
    """What the steps of a kind say under a name; None where they say nothing."""
    return [step.facts.get(name) for step in plan.of(kind)]

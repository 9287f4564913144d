"""Which states a transition leaves and enters, and which can be reached."""

from __future__ import annotations

from flow_samples import flow_of

from retake_flow.flow.graph.exit_entry_sets import reachable_from

END = "\nz: {final: ok}"


def test_what_can_be_reached_follows_routes_from_inside_and_around() -> None:
    """Reaching a state reaches the states around it, its first one inside, and all their routes' targets."""
    flow = flow_of(
        "a:\n  initial: b\n  transitions: {stop: z}\n  states:\n"
        "    b: {transitions: {stop: c}}\n    c: {}\n    d: {}" + END
    )
    assert reachable_from(flow, "a") == {"a", "a/b", "a/c", "z"}

"""The model of a flow."""

from __future__ import annotations

from flow_samples import flow_of


def test_a_state_knows_what_is_around_it() -> None:
    """The states around a state are given innermost first, itself included."""
    flow = flow_of("a:\n  initial: b\n  states:\n    b: {initial: c, states: {c: {final: ok}}}")
    assert [state.path for state in flow.around("a/b/c")] == ["a/b/c", "a/b", "a"]
    assert [state.name for state in flow.states.values()] == ["a", "b", "c"]
    assert flow.states["a"].children == ("a/b",)

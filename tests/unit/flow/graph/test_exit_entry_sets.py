"""Which states a transition leaves and enters, and which can be reached."""

from __future__ import annotations

from flow_samples import flow_of

from retake_flow.flow.graph.exit_entry_sets import Change, Enter, Leave, Perform, SetUp, Step, reachable_from

END = "\nz: {final: ok}"


def test_what_can_be_reached_follows_routes_from_inside_and_around() -> None:
    """Reaching a state reaches the states around it, its first one inside, and all their routes' targets."""
    flow = flow_of(
        "a:\n  initial: b\n  transitions: {stop: z}\n  states:\n"
        "    b: {transitions: {stop: c}}\n    c: {}\n    d: {}" + END
    )
    assert reachable_from(flow, "a") == {"a", "a/b", "a/c", "z"}


def test_effects_come_before_states_are_left_and_as_states_are_entered() -> None:
    """Exit effects, innermost first, and those of the route come first; each state is set up as it is entered."""
    flow = flow_of(
        "a:\n  initial: b\n  exit: {tell: a}\n  transitions: {stop: {to: c/d, tell: route}}\n  states:\n"
        "    b: {exit: {tell: b}}\n"
        "c:\n  initial: d\n  set: {x: 1}\n  timeout: 5s\n  entry: {tell: c}\n  states: {d: {entry: {tell: d}}}" + END
    )
    change = Change.by_route(flow, flow.states["a"].routes["stop"][0], "a/b", {})
    assert (change.left, change.entered) == (("a/b", "a"), ("c", "c/d"))
    exits, entries = ["a/b: b", "a: a", ": route", "leave a/b", "leave a"], ["c: {'x': 1}", "set up c", "c: c"]
    assert [_words(step) for step in change.steps] == [*exits, "enter c", *entries, "enter c/d", "c/d: d"]


def _words(step: Step) -> str:
    match step:
        case Perform():
            effect = step.effects[0]
            return f"{step.active}: {effect.tell.message if effect.tell else effect.set}"
        case Leave():
            return f"leave {step.path}"
        case Enter():
            return f"enter {step.path}"
        case SetUp():
            return f"set up {step.state.path}"

"""What can be reached, and whether the flow can end."""

from __future__ import annotations

import pytest
from flow_samples import at, codes, problems

END = "\nz: {final: ok}"


@pytest.mark.parametrize(
    ("trap", "line", "said"),
    [
        ("b: {}", 5, "once in 'b', the flow cannot end"),
        ("b: {wait: 1s, transitions: {done: c}}\nc: {wait: 1s, transitions: {done: b}}", 5, "among 'b', 'c'"),
        ("b: {initial: c, states: {c: {}}}", 5, "once in 'b/c'"),
    ],
)
def test_a_state_from_which_the_flow_cannot_end_is_told(trap: str, line: int, said: str) -> None:
    """A trap is told once, at its first state, also when others lead into it; nothing is said of those."""
    start = "a: {do: a.choose, transitions: {left: z, right: b}}\n"
    [problem] = problems(start + trap + END)
    assert (problem.code, at(problem)[0]) == ("RF063", line)
    assert said in problem.message


@pytest.mark.parametrize("way_out", ["transitions: {stop: z}", "timeout: 1m, transitions: {timeout: z}"])
def test_a_state_that_says_how_it_is_left_is_no_trap(way_out: str) -> None:
    """A state that rests until it is told to stop says so by routing it."""
    assert codes(f"a: {{do: a.choose, transitions: {{left: z, right: b}}}}\nb: {{{way_out}}}" + END) == []


def test_what_a_mistaken_route_leads_to_is_not_accused() -> None:
    """A route for an event that cannot occur is one mistake, not also a state that nothing leads to."""
    assert codes("a: {do: a.work, transitions: {done: z, dnoe: b}}\nb: {wait: 1s, transitions: {done: z}}" + END) == [
        "RF051"
    ]


def test_a_state_that_only_a_fallback_leads_to_is_reached() -> None:
    """A state around may take what the states inside take already: they may change."""
    inside = "b: {do: a.work, transitions: {done: z, error: z}}"
    states = f"a: {{initial: b, transitions: {{error: c}}, states: {{{inside}}}}}\nc: {{final: failed}}"
    assert codes(states + END) == []

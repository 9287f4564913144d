"""Transitions without an event that would chase each other."""

from __future__ import annotations

import pytest
from flow_samples import codes, problems

END = "\nz: {final: ok}"


@pytest.mark.parametrize(
    "states",
    [
        "a: {always: a, transitions: {stop: z}}",
        "a: {always: {set: {n: 1}}, wait: 1s, transitions: {done: z}}",
        "a: {always: [{when: run.id == 'x', to: b}, {to: z}]}\nb: {always: a}",
        "a: {always: [{when: visits.z > 0, to: z}, {to: b}]}\nb: {always: a}",
        "a: {initial: b, always: {when: 'in(\"a/b\")', to: c}, states: {b: {wait: 1s, transitions: {done: z}}}}\n"
        "c: {always: a}",
    ],
)
def test_a_cycle_that_nothing_breaks_is_told(states: str) -> None:
    """To itself, without a target, through guards that cannot change, and through states inside others."""
    assert "RF064" in codes(states + END)


@pytest.mark.parametrize(
    "states",
    [
        "a: {always: [{when: visits.a > 3, to: z}, {to: b}]}\nb: {always: a}",
        "a: {set: {n: '{{ vars.n|default(0) + 1 }}'}, always: [{when: vars.n > 3, to: z}, {to: b}]}\nb: {always: a}",
        "a: {always: [{when: vars.n|default(0) < 3, to: a, set: {n: '{{ vars.n|default(0) + 1 }}'}}, {to: z}]}",
        "a: {always: b}\nb: {always: c}\nc: {always: z}",
        "a: {always: b}\nb: {wait: 1s, transitions: {done: [{when: visits.a > 3, to: z}, {to: a}]}}",
    ],
)
def test_what_the_way_itself_changes_may_break_it(states: str) -> None:
    """A count of visits, a variable that is set on the way, or an event in between."""
    assert codes(states + END) == []


def test_a_cycle_is_named_from_its_first_transition_on() -> None:
    """At its place in the file, with all states on the way round."""
    found = problems(
        "a: {wait: 1s, transitions: {done: c, stop: z}}\nb: {always: c}\nc: {always: d}\nd: {always: b}" + END
    )
    [problem] = [each for each in found if each.code == "RF064"]
    assert (problem.position.line, problem.message) == (
        5,
        "these transitions follow each other without end: b → c → d → b",
    )

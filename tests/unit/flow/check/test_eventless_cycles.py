"""Transitions without an event that would chase each other, and failures that nobody would hear of."""

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


_LOOK = "do: a.work, transitions: {done: z, error: "
_PAUSE = "\nb: {wait: 1s, transitions: {done: "
_ASK = "ask: {message: Well?}, transitions: {answered: a}"


@pytest.mark.parametrize(
    "states",
    [
        f"a: {{{_LOOK}a}}}}",
        f"a: {{{_LOOK}b}}}}{_PAUSE}a}}}}",
        f"a: {{{_LOOK}b}}}}{_PAUSE}[{{when: in('a'), to: z}}, {{to: a}}]}}}}",
        f"a: {{{_LOOK}c}}}}{_PAUSE}a}}}}\nc: {{always: b}}",
        "a: {do: a.work, poll: {every: 3s, until: result.is_live, timeout: 9s}, "
        "transitions: {done: z, timeout: a, error: z}}",
        "a: {initial: c, transitions: {error: a}, states: {c: {do: a.work, transitions: {done: z}}}}",
    ],
)
def test_a_failure_that_is_tried_again_without_end_is_advised_against(states: str) -> None:
    """At once or after a pause, by way of other states, by a route around, after an error or what never comes."""
    assert "RF065" in codes(states + END)


@pytest.mark.parametrize(
    "states",
    [
        f"a: {{{_LOOK}b}}}}{_PAUSE}[{{when: visits.b > 3, to: z}}, {{to: a}}]}}}}",
        f"a: {{{_LOOK}{{to: b, tell: Again.}}}}}}{_PAUSE}a}}}}",
        f"a: {{{_LOOK}b}}}}\nb: {{{_ASK}}}",
        f"a: {{{_LOOK}b}}}}\nb: {{entry: {{tell: It fails.}}, wait: 1s, transitions: {{done: a}}}}",
        "a: {do: a.work, transitions: {done: b, error: z}}\nb: {wait: 1s, transitions: {done: a, stop: z}}",
        "a: {wait: 1s, transitions: {done: b, stop: z}}\nb: {wait: 1s, transitions: {done: a}}",
        f"a: {{initial: c, activities: {{q: {{ask: {{message: Well?}}}}}}, transitions: {{q.answered: z}}, "
        f"states: {{c: {{{_LOOK}b}}}}, b: {{wait: 1s, transitions: {{done: c}}}}}}}}",
    ],
)
def test_a_failure_that_somebody_hears_of_may_be_tried_again(states: str) -> None:
    """It is counted, told or asked about; and what goes round without a failure is none."""
    assert "RF065" not in codes(states + END)

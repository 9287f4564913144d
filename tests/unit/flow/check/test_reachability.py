"""Transitions without an event that would chase each other, and failures that nobody would hear of."""

from __future__ import annotations

import pytest
from flow_samples import at, codes, problems

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
        "these transitions follow each other endlessly: b → c → d → b",
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

"""The shortest way to each end and each question."""

from __future__ import annotations

import pytest
from planned import flow_of

from retake_flow.actions.registry import CATALOGUE
from retake_flow.whatif.plan.all_paths import AllPaths, PlannedPath, all_paths

STATES = """\
a:
  do: retake.verification_status
  transitions:
    done:
      - {when: result.verified, to: good}
      - {to: b}
    error.unauthorized: bad
    error: a
b:
  ask: {message: "?", decisions: {allow: , refuse: }, timeout: 1h}
  transitions: {allow: c, refuse: bad, timeout: worse}
c:
  activities:
    health: {do: retake.stream_status, every: 3s, raises: {offline: not result.is_live}}
  transitions: {offline: worst, stop: d, error: bad}
d:
  activities: {builder: {ask: {message: "?", answer: {way: {type: string}}}}}
  transitions: {builder.answered: good}
good: {final: completed}
bad: {final: failed}
worse: {final: failed}
worst: {final: failed}
"""


def found(states: str, head: str = "") -> AllPaths:
    """The ways through a flow."""
    return all_paths(flow_of(states, head=head), CATALOGUE, {})


def by_goal(states: str) -> dict[str, PlannedPath]:
    """The ways by where they lead."""
    return {way.goal: way for way in found(states).found}


def test_there_is_a_way_to_each_end_and_each_question() -> None:
    """Final states, states that ask, and activities that ask."""
    ways = by_goal(STATES)
    assert set(ways) == {"good", "bad", "worse", "worst", "b", "d:builder"}
    assert {goal for goal, way in ways.items() if way.question} == {"b", "d:builder"}


def test_a_way_is_told_state_by_state() -> None:
    """With the event, the guards that have to hold and those that must not."""
    way = by_goal(STATES)["worse"]
    start, *moves = way.moves
    assert start.target == "a"
    told = [(each.source, each.occurrence.name, each.guards, each.target) for each in moves]
    [(guard, held)] = moves[0].guards
    assert (guard.text, held) == ("result.verified", False)
    assert told == [("a", "done", ((guard, False),), "b"), ("b", "timeout", (), "worse")]


def test_a_way_says_what_it_takes() -> None:
    """The assumptions with which a plan goes there; none where that is what happens anyway."""
    taken = {goal: way.assumed for goal, way in by_goal(STATES).items()}
    assert taken == {
        "good": (),
        "bad": ("a=error.unauthorized",),
        "b": ("a.verified=false",),
        "worse": ("a.verified=false", "b=timeout"),
        "d:builder": ("a.verified=false", "c=stop"),
        "worst": ("a.verified=false", "c:health.is_live=false"),
    }


@pytest.mark.parametrize(
    "guard", ["not result.is_live", "result.is_live == false", "not (result.is_live or result.viewers > 5)"]
)
def test_a_guard_may_say_in_several_ways_what_it_takes(guard: str) -> None:
    """Each condition that is certain when it holds is assumed."""
    ways = by_goal(f"""\
a:
  do: retake.stream_status
  transitions: {{done: [{{when: {guard}, to: off}}, {{to: good}}], error: good}}
off: {{final: completed}}
good: {{final: completed}}
""")
    assert (ways["off"].assumed, ways["good"].assumed) == (("a.is_live=false",), ())


def test_a_way_that_no_assumption_leads_along_says_so() -> None:
    """The guard asks for more than one field of the result, so what it takes is not known."""
    ways = by_goal("""\
a:
  do: retake.stream_status
  transitions: {done: [{when: result.viewers > 5, to: crowd}, {to: good}], error: good}
crowd: {final: completed}
good: {final: completed}
""")
    assert (ways["crowd"].assumed, ways["good"].assumed) == (None, ())


def test_what_cannot_be_reached_is_named() -> None:
    """A state that no route leads to."""
    assert found("a: {final: completed}\nb: {final: failed}").unreached == ("b",)


def test_the_way_through_a_sub_flow_is_a_way() -> None:
    """Its questions are goals; its ends are those of the state that it runs in."""
    flow = """\
a:
  flow: verify.yaml
  transitions: {verified: good, declined: bad, expired: bad, failed: bad}
good: {final: completed}
bad: {final: failed}
"""
    ways = by_goal(flow)
    assert set(ways) == {"a/post", "good", "bad"}
    assert ways["good"].moves[-1].source == "a/verified"
    assert ways["good"].assumed == ()


def test_a_very_large_flow_is_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """All its ways are shown; what it takes is looked for only as long as there is time."""
    monkeypatch.setattr("retake_flow.whatif.plan.all_paths._MOST_STATES", 0)
    monkeypatch.setattr("retake_flow.whatif.plan.all_paths._LEAST_TRIALS", 1)
    ways = by_goal(STATES)
    assert set(ways) == {"good", "bad", "worse", "worst", "b", "d:builder"}
    assert {way.tried for way in ways.values()} == {False}
    assert [way.goal for way in ways.values() if way.assumed is not None] == ["b"]

"""What is tried again, how often, and who hears of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from conversation import Actions, Journal, Serves, Takes, catalogue
from talk import flow_of

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import InDoubt, NotFound, RateLimited, Rejected, RetakeFlowError, Unavailable, Unreachable
from retake_flow.flow.state_parts import Retry
from retake_flow.ports.actions import Completion
from retake_flow.run.run import Attempt, Phase, Run
from retake_flow.whatif import virtual_time

AGAIN = Retry(max=2, interval=1.0, rate=3.0)
DOWN = Unavailable("down")


def unsure() -> RetakeFlowError:
    """An error that leaves it open whether the work was done."""
    error = Unreachable("no answer")
    error.unsure = True
    return error


def driven(
    states: str, actions: Actions, within: float = 1e6, *, retry: Retry | None = AGAIN, **run: Any
) -> tuple[Run, Journal]:
    """A run of these states with actions that all declare how they are tried again."""
    specs = {name: spec if spec.service else replace(spec, retry=retry) for name, spec in catalogue().items()}
    journal = Journal()

    async def scene() -> Run:
        runner = Runner(
            Machine(flow_of(states), specs),
            Run("r", "talk", "", {}, **run),
            catalogue=specs,
            actions=actions,
            store=journal,
            clock=virtual_time.VirtualClock(),
        )
        return await runner.drive()

    return virtual_time.run(scene()), journal


ONE = "a: {do: a.work, transitions: {done: good, error: bad}}\ngood: {final: completed}\nbad: {final: failed}\n"


def test_a_flow_that_says_nothing_tries_again_as_the_action_declares() -> None:
    """Each try is in the journal, with the wait before the next one."""
    actions = Actions(a_work=[DOWN])
    run, journal = driven(ONE, actions)
    first, second, third = actions.times("a.work")
    assert 0.9 <= second - first <= 1.0
    assert 2.7 <= third - second <= 3.0
    assert run.outcome == "failed"
    assert [record["failures"] for record in journal.of("retry_scheduled")] == [1, 2]
    assert [record["attempt"] for record in journal.of("action_started")] == [1, 2, 3]


@pytest.mark.parametrize(("most", "tries"), [(0, 1), (1, 2), (4, 5)])
def test_what_the_flow_says_goes_before_what_the_action_declares(most: int, tries: int) -> None:
    """Also when it says: never."""
    actions = Actions(a_work=[DOWN])
    driven(ONE.replace("do: a.work", f"do: a.work, retry: {{max: {most}, interval: 1s}}"), actions)
    assert len(actions.calls) == tries


@pytest.mark.parametrize("error", [unsure(), NotFound("who?"), Rejected("no"), InDoubt("who knows?")])
@pytest.mark.parametrize("retry", ["", ", retry: {max: 5, interval: 1s}"])
def test_what_cannot_pass_or_may_have_been_done_is_not_tried_again(error: RetakeFlowError, retry: str) -> None:
    """No flow can wish for that either."""
    actions = Actions(a_work=[error])
    run, _ = driven(ONE.replace("do: a.work", f"do: a.work{retry}"), actions)
    assert len(actions.calls) == 1
    assert run.outcome == "failed"


@pytest.mark.parametrize(("kinds", "tries"), [("unavailable", 3), ("unreachable, unavailable", 3), ("unreachable", 1)])
def test_only_the_kinds_that_the_flow_names_are_tried_again(kinds: str, tries: int) -> None:
    """The others are routed at once."""
    actions = Actions(a_work=[DOWN])
    driven(ONE.replace("do: a.work", f"do: a.work, retry: {{max: 2, on: [{kinds}]}}"), actions)
    assert len(actions.calls) == tries


TRIES = (
    "a: {do: a.work, retry: {max: 2, interval: 1s, per_try: 20s}, transitions: {done: good, error.timed_out: bad}}\n"
)


def test_a_try_that_takes_too_long_is_ended_and_made_again() -> None:
    """The next one may be quicker; the last one is routed as what it is."""
    rest = ONE.partition("\n")[2].replace("final: failed", "final: failed, reason: '{{ event.message }}'")
    actions = Actions(a_work=[Takes(30.0), Takes(10.0)])
    assert driven(TRIES + rest, actions)[0].outcome == "completed"
    assert actions.words() == ["a.work", "a.work broken off", "a.work"]
    actions = Actions(a_work=[Takes(30.0)])
    run, _ = driven(TRIES + rest, actions)
    assert (len(actions.calls), run.outcome) == (3, "failed")
    assert run.reason.startswith("a.work was ended after 20s")


def test_what_must_not_be_done_twice_is_not_tried_again_after_its_time() -> None:
    """It may have been done."""
    actions = Actions(a_once=[Takes(30.0)])
    run, _ = driven(TRIES.replace("a.work", "a.once") + ONE.partition("\n")[2], actions)
    assert (len(actions.calls), run.outcome) == (1, "failed")


def test_a_service_has_to_become_ready_in_time() -> None:
    """Afterwards it may serve as long as it likes."""
    actions = Actions(s_one=[Serves(ready_after=9.0), Serves(ready_after=2.0)])
    states = (
        "a: {activities: {x: {do: s.one, retry: {max: 1, interval: 1s, per_try: 5s}}}, wait: 100s, transitions: %s}\n"
    )
    run, journal = driven(states % "{done: good, error: bad, x.exited: bad}" + ONE.partition("\n")[2], actions)
    assert (run.outcome, actions.words()) == ("completed", ["s.one", "s.one", "s.one ended"])
    assert [record["kind"] for record in journal.of("error")] == ["timed_out"]


@pytest.mark.parametrize(
    ("value", "tries", "outcome"),
    [("'{{ vars.n }}'", 3, "failed"), ("'{{ vars.n / 4 }}'", 0, "odd"), ("'{{ vars.m }}'", 0, "odd")],
)
def test_how_often_may_come_from_an_expression(value: str, tries: int, outcome: str) -> None:
    """What gives no number, or none at all, is an error of the flow before anything is begun."""
    states = (
        f"a: {{set: {{n: 2}}, do: a.work, retry: {{max: {value}, "
        "interval: '{{ vars.n }}', rate: '{{ vars.n }}'}, "
        "transitions: {done: good, error: bad, error.expression: odd}}\nodd: {final: odd}\n"
    )
    actions = Actions(a_work=[DOWN])
    run, _ = driven(states + ONE.partition("\n")[2], actions)
    assert (len(actions.calls), run.outcome) == (tries, outcome)
    if tries:
        first, second, third = actions.times("a.work")
        assert (round(second - first), round(third - second)) == (2, 4)


def test_an_action_that_needs_the_event_that_led_there_is_not_begun_again() -> None:
    """The event is gone by then; the error is routed as what it is."""
    states = (
        "a: {entry: {raise: {event: x, data: {text: hi}}}, transitions: {x: b}}\n"
        'b: {do: a.work, with: {text: "{{ event.text }}"}, transitions: {done: good, error: bad}}\n'
        'good: {final: completed}\nbad: {final: failed, reason: "{{ event.kind }}"}\n'
    )
    actions = Actions(a_work=[DOWN])
    run, _ = driven(states, actions)
    assert [call.inputs for call in actions.calls] == [{"text": "hi"}]
    assert run.reason == "unavailable"


def test_what_the_platform_asks_to_wait_is_waited() -> None:
    """It goes before the wait that was declared."""
    slow = RateLimited("slow down")
    slow.retry_after = 40.0
    actions = Actions(a_work=[slow, Completion()])
    driven(ONE, actions)
    assert actions.times("a.work") == [0.0, 40.0]


BESIDE = """
a:
  activities: {task: {do: a.work, every: 30s}}
  wait: 200s
  transitions: {done: good}
good: {final: completed}
"""


def test_rounds_that_fail_come_again_soon_and_then_less_often() -> None:
    """A repeated task is not left alone for long over what passes, and not asked for all the time over what lasts."""
    actions = Actions(a_work=[Completion(), *[DOWN] * 5, Completion()])
    driven(BESIDE, actions)
    assert [round(later - sooner) for sooner, later in pairwise(actions.times("a.work"))] == [30, 1, 3, 60, 60]


def test_a_round_that_nobody_but_a_person_can_mend_does_not_hurry() -> None:
    """Trying that again soon would be noise."""
    actions = Actions(a_work=[Rejected("no")])
    driven(BESIDE, actions)
    assert [round(later - sooner) for sooner, later in pairwise(actions.times("a.work"))] == [60, 60, 60]


OWING = """
a:
  initial: b
  transitions: {stop: good}
  states:
    b: {do: a.open, undo: a.close, transitions: {done: c}}
    c: {wait: 1s, transitions: {done: good}}
good: {final: completed}
"""


@pytest.mark.parametrize(
    ("answers", "tries", "outcome"),
    [
        ([DOWN, Completion()], 2, "done"),
        ([Rejected("no"), Rejected("no"), Completion()], 3, "done"),
        ([DOWN], 3, "error.unavailable"),
        ([unsure()], 1, "error.unreachable"),
    ],
)
def test_an_undo_is_tried_again(answers: list[Any], tries: int, outcome: str) -> None:
    """Also where a person would have to mend something: nobody comes in between."""
    actions = Actions(a_close=answers)
    _, journal = driven(OWING, actions)
    assert len(actions.times("a.close")) == tries
    assert [record["outcome"] for record in journal.of("undo_finished")] == [outcome]
    assert len(journal.of("error")) == tries - 1


def test_an_undo_does_not_wait_for_longer_than_it_may_take() -> None:
    """Whoever asks for five minutes gets no second try; the error says why."""
    slow = RateLimited("slow down")
    slow.retry_after = 300.0
    actions = Actions(a_close=[slow])
    _, journal = driven(OWING, actions)
    assert len(actions.times("a.close")) == 1
    assert [record["message"] for record in journal.of("undo_finished")] == ["slow down"]


ANEW = """
a:
  initial: b
  retry: {max: 2, interval: 5s, rate: 1}
  activities: {one: {do: s.one}}
  transitions: {done: good, error: bad, one.exited: bad}
  states:
    b: {do: a.open, needs: one, undo: a.close, transitions: {done: c}}
    c: {do: a.work, retry: {max: 0}}
"""


@pytest.mark.parametrize(("answers", "outcome"), [([DOWN, Completion()], "completed"), ([DOWN], "failed")])
def test_a_state_that_is_entered_anew_ends_what_it_has_begun_and_begins_again(answers: list[Any], outcome: str) -> None:
    """Its service, its undo, and its first state; at the last failure its own route is taken."""
    actions = Actions(a_work=answers)
    run, journal = driven(ANEW.lstrip() + ONE.partition("\n")[2], actions)
    tries = 2 if outcome == "completed" else 3
    assert (run.outcome, run.retries) == (outcome, {})
    assert actions.words() == ["s.one", "a.open", "a.work", "s.one ended", "a.close"] * tries
    assert len(journal.of("retry_scheduled")) == tries - 1
    assert actions.alive == []


CRASHED = {"state": "a", "visits": {"a": 1}, "phase": Phase.RUNNING, "attempt": Attempt(1, 0, 0.0, open=True)}


def looked_up(*found: Any) -> tuple[Actions, Journal]:
    """A run whose process died in the middle of an action that can be looked up."""
    states = ONE.replace("do: a.work", "do: a.work, on_crash: verify")
    actions = Actions()
    actions.script["happened.a_work"] = list(found)
    _, journal = driven(states, actions, **CRASHED)
    return actions, journal


def test_looking_up_waits_for_what_passes() -> None:
    """What became of an action is not asked of a person only since the platform was busy."""
    actions, journal = looked_up(DOWN, DOWN, Completion())
    assert len(actions.times("a.work?")) == 3
    assert [record["failures"] for record in journal.of("error")] == [1, 2]
    assert [record["outcome"] for record in journal.of("run_ended")] == ["completed"]


def errors(states: str, *answers: Any) -> list[int]:
    """The failures in a row that the errors of a run tell."""
    _, journal = driven(states, Actions(a_work=list(answers)))
    return [record.get("failures", 0) for record in journal.of("error")]


def test_an_error_says_whether_it_may_yet_pass() -> None:
    """What is soon tried again is counted, so that nobody is called for what is over in a moment."""
    assert errors(ONE, DOWN) == [1, 2, 0]
    assert errors(ONE, Rejected("no")) == [0]
    assert errors(BESIDE, DOWN, DOWN, DOWN, DOWN, Completion())[:4] == [1, 2, 3, 4]
    assert errors(BESIDE.replace("30s", "100s").replace("200s", "150s"), Rejected("no"), Completion()) == [0]


def test_what_is_tried_again_much_later_is_told_at_once() -> None:
    """Nobody waits for hours to hear that something has failed three times."""
    rare = ONE.replace("do: a.work", "do: a.work, retry: {max: 3, interval: 1h, cap: 1h}")
    assert errors(rare, DOWN, Completion()) == [0]

"""Events and commands as records."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.engine.driver.journal import of_commands, of_event
from retake_flow.redact import MASK, Secret
from retake_flow.run import commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.records import Record
from retake_flow.run.run import Run

AT = 1_767_225_600.25
T = "2026-01-01T00:00:00.250Z"


def written(event: events.Event) -> list[Record]:
    """The records of an event without consequences."""
    return of_event(event, (), AT)


def named(*found: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Records without their time, which must be that of the tests."""
    assert all(one is None or one.pop("t") == T for one in found)
    return list(found)


def test_what_a_state_does_is_told() -> None:
    """An action that begins, ends or fails is told with its state, visit and attempt; a failure also as an error."""
    start = commands.StartAction("a", 1, 2, "x.y", {"k": Secret("correct-horse")}, {}, "key")
    where = {"state": "a", "visit": 1, "attempt": 2}
    begun = {"event": "action_started", **where, "action": "x.y", "inputs": {"k": MASK}}
    assert named(*of_commands([start], AT)) == [begun]
    finished = events.ActionFinished("a", 1, 2, "done", {"n": 1})
    assert named(*written(finished)) == [{"event": "action_finished", **where, "outcome": "done", "result": {"n": 1}}]
    failed = events.ActionFailed("a", 1, 2, "unavailable", "it is down", "wait")
    assert named(*written(failed)) == [
        {"event": "action_finished", **where, "outcome": "error.unavailable"},
        {"event": "error", "place": "a", "kind": "unavailable", "message": "it is down", "hint": "wait"},
    ]


def test_what_an_activity_does_is_told() -> None:
    """An activity is told when it starts, is ready, has a result, fails for now and ends."""
    where = {"activity": "a:x", "visit": 1}
    start = commands.StartActivity("a:x", 1, "s.x", {}, {})
    assert named(*of_commands([start], AT)) == [{"event": "activity_started", **where, "action": "s.x", "inputs": {}}]
    told = [
        events.ActivityReady("a:x", 1, {"display": ":99"}),
        events.ActivityResulted("a:x", 1, "idle", {"n": 0}, None),
        events.ActivityExited("a:x", 1, "killed"),
    ]
    assert named(*(one for event in told for one in written(event))) == [
        {"event": "activity_ready", **where, "value": {"display": ":99"}},
        {"event": "activity_result", **where, "outcome": "idle", "result": {"n": 0}},
        {"event": "activity_ended", **where, "outcome": "exited", "reason": "killed"},
    ]
    for again, name in ((True, "activity_failed"), (False, "activity_ended")):
        failed = events.ActivityFailed("a:x", 1, "studio", "it broke", again=again)
        assert [one["event"] for one in written(failed)] == [name, "error"]


def test_the_way_of_a_run_is_told() -> None:
    """States entered, stops, timers and notes are told."""
    assert named(*of_commands([commands.Enter("a/b", 3)], AT)) == [
        {"event": "state_entered", "state": "a/b", "visit": 3}
    ]
    assert named(*of_commands([commands.Note("dropped", {"late": "X"})], AT)) == [{"event": "dropped", "late": "X"}]
    assert named(*written(events.StopRequested("enough"))) == [{"event": "stop_requested", "reason": "enough"}]
    assert named(*written(events.TimerFired("a", 1, "timeout"))) == [
        {"event": "timer_fired", "state": "a", "visit": 1, "purpose": "timeout"}
    ]


def test_what_its_consequences_tell_is_not_told_twice() -> None:
    """The start and the next try of an action are told by what follows from them."""
    assert written(events.Started()) == []
    assert written(events.TimerFired("a", 1, "again")) == []
    assert of_commands([commands.SetTimer("a", 1, "timeout", AT)], AT) == []


def test_what_was_found_out_about_an_action_is_told() -> None:
    """That one is looked up, was not done, or that nobody knows, is told with its state, visit and attempt."""
    where = {"state": "a", "visit": 1, "attempt": 2}
    start = commands.StartAction("a", 1, 2, "x.y", {"k": Secret("correct-horse")}, {}, "key", look_up=True)
    assert named(*of_commands([start], AT)) == [
        {"event": "action_in_question", **where, "action": "x.y", "inputs": {"k": MASK}}
    ]
    assert named(*written(events.ActionNotDone("a", 1, 2))) == [{"event": "action_looked_up", **where, "done": False}]
    assert named(*written(events.ActionInDoubt("a", 1, 2, "who knows"))) == [
        {"event": "action_looked_up", **where, "done": None}
    ]


@pytest.mark.parametrize("purpose", ["timeout", "wait", "remind", "escalate"])
def test_every_time_that_has_come_is_told(purpose: str) -> None:
    """Times of questions are told as those of states are, by the place that they belong to."""
    assert named(*written(events.TimerFired("a:q", 2, purpose))) == [
        {"event": "timer_fired", "state": "a:q", "visit": 2, "purpose": purpose}
    ]


def test_answers_and_resumptions_are_told_by_who_knows_them() -> None:
    """An answer is told when the question is closed, without its secrets; a resumption by the driver."""
    given_answer = Answer("", {"code": "open-sesame"}, "ann", "command", AT)
    assert written(events.GateAnswered("a.1", given_answer)) == []
    assert written(events.Resumed(Run("r", "f", "", {}))) == []

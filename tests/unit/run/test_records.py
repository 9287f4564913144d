"""Events and commands as records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.redact import MASK, Secret
from retake_flow.run import commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.records import of_command, of_event, plain, record, timestamp
from retake_flow.run.run import Run

AT = 1_767_225_600.25
T = "2026-01-01T00:00:00.250Z"


def test_a_record_has_its_time_its_name_and_its_fields() -> None:
    """A record begins with when and what, in UTC to the millisecond."""
    assert record("x", AT, a=1) == {"t": T, "event": "x", "a": 1}
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("correct-horse-battery"), MASK),
        ({"key": Secret("correct-horse-battery"), "n": 1}, {"key": MASK, "n": 1}),
        ([(Secret("correct-horse-battery"),)], [[MASK]]),
        ("push to rtmp://x/sk_0123456789", f"push to rtmp://x/{MASK}"),
        ({"sk_0123456789": 1}, {MASK: 1}),
        (RuntimeError("rtk_0123456789"), MASK),
        ({1: {2}}, {"1": [2]}),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("half \ud83d", "half ?"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (10**400, 10**400),
    ],
)
def test_what_is_written_is_plain_and_without_secrets(value: Any, shown: Any) -> None:
    """Secrets are masked at any depth, and what has no form in JSON or UTF-8 becomes text that has."""
    assert plain(value) == shown


_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.builds(Secret, st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT | st.integers(), inner),
    max_leaves=10,
)


@given(_DATA)
def test_any_data_can_be_written_down(value: Any) -> None:
    """Whatever an action gives back or a viewer writes, a record of it is JSON in UTF-8."""
    line = json.dumps(record("x", AT, value=value), ensure_ascii=False, allow_nan=False)
    assert json.loads(line.encode("utf-8"))["event"] == "x"


def named(*found: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Records without their time, which must be that of the tests."""
    assert all(one is None or one.pop("t") == T for one in found)
    return list(found)


def test_what_a_state_does_is_told() -> None:
    """An action that begins, ends or fails is told with its state, visit and attempt; a failure also as an error."""
    start = commands.StartAction("a", 1, 2, "x.y", {"k": Secret("correct-horse")}, {}, "key")
    where = {"state": "a", "visit": 1, "attempt": 2}
    begun = {"event": "action_started", **where, "action": "x.y", "inputs": {"k": MASK}}
    assert named(of_command(start, AT)) == [begun]
    finished = events.ActionFinished("a", 1, 2, "done", {"n": 1})
    assert named(*of_event(finished, AT)) == [
        {"event": "action_finished", **where, "outcome": "done", "result": {"n": 1}}
    ]
    failed = events.ActionFailed("a", 1, 2, "unavailable", "it is down", "wait")
    assert named(*of_event(failed, AT)) == [
        {"event": "action_finished", **where, "outcome": "error.unavailable"},
        {"event": "error", "place": "a", "kind": "unavailable", "message": "it is down", "hint": "wait"},
    ]


def test_what_an_activity_does_is_told() -> None:
    """An activity is told when it starts, is ready, has a result, fails for now and ends."""
    where = {"activity": "a:x", "visit": 1}
    start = commands.StartActivity("a:x", 1, "s.x", {}, {})
    assert named(of_command(start, AT)) == [{"event": "activity_started", **where, "action": "s.x", "inputs": {}}]
    told = [
        events.ActivityReady("a:x", 1, {"display": ":99"}),
        events.ActivityResulted("a:x", 1, "idle", {"n": 0}, None),
        events.ActivityExited("a:x", 1, "killed"),
    ]
    assert named(*(one for event in told for one in of_event(event, AT))) == [
        {"event": "activity_ready", **where, "value": {"display": ":99"}},
        {"event": "activity_result", **where, "outcome": "idle", "result": {"n": 0}},
        {"event": "activity_ended", **where, "outcome": "exited", "reason": "killed"},
    ]
    for again, name in ((True, "activity_failed"), (False, "activity_ended")):
        failed = events.ActivityFailed("a:x", 1, "studio", "it broke", again=again)
        assert [one["event"] for one in of_event(failed, AT)] == [name, "error"]


def test_the_way_of_a_run_is_told() -> None:
    """States entered, stops, timers and notes are told."""
    assert named(of_command(commands.Enter("a/b", 3), AT)) == [{"event": "state_entered", "state": "a/b", "visit": 3}]
    assert named(of_command(commands.Note("dropped", {"late": "X"}), AT)) == [{"event": "dropped", "late": "X"}]
    assert named(*of_event(events.StopRequested("enough"), AT)) == [{"event": "stop_requested", "reason": "enough"}]
    assert named(*of_event(events.TimerFired("a", 1, "timeout"), AT)) == [
        {"event": "timer_fired", "state": "a", "visit": 1, "purpose": "timeout"}
    ]


def test_what_its_consequences_tell_is_not_told_twice() -> None:
    """The start and the next try of an action are told by what follows from them."""
    assert of_event(events.Started(), AT) == []
    assert of_event(events.TimerFired("a", 1, "again"), AT) == []
    assert of_command(commands.SetTimer("a", 1, "timeout", AT), AT) is None


def test_what_was_found_out_about_an_action_is_told() -> None:
    """That one is looked up, was not done, or that nobody knows, is told with its state, visit and attempt."""
    where = {"state": "a", "visit": 1, "attempt": 2}
    start = commands.StartAction("a", 1, 2, "x.y", {"k": Secret("correct-horse")}, {}, "key", look_up=True)
    assert named(of_command(start, AT)) == [
        {"event": "action_in_question", **where, "action": "x.y", "inputs": {"k": MASK}}
    ]
    assert named(*of_event(events.ActionNotDone("a", 1, 2), AT)) == [
        {"event": "action_looked_up", **where, "done": False}
    ]
    assert named(*of_event(events.ActionInDoubt("a", 1, 2, "who knows"), AT)) == [
        {"event": "action_looked_up", **where, "done": None}
    ]


@pytest.mark.parametrize("purpose", ["timeout", "wait", "remind", "escalate"])
def test_every_time_that_has_come_is_told(purpose: str) -> None:
    """Times of questions are told as those of states are, by the place that they belong to."""
    assert named(*of_event(events.TimerFired("a:q", 2, purpose), AT)) == [
        {"event": "timer_fired", "state": "a:q", "visit": 2, "purpose": purpose}
    ]


def test_answers_and_resumptions_are_told_by_who_knows_them() -> None:
    """An answer is told when the question is closed, without its secrets; a resumption by the driver."""
    given_answer = Answer("", {"code": "open-sesame"}, "ann", "command", AT)
    assert of_event(events.GateAnswered("a.1", given_answer), AT) == []
    assert of_event(events.Resumed(Run("r", "f", "", {})), AT) == []


def test_a_secret_that_is_an_ordinary_word_masks_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream key may be any word; states, actions and outcomes are the flow's own and stay readable."""
    monkeypatch.setattr("retake_flow.redact._seen", set())  # as each process begins
    Secret("broadcast")
    made = record("state_entered", 0.0, state="broadcast/pushing", visit=1, reason="the key is broadcast")
    assert (made["state"], made["reason"]) == ("broadcast/pushing", "the key is •••")

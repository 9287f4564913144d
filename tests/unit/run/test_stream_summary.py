"""What a stream came to is counted from its journal."""

from __future__ import annotations

from typing import Any

from retake_flow.run.records import record
from retake_flow.run.stream_summary import StreamSummary


def counted(*records: tuple[float, str, dict[str, Any]]) -> StreamSummary:
    """A tally that has heard these: the second, the event and its fields."""
    tally = StreamSummary()
    for at, event, fields in records:
        tally.count(record(event, at, **fields))
    return tally


def begun(at: float) -> tuple[tuple[float, str, dict[str, Any]], ...]:
    """A session that is started."""
    return (
        (at, "action_started", {"state": "a/session", "action": "retake.start_stream"}),
        (at, "action_finished", {"state": "a/session", "outcome": "done", "result": {}}),
    )


def stopped(at: float, viewers: int = 0) -> tuple[float, str, dict[str, Any]]:
    """The session is stopped."""
    result = {"status": "stopped", "duration_seconds": 1, "viewers": viewers}
    return at, "undo_finished", {"action": "retake.stop_stream", "outcome": "done", "result": result}


def test_a_run_without_a_stream_came_to_nothing() -> None:
    """There is nothing to say of it, also when a session that was never there is stopped."""
    failed = (1.0, "action_finished", {"state": "a/session", "outcome": "error.unavailable"})
    assert counted(begun(0)[0], failed, stopped(2)).text == ""


def test_it_says_how_long_how_many_watched_wrote_and_tipped() -> None:
    """The most viewers that were ever seen, each message, each tip with what they make together."""
    tally = counted(
        *begun(100),
        (110, "activity_result", {"activity": "a:health", "outcome": "done", "result": {"viewers": 17}}),
        (120, "activity_result", {"activity": "a:health", "outcome": "done", "result": {"viewers": 5}}),
        (121, "chat_message", {"author": "ann", "text": "hi"}),
        (122, "chat_message", {"author": "bob", "text": "hi"}),
        (123, "event_raised", {"name": "tip", "by": "a:chat", "data": {"amount": 2.5}}),
        (124, "event_raised", {"name": "tip", "by": "a:chat", "data": {"amount": 10}}),
        stopped(3700, 4),
    )
    assert tally.text == "On air for 1h00m; 17 watching at most; messages: 2; tips: 2 (12.5); recoveries: 0."
    assert not tally.on_air


def test_a_session_that_is_started_again_is_no_new_stream() -> None:
    """The time goes on, the platform may have seen more viewers than we, and a recovery is what was told so."""
    back = ("notice", {"kind": "recovered", "message": "back"})
    tally = counted(*begun(0), *begun(50), (51, *back), *begun(70), (71, *back))
    assert tally.on_air
    tally.count(record(stopped(90)[1], 90, **stopped(90, 9)[2]))
    assert tally.text == "On air for 1m30s; 9 watching at most; messages: 0; tips: 0; recoveries: 2."


def test_a_second_stream_of_the_run_is_added() -> None:
    """The time between is not on air."""
    assert counted(*begun(0), stopped(10), *begun(1000), stopped(1020)).text == (
        "On air for 30s; 0 watching at most; messages: 0; tips: 0; recoveries: 0."
    )


def test_what_others_raise_is_no_tip() -> None:
    """A tip is what the platform said, not what somebody sent to the run."""
    assert (
        "tips: 0;" in counted(*begun(0), (1, "event_raised", {"name": "tip", "data": {"amount": 9}}), stopped(2)).text
    )

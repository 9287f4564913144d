"""What a stream came to is counted from its records."""

from __future__ import annotations

from typing import Any

from retake_flow.flow.names import STATS
from retake_flow.run.records import record
from retake_flow.run.stats import Stats, summary


def counted(*records: tuple[float, str, dict[str, Any]]) -> Stats:
    """The stats of these: the second, the event and its fields."""
    return Stats().counting(record(event, at, **fields) for at, event, fields in records)


def begun(at: float, action: str = "retake.start_stream") -> tuple[tuple[float, str, dict[str, Any]], ...]:
    """An action that is done, by default the start of a session."""
    return (
        (at, "action_started", {"state": f"a/{action}", "action": action}),
        (at, "action_finished", {"state": f"a/{action}", "outcome": "done", "result": {}}),
    )


def seen(at: float, viewers: int) -> tuple[float, str, dict[str, Any]]:
    """A look at the stream."""
    return at, "activity_result", {"activity": "a:health", "outcome": "done", "result": {"viewers": viewers}}


def stopped(at: float, viewers: int = 0) -> tuple[float, str, dict[str, Any]]:
    """The session is stopped."""
    result = {"status": "stopped", "duration_seconds": 1, "viewers": viewers}
    return at, "undo_finished", {"action": "retake.stop_stream", "outcome": "done", "result": result}


def deed(at: float, kind: str, **more: object) -> tuple[float, str, dict[str, Any]]:
    """What a viewer did without a word."""
    return at, "chat_deed", {"author": "ann", "kind": kind, **more}


def test_a_run_without_a_stream_came_to_nothing() -> None:
    """There is nothing to say of it, also when a session that was never there is stopped."""
    failed = (1.0, "action_finished", {"state": "a/session", "outcome": "error.unavailable"})
    assert summary(counted(begun(0)[0], failed, stopped(2)).figures(9)) == ""
    assert Stats().figures(0).keys() == STATS.keys()


def test_everything_that_viewers_do_is_counted() -> None:
    """Each message, each author once, tips by currency, follows, trades, keys and thumbnails, and who watched."""
    stats = counted(
        *begun(99, "retake.stream_key"),
        *begun(100),
        (101, "activity_started", {"activity": "a:thumbnail", "action": "studio.thumbnail"}),
        (102, "activity_result", {"activity": "a:thumbnail", "outcome": "done", "result": {"black": False}}),
        seen(110, 17),
        seen(120, 4),
        (121, "chat_message", {"author": "ann", "text": "hi", "kind": "message", "newcomer": True}),
        (122, "chat_message", {"author": "ann", "text": "here", "kind": "tip", "amount": 2.5, "currency": "SOL"}),
        deed(123, "tip", amount=0.1, currency="USDC"),
        deed(123, "tip", amount=0.2, currency="USDC"),
        deed(124, "follow"),
        deed(125, "trade", amount=3, side="buy"),
        stopped(3700, 4),
    )
    figures = stats.figures(5000)
    assert figures == {
        "streams": 1,
        "seconds_on_air": 3600,
        "recoveries": 0,
        "viewers_max": 17,
        "viewers_mean": 8.3,
        "messages": 2,
        "authors": 1,
        "tips": 3,
        "tipped": {"SOL": 2.5, "USDC": 0.3},
        "follows": 1,
        "trades": 1,
        "keys": 1,
        "thumbnails": 1,
    }
    assert summary(figures) == (
        "On air for 1h00m; 17 watching at most; messages: 2; tips: 3 (2.5 SOL, 0.3 USDC); recoveries: 0."
    )


def test_a_session_that_is_started_again_is_no_new_stream() -> None:
    """The time goes on, the platform may have seen more viewers than we, and a recovery is what was told so."""
    back = ("notice", {"kind": "recovered", "message": "back"})
    stats = counted(*begun(0), *begun(50), (51, *back), *begun(70), (71, *back))
    assert stats.on_air
    assert (stats.figures(80)["seconds_on_air"], stats.shift(-10).figures(70)["seconds_on_air"]) == (80, 80)
    figures = stats.counting([record(stopped(90)[1], 90, **stopped(90, 9)[2])]).figures(200)
    assert summary(figures) == "On air for 1m30s; 9 watching at most; messages: 0; tips: 0; recoveries: 2."


def test_a_second_stream_of_the_run_is_added_and_the_end_of_the_run_ends_it() -> None:
    """The time between is not on air, nor is the time after a run that was killed."""
    stats = counted(*begun(0), stopped(10), *begun(1000), (1020, "run_ended", {"outcome": "killed"}))
    assert (stats.figures(5000)["seconds_on_air"], stats.figures(5000)["streams"]) == (30, 2)


def test_what_others_raise_is_no_tip_and_no_author() -> None:
    """A tip is what the platform said, not what somebody sent to the run; currencies are at most six."""
    sent = ({"name": name, "by": "ann", "request": 3, "data": {"amount": 9}} for name in ("tip", "first_message"))
    figures = counted(*((1.0, "event_raised", fields) for fields in sent)).figures(2)
    assert (figures["tips"], figures["authors"]) == (0, 0)
    many = counted(*(deed(1, "tip", amount=1, currency=f"C{n}") for n in range(9))).figures(2)["tipped"]
    assert (len(many), many["other"]) == (6, 4)

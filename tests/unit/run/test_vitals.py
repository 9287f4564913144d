"""How a stream does, from its journal."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.run.records import Record, record, record_to_stored
from retake_flow.run.vitals import Vitals

SENT = {"bitrate": 1499.6, "fps": 29.97, "frames": 900, "dropped": 0, "speed": 0.99, "seconds": 30.0, "slow_for": 0.0}
LIVE = {"viewers": 4, "is_live": True, "uptime_seconds": 60, "user_db_id": "u"}


def result(at: float, value: dict[str, Any]) -> Record:
    """A round of a repeated activity."""
    return record("activity_result", at, activity="on:x", visit=1, outcome="done", result=value)


def vitals_of(journal: list[Record]) -> Vitals:
    """The vitals after some records."""
    vitals = Vitals()
    for each in journal:
        vitals.note(each)
    return vitals


def test_nothing_is_known_before_anything_was_measured() -> None:
    """There are no figures of nothing."""
    vitals = vitals_of([record("run_started", 1, run="r", flow="f"), result(2, {"messages": 3})])
    assert (vitals.viewers, vitals.on_air(9), vitals.encoder(9), vitals.data(9)) == ("-", "", "", {})


def test_the_last_figures_count() -> None:
    """What was measured later takes the place of what was measured before."""
    vitals = vitals_of([result(1, SENT), result(2, LIVE), result(11, {**SENT, "frames": 1200}), result(12, LIVE)])
    assert vitals.encoder(12) == "1500 kbit/s, 30 fps, 1200 frames, 0 dropped, speed 0.99"
    assert vitals.viewers == "4"


def test_the_time_on_air_goes_on() -> None:
    """Between two answers of the platform the clock runs."""
    vitals = vitals_of([result(100, LIVE)])
    assert vitals.on_air(100) == "1m00s"
    assert vitals.on_air(130) == "1m30s"
    assert vitals.data(130)["uptime_seconds"] == 90


def test_who_is_not_live_is_not_on_air() -> None:
    """A status without a live stream gives the viewers alone."""
    vitals = vitals_of([result(100, {**LIVE, "is_live": False})])
    assert (vitals.viewers, vitals.on_air(100)) == ("4", "")


def test_a_new_encoder_begins_without_figures() -> None:
    """What the one before has sent is not said of the next one, nor of a run that has ended or goes on elsewhere."""
    started = record("activity_started", 3, activity="p:e", visit=1, action="studio.encoder", inputs={})
    for after in (
        started,
        record("run_ended", 3, run="r", outcome="completed", state="z", reason=""),
        record("run_resumed", 3, run="r", state="on", died=True),
    ):
        assert vitals_of([result(1, SENT), result(2, LIVE), after]).encoder(4) == ""
        assert vitals_of([result(1, SENT), result(2, LIVE), after]).on_air(4) == ""


def test_old_figures_are_told_with_their_age() -> None:
    """Whoever looks at a run whose process hangs sees that nothing new came."""
    vitals = vitals_of([result(100, SENT)])
    assert vitals.encoder(140).endswith("speed 0.99")
    assert vitals.encoder(190).endswith("speed 0.99 (1m30s ago)")
    assert vitals.data(190)["age_seconds"] == 90.0


def test_a_slow_encoder_is_called_slow() -> None:
    """For as long as it has been."""
    assert vitals_of([result(1, {**SENT, "slow_for": 75.0})]).encoder(2).endswith(", too slow for 1m15s")


def test_recoveries_are_counted() -> None:
    """How often it was brought back stands beside the time on air."""
    back = record("notice", 3, kind="recovered", message="Back on air after 2 s.")
    vitals = vitals_of([back, result(4, LIVE), back])
    assert vitals.on_air(4) == "1m00s, brought back 2×"
    assert vitals.data(4)["recoveries"] == 2


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        ([record("activity_ended", 100, activity="on:e", visit=1, outcome="exited", reason="x")], "encoder"),
        ([record("activity_ended", 100, activity="out:display", visit=1, outcome="exited", reason="x")], "studio"),
        ([record("event_raised", 100, name="frozen", data={}, by="on:picture")], "picture"),
        ([record("event_raised", 90, name="frozen", data={}, by="on:picture")], "other"),
        ([result(100, {"viewers": 4, "is_live": False})], "offline"),
        ([record("run_resumed", 100, run="r", state="on", died=True)], "process"),
        ([], "other"),
    ],
)
def test_what_took_it_off_air_is_counted(lost: list[Record], reason: str) -> None:
    """The first that did; what ends later, while it is brought back, is no reason of its own."""
    encoder = record("activity_started", 1, activity="on:e", visit=1, action="studio.encoder", inputs={})
    left = record("state_left", 100, state="on", visit=1)
    later = record("activity_ended", 102, activity="out:sound", visit=1, outcome="exited", reason="x")
    back = record("notice", 110, kind="recovered", message="Back")
    journal = [encoder, result(2, LIVE), *lost, left, later, result(109, LIVE), back]
    assert {name: times for name, times in vitals_of(journal).recoveries.items() if times} == {reason: 1}


# --- off air --------------------------------------------------------------------------------------------------

KEY = "broadcast/pushing:encoder"
ENCODER = record("activity_started", 1, activity=KEY, visit=1, action="studio.encoder", inputs={})
LOST = {
    "its encoder ended": record("activity_ended", 100, activity=KEY, visit=1, outcome="exited", reason="x"),
    "its encoder failed": record("activity_failed", 100, activity=KEY, visit=1, kind="internal", message="x"),
    "its state was left": record("state_left", 100, state="broadcast/pushing", visit=1),
    "a state around was left": record("state_left", 100, state="broadcast", visit=1),
    "the platform says so": result(100, {**LIVE, "is_live": False}),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_stream_that_was_lost_is_off_air_from_then_on(lost: Record) -> None:
    """However it was lost, and also while the next tries fail; until the platform says that it is live."""
    journal = [ENCODER, result(60, LIVE), lost]
    again = [record("activity_started", 110, activity=KEY, visit=2, action="studio.encoder", inputs={})]
    for more in ([], again, [*again, record("state_left", 120, state="broadcast/pushing", visit=2)]):
        vitals = vitals_of([*journal, *more])
        why = ": x" if "reason" in lost else ""
        assert (vitals.on_air(142), vitals.stream(142)) == ("", f"off air for 42 s{why}")
        told = {
            "viewers": 4,
            "on_air": False,
            "off_air_seconds": 42,
            "recoveries": 0,
            **({"trouble": "x"} if why else {}),
        }
        assert vitals.data(142) == told
        assert vitals.stream(400) == f"off air for 5m00s{why}"
    back = vitals_of([*journal, *again, result(150, {**LIVE, "uptime_seconds": 5})])
    assert (back.on_air(160), back.stream(160), back.data(160)["on_air"]) == ("15s", "", True)


def test_why_a_stream_is_off_air_is_said_until_it_is_live() -> None:
    """The latest of what its encoder or a state said; nothing of what is beside the stream."""
    push = record("error", 20, place=KEY, kind="push_refused", message="the ingest refuses the push", hint="")
    beside = record("error", 21, place="broadcast:content", kind="studio", message="no window", hint="")
    call = record("error", 30, place="broadcast/session", kind="unavailable", message="retake.tv failed", hint="")
    assert vitals_of([ENCODER, push, beside]).stream(61) == "not on air yet, for 1m00s: the ingest refuses the push"
    assert vitals_of([ENCODER, push, call]).data(60)["trouble"] == "retake.tv failed"
    assert "trouble" not in vitals_of([ENCODER, push, call, result(60, LIVE)]).data(60)


def test_what_ends_beside_the_stream_takes_it_off_nothing() -> None:
    """A window, a thumbnail, a state inside."""
    window = record("activity_failed", 100, activity="broadcast:content", visit=1, kind="internal", message="x")
    inside = record("state_left", 100, state="broadcast/pushing/on_air", visit=1)
    vitals = vitals_of([ENCODER, result(60, LIVE), window, inside])
    assert (vitals.on_air(100), vitals.stream(100)) == ("1m40s", "")


def test_a_stream_that_never_was_on_air_says_since_when_it_is_to_be() -> None:
    """From its first session or encoder on."""
    started = record("action_started", 10, state="session", action="retake.start_stream", visit=1, attempt=1)
    vitals = vitals_of([started, record("activity_started", 12, activity=KEY, visit=1, action="studio.encoder")])
    assert vitals.stream(52) == "not on air yet, for 42 s"
    assert vitals.data(52) == {"on_air": False, "off_air_seconds": 42, "recoveries": 0}


@pytest.mark.parametrize(
    "lost",
    [
        record("run_resumed", 142, run="r", state="on", died=True),
        record("error", 142, place="r", kind="not_driven", message="x", hint=""),
    ],
)
def test_a_stream_whose_process_died_is_off_air_since_its_last_record(lost: Record) -> None:
    """Nobody was there to write when it was lost."""
    vitals = vitals_of([ENCODER, result(60, LIVE), result(100, SENT), lost])
    assert vitals.stream(142).startswith("off air for 42 s")


def test_a_run_that_has_ended_is_neither_on_air_nor_off() -> None:
    """There is nothing that should be on air."""
    over = record("run_ended", 101, run="r", outcome="completed", state="z", reason="")
    vitals = vitals_of([ENCODER, result(60, LIVE), LOST["its state was left"], over])
    assert (vitals.on_air(142), vitals.stream(142), "on_air" in vitals.data(142)) == ("", "", False)


@pytest.mark.parametrize("ahead", [600.0, -172800.0])
def test_a_clock_that_was_set_changes_no_figure(ahead: float) -> None:
    """Records that bear dates of a wall clock that was set tell the run's time all the same."""
    journal = [result(100, LIVE), record_to_stored(result(130, {**LIVE, "uptime_seconds": 90}), ahead)]
    assert journal[1]["t"] != result(130, LIVE)["t"]
    assert vitals_of(journal).on_air(160) == "2m00s"

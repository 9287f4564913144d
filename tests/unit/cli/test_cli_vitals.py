"""How a stream does, from its journal."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.vitals import Vitals
from retake_flow.run.records import Record, record

SENT = {"bitrate": 1499.6, "fps": 29.97, "frames": 900, "dropped": 0, "speed": 0.99, "seconds": 30.0, "slow_for": 0.0}
LIVE = {"viewers": 4, "is_live": True, "uptime_seconds": 60, "user_db_id": "u"}


def result(at: float, value: dict[str, Any]) -> Record:
    """A round of a repeated activity."""
    return record("activity_result", at, activity="on:x", visit=1, outcome="done", result=value)


def test_nothing_is_known_before_anything_was_measured() -> None:
    """There are no figures of nothing."""
    vitals = Vitals.of([record("run_started", 1, run="r", flow="f"), result(2, {"messages": 3})])
    assert (vitals.viewers, vitals.on_air(9), vitals.encoder(9), vitals.data(9)) == ("-", "", "", {})


def test_the_last_figures_count() -> None:
    """What was measured later takes the place of what was measured before."""
    vitals = Vitals.of([result(1, SENT), result(2, LIVE), result(11, {**SENT, "frames": 1200}), result(12, LIVE)])
    assert vitals.encoder(12) == "1500 kbit/s, 30 fps, 1200 frames, 0 dropped, speed 0.99"
    assert vitals.viewers == "4"


def test_the_time_on_air_goes_on() -> None:
    """Between two answers of the platform the clock runs."""
    vitals = Vitals.of([result(100, LIVE)])
    assert vitals.on_air(100) == "1m00s"
    assert vitals.on_air(130) == "1m30s"
    assert vitals.data(130)["uptime_seconds"] == 90


def test_who_is_not_live_is_not_on_air() -> None:
    """A status without a live stream gives the viewers alone."""
    vitals = Vitals.of([result(100, {**LIVE, "is_live": False})])
    assert (vitals.viewers, vitals.on_air(100)) == ("4", "")


def test_a_new_encoder_begins_without_figures() -> None:
    """What the one before has sent is not said of the next one, nor of a run that has ended or goes on elsewhere."""
    started = record("activity_started", 3, activity="p:e", visit=1, action="studio.encoder", inputs={})
    for after in (
        started,
        record("run_ended", 3, run="r", outcome="completed", state="z", reason=""),
        record("run_resumed", 3, run="r", state="on", died=True),
    ):
        assert Vitals.of([result(1, SENT), result(2, LIVE), after]).encoder(4) == ""
        assert Vitals.of([result(1, SENT), result(2, LIVE), after]).on_air(4) == ""


def test_old_figures_are_told_with_their_age() -> None:
    """Whoever looks at a run whose process hangs sees that nothing new came."""
    vitals = Vitals.of([result(100, SENT)])
    assert vitals.encoder(140).endswith("speed 0.99")
    assert vitals.encoder(190).endswith("speed 0.99 (1m30s ago)")
    assert vitals.data(190)["age_seconds"] == 90.0


def test_a_slow_encoder_is_called_slow() -> None:
    """For as long as it has been."""
    assert Vitals.of([result(1, {**SENT, "slow_for": 75.0})]).encoder(2).endswith(", too slow for 1m15s")


def test_recoveries_are_counted() -> None:
    """How often it was brought back stands beside the time on air."""
    back = record("notice", 3, kind="recovered", message="Back on air after 2 s.")
    vitals = Vitals.of([back, result(4, LIVE), back])
    assert vitals.on_air(4) == "1m00s, brought back 2×"
    assert vitals.data(4)["recoveries"] == 2

"""Times of the calendar: in a zone, over both changes of its clocks, and missed or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from retake_flow.engine.core.machine import Machine
from retake_flow.flow.calendar import next_time
from retake_flow.flow.load.load import load_flow
from retake_flow.run import events
from retake_flow.run.commands import Enter
from retake_flow.run.run import Run

BERLIN = "Europe/Berlin"


def at(text: str) -> float:
    """The seconds since the epoch of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def following(written: dict[str, Any], since: str, times: int = 1) -> list[str]:
    """The next times, in UTC."""
    found, now = [], at(since)
    for _ in range(times):
        now = next_time({"zone": BERLIN, **written}, now)
        found.append(datetime.fromtimestamp(now, UTC).strftime("%m-%d %H:%M"))
    return found


def test_a_time_of_day_is_the_next_one_in_its_zone() -> None:
    """Today's if it is still to come, else tomorrow's; the moment itself is over."""
    assert following({"until": "20:00"}, "2026-01-05T18:59") == ["01-05 19:00"]
    assert following({"until": "20:00"}, "2026-01-05T19:00") == ["01-06 19:00"]
    assert following({"at": "7:05", "zone": "UTC"}, "2026-01-05T19:00") == ["01-06 07:05"]


def test_weekdays_at_eight_stay_at_eight_over_both_changes_of_the_clocks() -> None:
    """In summer 20:00 in Berlin is 18:00 UTC, in winter 19:00 UTC; Saturday and Sunday are left out."""
    weekdays = {"cron": "0 20 * * 1-5"}
    assert following(weekdays, "2026-03-26T20:00", 3) == ["03-27 19:00", "03-30 18:00", "03-31 18:00"]
    assert following(weekdays, "2026-10-22T20:00", 3) == ["10-23 18:00", "10-26 19:00", "10-27 19:00"]


def test_a_time_that_is_skipped_or_comes_twice_counts_once() -> None:
    """02:30 does not exist on the last Sunday in March, and exists twice on the last one in October."""
    assert following({"until": "02:30"}, "2026-03-28T12:00", 2) == ["03-29 01:00", "03-30 00:30"]
    assert following({"until": "02:30"}, "2026-10-24T12:00", 2) == ["10-25 00:30", "10-26 01:30"]
    assert following({"cron": "30 * * * *"}, "2026-10-25T00:00", 3) == ["10-25 00:30", "10-25 01:30", "10-25 02:30"]


def test_a_time_of_this_calendar_comes_before_the_year_10000() -> None:
    """The last one is one that no time follows."""
    assert following({"cron": "0 0 29 2 *"}, "2026-01-05T18:59") == ["02-28 23:00"]
    with pytest.raises(ValueError, match="is no time that ever comes"):
        following({"cron": "0 0 29 2 *"}, "9999-12-30T00:00")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"cron": "9" * 5000 + " 0 * * *"}, "… is no time that ever comes"),
        ({"until": "24:00"}, "'24:00' is no time of day"),
        ({"until": "8 pm"}, "no time of day"),
        ({"cron": "* * *"}, "no cron expression"),
        ({"cron": "@daily"}, "no cron expression"),
        ({"cron": "0 20 * * 9"}, "no time that ever comes"),
        ({"cron": "0 0 30 2 *"}, "no time that ever comes"),
        ({"until": "20:00", "zone": "Mars/Olympus"}, "no time zone"),
        ({"until": "20:00", "zone": "../../etc/passwd"}, "no time zone"),
        ({"until": "20:00", "zone": None}, "no time zone"),
        ({"until": "20:00", "cron": "0 20 * * *"}, "not both"),
    ],
)
def test_what_is_no_time_is_said_in_one_sentence(written: dict[str, Any], said: str) -> None:
    """What was found, and what is expected."""
    with pytest.raises(ValueError, match=said):
        next_time({"zone": BERLIN, **written}, 0.0)


@pytest.mark.parametrize(
    ("missed", "late", "entered"),
    [("skip", 30, "on"), ("skip", 3600, None), ("once", 3600, "on")],
)
def test_a_missed_time_is_skipped_or_made_up_for(missed: str, late: float, entered: str | None) -> None:
    """A minute late is in time. One that is skipped waits for the next, a day later."""
    wait = f'{{until: "20:00", zone: {BERLIN}, missed: {missed}}}'
    flow = load_flow(
        f"flow: f\ninitial: off\nstates: {{off: {{wait: {wait}, transitions: {{done: on}}}}, on: }}\n", "f"
    )
    begun = Machine(flow).step(Run("r", "f", flow.digest, {}), events.Started(), at("2026-03-28T12:00")).run
    due = begun.timers["off", "wait"]
    assert due == at("2026-03-28T19:00")
    step = Machine(flow).step(begun, events.TimerFired("off", 1, "wait"), due + late)
    assert [command.state for command in step.commands if isinstance(command, Enter)] == ([entered] if entered else [])
    if not entered:
        assert step.run.timers["off", "wait"] == at("2026-03-29T18:00")


def test_the_wall_clock_counts_not_the_time_of_the_run() -> None:
    """A run whose time is ahead of a clock that was set back waits until the clock shows eight."""
    limit = f'{{at: "20:00", zone: {BERLIN}}}'
    states = f"{{off: {{timeout: {limit}, transitions: {{timeout: z}}}}, z: {{final: completed}}}}"
    flow = load_flow(f"flow: f\ninitial: off\nstates: {states}\n", "f")
    run = Run("r", "f", flow.digest, {}, ahead=7200.0)
    begun = Machine(flow).step(run, events.Started(), at("2026-01-05T12:00") + 7200).run
    assert begun.timers["off", "timeout"] == at("2026-01-05T19:00") + 7200

"""The host's clock is set while real processes go on: nothing stands still, nothing ends, and dates are right."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flow_processes import Home, Record, Running, at_home, waited
from wall_clock import WallClock, needed

pytestmark = [pytest.mark.real, needed]

DAY = 86400.0
TOKEN = "rtk_wall_clock_a_token_1"
ASKING = """\
flow: asking
initial: ask
states:
  ask:
    ask:
      message: Which colour?
      answer: {colour: {type: string}}
      remind: [8s]
      timeout: 6h
    transitions: {answered: painted, timeout: late}
  late: {final: late}
  painted: {final: completed}
"""
RESTING = """\
flow: resting
initial: rest
states:
  rest:
    wait: 8s
    set: {since: "{{ now }}"}
    transitions: {done: {to: rested, set: {lasted: "{{ now - vars.since }}"}}}
  rested: {final: completed, reason: "{{ vars.lasted }}"}
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """A wall clock in the hands of the test."""
    return WallClock(tmp_path / "clock")


@pytest.fixture
def home(tmp_path: Path, clock: WallClock) -> Iterator[Home]:
    """A home whose programs go by that clock."""
    with at_home(tmp_path / "home", **clock.variables) as home:
        yield home


def rehearse(home: Home) -> Running:
    """Go live, with a viewer who says a number every second."""
    talker = {"at": 1, "name": "viewer-{n}", "text": "number {n}", "repeat": 1, "until": 600}
    agents = [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]
    file = home.folder / "options.json"
    file.write_text(json.dumps({"agents": agents, "viewers": [talker]}))
    where = ["--rehearsal-options", str(file), "--folder", str(home.folder / "rehearsed")]
    return home.start("run", "go-live.yaml", "--rehearse", *where)


def heard(running: Running) -> int:
    """How many viewers were heard."""
    return sum(record["event"] == "chat_message" for record in running.records)


def steps(running: Running) -> list[float]:
    """The steps that a run has noticed, in seconds; a machine under load adds small ones."""
    stepped = [record["by"] for record in running.records if record["event"] == "clock_stepped"]
    return [by for by in stepped if abs(by) > 60]


def step(running: Running, clock: WallClock, off: float) -> None:
    """Set the clock; returns when the run has noticed and has heard some viewers since."""
    known = len(steps(running))
    clock.set(off)
    waited(lambda: len(steps(running)) > known, "the step")
    before = heard(running)
    waited(lambda: heard(running) >= before + 3, f"viewers after the clock is {off:+} s off")


def date(record: Record) -> float:
    """The date of a record, in seconds since the epoch."""
    return datetime.fromisoformat(record["t"]).timestamp()


def test_a_stream_goes_on_however_the_clock_is_set(home: Home, clock: WallClock) -> None:
    """Ten minutes back and two days forward: the same session and the same push, chat answered, nothing signed off."""
    running = rehearse(home)
    running.on_air()
    running.until("chat_message")
    for off in (-600, 2 * DAY, 75):
        step(running, clock, off)
    assert steps(running) == pytest.approx([-600, 2 * DAY + 600, 75 - 2 * DAY], abs=5)
    shown = json.loads(home.call("show", running.run, "--json").out)
    assert 0 < shown["health"]["uptime_seconds"] < 600
    running.process.send_signal(signal.SIGTERM)
    assert running.finish() == 130
    report = next(record for record in running.records if record["event"] == "rehearsal_report")
    assert (report["keys"]["issued"], len(report["recordings"])) == (1, 1)
    [session] = report["agents"][0]["sessions"]
    assert session["ended_by"] == "stop"
    assert report["broken_rules"] == []
    own = [comment["t"] for comment in report["agents"][0]["chat"] if comment["agent"]]
    assert max(own) > report["recordings"][0]["closed"] - 60  # it answered to the end


def test_a_stream_is_brought_back_after_a_step_and_a_crash(home: Home, clock: WallClock) -> None:
    """Two days forward, then kill -9: the next process goes on with what is left of the twelve hours."""
    running = rehearse(home)
    running.on_air()
    running.until("chat_message")
    step(running, clock, 2 * DAY)
    run = running.run
    running.kill()
    again = home.start("resume", run)
    again.on_air()
    before = heard(again)
    waited(lambda: heard(again) > before, "viewers")
    ends = next(t for t in json.loads(home.call("show", run, "--json").out)["timers"] if t["purpose"] == "timeout")
    left = datetime.fromisoformat(ends["due"]).timestamp() - date(again.records[-1])
    assert 11 * 3600 < left <= 12 * 3600
    again.process.send_signal(signal.SIGTERM)
    assert again.finish() == 130
    assert steps(again) == []


@pytest.mark.parametrize("off", [-600, 2 * DAY])
def test_a_question_that_waits_is_repeated_and_answered_in_time(home: Home, clock: WallClock, off: float) -> None:
    """A reminder comes after its seconds, the question does not expire, and other processes see the same."""
    file = home.folder / "asking.yaml"
    file.write_text(ASKING)
    running = home.start("run", str(file), "--wait")
    opened = running.until("gate_opened")
    clock.set(off)
    running.until("clock_stepped")
    assert running.until("gate_reminder")["gate"] == opened["gate"]
    [asked] = home.call("gates", "--json").records
    due = datetime.fromisoformat(asked["due"]).timestamp()
    assert 5 * 3600 < due - date(running.records[-1]) <= 6 * 3600
    # libfaketime cannot sleep to a moment of a clock that it leaves alone.
    assert home.call("answer", running.run, "colour=red", "--within", "0s").code == 0
    assert running.finish() == 0


def test_a_clock_that_goes_back_between_two_processes_makes_nobody_wait(home: Home, clock: WallClock) -> None:
    """A host that was two days ahead is set right while no process lives: eight seconds stay eight seconds."""
    clock.set(2 * DAY)
    file = home.folder / "resting.yaml"
    file.write_text(RESTING)
    running = home.start("run", str(file))
    running.until("state_entered", state="rest")
    running.kill()
    clock.set(0)
    again = home.start("resume", running.run)
    assert again.finish() == 0
    ended = again.until("run_ended")
    assert 8.0 <= float(ended["reason"]) < DAY
    assert again.until("clock_stepped")["by"] == pytest.approx(-2 * DAY, abs=60)


@pytest.mark.parametrize("year", [1970, 2039, 2110])
def test_a_host_without_a_clock_runs_all_the_same(home: Home, year: int) -> None:
    """A battery is empty, a date is past what some counts hold: runs are begun, listed and taken up again."""
    odd = {**WallClock(home.folder / "odd").variables, "FAKETIME": f"@{year}-01-01 00:00:10", "TZ": "UTC"}
    del odd["FAKETIME_TIMESTAMP_FILE"]
    file = home.folder / "resting.yaml"
    file.write_text(RESTING)
    running = home.start("run", str(file), **odd)
    running.until("state_entered", state="rest")
    running.kill()
    again = home.start("resume", running.run, **odd)
    assert again.finish() == 0
    [listed] = home.call("runs", "--json", **odd).records
    assert (listed["run"], listed["outcome"]) == (running.run, "completed")
    assert running.run.split("-")[1].startswith(str(year))

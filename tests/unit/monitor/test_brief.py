"""How a run stands, in a few words and with what to do next."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime

import pytest
from store_samples import CHOICE, TWEET, a_run, asking, created

from retake_flow.monitor import brief
from retake_flow.monitor.following import Following
from retake_flow.run.records import record, record_to_stored
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.memory import MemoryRuns


def followed(run: Run, *, driven: bool = False) -> Following:
    """A run as another process reads it."""
    store = MemoryRuns()
    claim = created(store, run, holder=this_process())
    claim.write(run, [])
    if not driven:
        claim.release()
    return Following(store, run.id)


@pytest.mark.parametrize("length", [1, 40, 400, 4_000])
def test_the_status_is_small_whatever_is_asked(length: int) -> None:
    """Long questions, long reasons and a long name make it shorter, not larger; it stays an object of one shape."""
    gates = [replace(gate, message="Ü" * length) for gate in (TWEET, CHOICE)]
    run = asking(*gates, id="n" * 80 + "-20261130-061558-5c19", reason="r" * length)
    found = brief.status(followed(run))
    assert len(json.dumps(found, ensure_ascii=False).encode()) < brief.MOST
    assert found.keys() == brief.status(followed(a_run())).keys()
    assert found["next"]


STAGE = [
    record("activity_started", 1.0, activity="on:screen", visit=1, action="studio.content", inputs={}),
    record("activity_ready", 1.0, activity="on:screen", visit=1, value={"shows": "stage"}),
]


@pytest.mark.parametrize("scene", ["brb", "a_desk_with_a_name_" * 60])
def test_the_scene_that_is_on_is_told_while_a_process_shows_it(scene: str) -> None:
    """It is in the status, however long its name is; a run that nobody drives shows nothing."""
    found = followed(a_run(), driven=True)
    assert brief.status(found)["scene"] is None
    found.figures.count(enumerate([*STAGE, record("scene_set", 2.0, to=scene)], found.figures.number + 1))
    told = brief.status(found)
    assert told["scene"].rstrip("…") in scene
    assert f"  scene: {told['scene']}" in brief.lines(told)
    assert len(json.dumps(told, ensure_ascii=False).encode()) < brief.MOST
    left = followed(a_run())
    left.figures.count(enumerate(STAGE, left.figures.number + 1))
    assert brief.status(left)["scene"] is None


def test_a_run_that_left_at_a_question_is_not_resumed_before_the_answer() -> None:
    """It would only leave again; one whose process died goes on, whatever it asks."""
    parked = asking(TWEET, id="owl-1")
    left = followed(replace(parked, phase=Phase.SUSPENDED))
    assert brief.next_commands(left) == ["retake-flow gates owl-1 --json"]
    died = followed(parked)
    assert brief.next_commands(died)[0] == "retake-flow resume owl-1 --detach --json"


def test_a_run_that_signs_off_is_waited_for() -> None:
    """It has its outcome; it is over when its process lets go of it."""
    run = a_run(phase=Phase.COMPLETED, outcome="completed")
    assert brief.next_commands(followed(run, driven=True)) == [
        "retake-flow wait go-live-1 --until ended --within 50s --json"
    ]
    assert brief.next_commands(followed(run)) == ["retake-flow show go-live-1 --json"]


@pytest.mark.parametrize("ahead", [0.0, 7200.0, -86_400.0])
def test_dates_and_time_left_are_right_after_the_wall_clock_was_set(ahead: float) -> None:
    """A stored run has the dates of the wall clock, and its vitals go by its own time."""
    now = time.time()
    run = a_run(timers={("live", "timeout"): now + 600.0, ("live", "wait"): now + 9.0}, ahead=ahead)
    found = followed(run, driven=True)
    seen = record("activity_result", now + ahead, activity="on:air", result={"is_live": True, "uptime_seconds": 60})
    found.figures.count([(found.figures.number + 1, record_to_stored(seen, ahead))])
    told = brief.status(found)
    assert told["on_air"]
    assert 540 <= told["remaining"] <= 600
    assert abs(datetime.fromisoformat(told["since"]).timestamp() - (now - 60)) < 30

"""Where a run is, and what belongs to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cli_command import Command
from stored_runs import AWAY, CHOICE, DEAD, ESCAPES, a_gate, an_answer, ended, stored

from retake_flow.ports.runs import Holder, Runs
from retake_flow.run.records import record
from retake_flow.run.run import ActivityState, PendingUndo, Work
from retake_flow.store.holders import this_process
from retake_flow.studio.processes.launcher import RUN_VARIABLE


@contextmanager
def a_child(run: str) -> Iterator[int]:
    """A process that a run has left behind; gives its number."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); import time; time.sleep(900)", "rtk_secret_key"],
        env={**os.environ, RUN_VARIABLE: run},
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child.pid
        finally:
            child.kill()


def test_a_person_sees_where_a_run_is_and_what_it_waits_for(command: Command, store: Runs) -> None:
    """State, question with its command, timers, activities, what is owed and the end of the journal are told."""
    now = time.time()
    stored(
        store,
        "owl-1",
        a_gate(),
        CHOICE,
        records=[record("state_entered", now - 7300, state="on/air", visit=2), record("something", now)],
        holder=DEAD,
        timers={("on/air", "timeout"): now + 3700, ("on", "remind"): now - 200},
        activities={"on:display": ActivityState(1, Work.READY, {"display": ":99"})},
        undos=(PendingUndo("on", "on/session", "retake.stop_stream", {}),),
    )
    store.answer("owl-1", "trouble.1", an_answer())
    out = command("show", "last").out
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "owl-1 of go-live.yaml for owl"
    for beginning in (
        "phase    suspended",
        "state    on/air, since ",
        "process  died",
        "flow     /x/go-live.yaml (dddddddddddd)",
        "epoch    1",
        "prove.1  asked of operator 2m ago",
        "answer: retake-flow answer owl-1 prove.1 tweet_url=…",
        "trouble.1  is answered; the run takes the answer when it is resumed",
        "on      remind   overdue for 3m",
        "on/air  timeout  due in 1h (",
        "on:display  ready",
        "on/session  retake.stop_stream",
        "the end of its journal (2 records)",
    ):
        assert any(line.startswith(beginning) for line in lines), (beginning, out)
    assert " (2h)" in out
    assert lines[-1].endswith("→ on/air (visit 2)")


@pytest.mark.parametrize(("holder", "scene"), [(this_process(), "brb"), (DEAD, None)])
def test_the_scene_that_is_on_is_told(command: Command, store: Runs, holder: Holder, scene: str | None) -> None:
    """The scene is told by `show` and `status` while the run is driven."""
    on = {"activity": "on:screen", "visit": 1}
    begun = record("activity_started", 1, **on, action="studio.content", inputs={})
    shows = record("activity_ready", 2, **on, value={"shows": "stage"})
    stored(store, "owl-1", records=[begun, shows, record("scene_set", 3, to="brb")], holder=holder)
    for name in ("show", "status"):
        assert command(name, "owl-1", "--json").records[0]["scene"] == scene
        assert ("brb" in command(name, "owl-1").out.split("\n\n")[0]) is bool(scene)


def test_an_ended_run_tells_how_it_ended(command: Command, store: Runs) -> None:
    """An ended run waits for nothing, and what it had begun is no longer told as running."""
    activities = {"on:display": ActivityState(1, Work.READY)}
    undos = (PendingUndo("on", "on/session", "retake.stop_stream", {}),)
    ended(store, outcome="killed", reason="killed by hand", activities=activities, undos=undos, timers={("a", "b"): 1})
    out = command("show", "owl-1").out
    assert "killed: killed by hand" in out
    assert "not taken back\n  on/session  retake.stop_stream" in out
    assert not {"timers", "activities", "waits for an answer"} & set(out.splitlines())


def test_the_programs_of_a_run_are_shown_without_their_arguments(command: Command, store: Runs) -> None:
    """Living processes that bear the run's mark are listed by number and name; a stream key in arguments is not."""
    run = f"owl-{os.getpid()}"  # other tests end what bears the mark of owl-1
    stored(store, run)
    with a_child(run) as pid, a_child(f"{run}-other"):
        said = command("show", run)
        [child] = command("show", run, "--json").records[0]["children"]
    assert (child["pid"], child["name"].startswith("python")) == (pid, True)
    assert f"  pid {pid}  {child['name']}" in said.out
    assert "rtk_secret_key" not in said.out
    assert command("show", run, "--json").records[0]["children"] == []


def test_the_journal_is_told_whole_or_by_its_end(command: Command, store: Runs) -> None:
    """`--journal` prints all records as JSON lines; a person sees the last ten that say something."""
    story = [record("state_entered", n, state=f"s{n:02}", visit=1) for n in range(15)]
    quiet = [record("activity_result", n, activity="a:b", visit=1, outcome="done", result={}) for n in range(20)]
    stored(store, "owl-1", records=[*story, *quiet])
    assert command("show", "owl-1", "--journal").records == [*story, *quiet]
    out = command("show", "owl-1").out
    assert [line.split()[-1] for line in out.splitlines()[-10:]] == [f"s{n:02}" for n in range(5, 15)]
    one = command("show", "owl-1", "--json").records[0]
    assert (one["records"], one["journal"]) == (35, quiet[-10:])


def test_json_tells_all_of_it_in_one_object(command: Command, store: Runs) -> None:
    """A program gets the snapshot with times, questions, timers and debts as one object."""
    stored(store, "owl-1", a_gate(), holder=AWAY, timers={("on", "timeout"): 60.0}, outputs={"a": {"n": 1}})
    [one] = command("show", "owl", "--json").records
    assert one["holder"] == {
        "host": "studio-2",
        "pid": 77,
        "alive": True,
        "lease_seconds_left": pytest.approx(20, abs=15.1),
    }
    assert one["timers"] == [{"state": "on", "purpose": "timeout", "due": "1970-01-01T00:01:00.000Z"}]
    assert (one["gates"][0]["gate"], one["answered"], one["outputs"]) == ("prove.1", [], {"a": {"n": 1}})
    assert (one["run"], one["phase"], one["since"], one["epoch"]) == ("owl-1", "suspended", None, 1)


@pytest.mark.parametrize("form", [(), ("--json",), ("--journal",)])
def test_no_secret_and_no_control_sequence_is_shown(command: Command, store: Runs, form: tuple[str, ...]) -> None:
    """What the platform and viewers wrote is shown without control sequences, and without what looks like a secret."""
    said = {
        "t": "2026-01-01T00:00:00.000Z",
        "event": "chat_message",
        "author": f"ann{ESCAPES}",
        "text": "rtk_0123456789",
    }
    stored(
        store, "owl-1", a_gate(message=f"hi{ESCAPES}"), records=[said], agent=f"owl{ESCAPES}", state="rtk_0123456789"
    )
    out = command("show", "owl-1", *form).out
    assert "rtk_0123456789" not in out
    assert "\x1b" not in out
    if not form:
        assert all(character.isprintable() or character == "\n" for character in out)


def test_a_run_is_named_by_a_unique_beginning_or_last(command: Command, store: Runs) -> None:
    """A prefix that fits several runs is answered with them; a name that fits none is unknown; both end with 2."""
    assert "there is no run yet" in command("show", "last").err
    stored(store, "owl-1")
    stored(store, "owl-12")
    assert command("show", "owl-1").out.startswith("owl-1 of go-live")
    assert command("show", "last").out.startswith("owl-12 of go-live")
    several = command("show", "ow")
    assert (several.code, "owl-12, owl-1" in several.err) == (2, True)
    unknown = command("show", f"bat{ESCAPES}")
    assert (unknown.code, "\x1b" in unknown.err) == (2, False)


def test_a_stream_on_air_is_shown_with_its_figures(command: Command, store: Runs) -> None:
    """Another process sees how the stream does from the journal alone: for a person, and as JSON."""
    now = time.time()
    status = {"viewers": 12, "is_live": True, "uptime_seconds": 600}
    sent = {
        "bitrate": 1480.4,
        "fps": 30.0,
        "frames": 18000,
        "dropped": 3,
        "speed": 1.0,
        "seconds": 600.0,
        "slow_for": 0.0,
    }
    records = [
        record("activity_result", now, activity="on/air:status", visit=1, outcome="done", result=status),
        record("activity_result", now, activity="on/air:encoding", visit=1, outcome="done", result=sent),
    ]
    stored(store, "owl-1", records=records, holder=this_process())
    lines = [line.strip() for line in command("show", "last").out.splitlines()]
    assert any(line.startswith("on air   10m") for line in lines)
    assert "viewers  12" in lines
    assert "encoder  1480 kbit/s, 30 fps, 18000 frames, 3 dropped, speed 1.00" in lines
    health = json.loads(command("show", "last", "--json").out)["health"]
    assert (health["viewers"], health["dropped"], health["recoveries"]) == (12, 3, 0)


@pytest.mark.parametrize("died", [False, True])
def test_a_stream_that_is_down_is_not_shown_as_on_air(command: Command, store: Runs, died: bool) -> None:
    """Neither when its encoder failed nor when its process died: for a person, and as JSON."""
    now = time.time()
    status = {"viewers": 12, "is_live": True, "uptime_seconds": 600}
    lost = record("activity_failed", now - 300, activity="on:encoder", visit=1, kind="internal", message="a defect")
    records = [
        record("activity_started", now - 400, activity="on:encoder", visit=1, action="studio.encoder", inputs={}),
        record("activity_result", now - 300, activity="on/air:status", visit=1, outcome="done", result=status),
        *([] if died else [lost]),
    ]
    stored(store, "owl-1", records=records, holder=DEAD if died else this_process())
    lines = [line.strip() for line in command("show", "last").out.splitlines()]
    assert any(line.startswith("stream") and "off air for 5m" in line for line in lines)
    assert not any(line.startswith(("on air", "viewers")) for line in lines)
    health = json.loads(command("show", "last", "--json").out)["health"]
    assert health["on_air"] is False
    assert 300 <= health["off_air_seconds"] < 360

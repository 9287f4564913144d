"""Runs that go on in other processes: after kill -9, after an answer, elsewhere, two at once, on a full disk."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from flow_processes import Home, Record, Running, at_home, gone, waited
from run_programs import programs

pytestmark = pytest.mark.real

TOKEN = "rtk_resume_a_token_that_nobody_may_see"
POST = "https://x.com/owl/status/1860000000000000077"
OPENING = "Good evening, we are on air."
ASKING = """\
flow: asking
initial: ask
states:
  ask:
    ask:
      message: Which colour?
      answer:
        colour: {type: string, enum: [red, green], description: of the wall}
        shade: {type: integer, default: 3}
    transitions: {answered: painted}
  painted: {final: completed, reason: "{{ outputs.ask.colour }} {{ outputs.ask.shade }}"}
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with nothing in it."""
    with at_home(tmp_path / "home") as made:
        yield made


def rehearse(home: Home, *more: str, folder: str = "rehearsed", **options: object) -> Running:
    """Begin a rehearsal, with a token that can be looked for."""
    agents = [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]
    file = home.folder / f"{folder}.json"
    file.write_text(json.dumps({"agents": agents, "viewers": [], **options}))
    opening = ["--set", f"opening_message={OPENING}"]
    where = ["--rehearsal-options", str(file), "--folder", str(home.folder / folder)]
    return home.start("run", "go-live.yaml", "--rehearse", *where, *opening, *more)


def asking(home: Home) -> str:
    """The file of a flow that does nothing but ask."""
    file = home.folder / "asking.yaml"
    file.write_text(ASKING)
    return str(file)


def report_of(running: Running) -> Record:
    """What the platform saw in a rehearsal that is over."""
    return next(record for record in running.records if record["event"] == "rehearsal_report")


def seconds(record: Record) -> float:
    """When a record was written, in seconds since the epoch."""
    return datetime.fromisoformat(record["t"]).timestamp()


def one_error(running: Running, code: int) -> Record:
    """The one error with which a command ended."""
    assert (running.finish(), running.err) == (code, "")
    (error,) = [record for record in running.records if record["event"] == "error" and "place" not in record]
    return error


def test_a_run_killed_on_air_is_on_air_again(home: Home) -> None:
    """After kill -9 its programs end by themselves; `resume last` goes on air with a new key and ends with 0."""
    first = rehearse(home, "--for", "10m")
    first.on_air()
    run = first.run
    assert programs(run, "ffmpeg")
    assert programs(run, "Xvfb")
    first.kill()
    waited(lambda: programs(run, "ffmpeg") + programs(run, "Xvfb") == [], "their end")
    second = home.start("resume", "last")
    second.on_air()
    assert home.call("stop", "last").code == 0
    assert second.finish() == 0
    assert second.run == run
    assert second.records[-1]["outcome"] == "completed"
    parts = [json.loads((home.folder / "rehearsed" / "report-1.json").read_text()), report_of(second)]
    assert [part["keys"]["used"] for part in parts] == [1, 1]
    assert [part["broken_rules"] for part in parts] == [[], []]
    said = [record["text"] for record in home.journal(run) if record["event"] == "chat_sent"]
    assert said == [OPENING]
    gone(run)


def test_a_run_that_is_driven_is_not_resumed(home: Home) -> None:
    """`resume` of a run that is driven names the pid and the host of its process, and exits with 5."""
    first = rehearse(home, "--for", "10m")
    first.on_air()
    error = one_error(home.start("resume", "last"), 5)
    assert str(first.pid) in error["message"]
    assert socket.gethostname() in error["message"]
    for_people = home.call("resume", first.run)
    assert (for_people.code, for_people.out) == (5, "")
    assert str(first.pid) in for_people.err
    assert home.call("stop", "last").code == 0
    assert first.finish() == 0


def test_one_of_two_that_resume_at_the_same_moment_drives(home: Home) -> None:
    """Of two `resume` at once exactly one goes on air; the other names the first, and exits with 5."""
    first = rehearse(home, "--for", "10m")
    first.on_air()
    first.kill()
    both = [home.start("resume", "last"), home.start("resume", "last")]
    waited(lambda: any(each.process.poll() is not None for each in both), "one of them to give way")
    loser, winner = sorted(both, key=lambda each: each.process.poll() is None)
    winner.on_air()
    error = one_error(loser, 5)
    assert str(winner.pid) in error["message"]
    assert home.call("stop", "last").code == 0
    assert winner.finish() == 0
    assert [session["ended_by"] for session in report_of(winner)["agents"][0]["sessions"]] == ["stop"]


def test_a_stop_from_elsewhere_is_carried_out(home: Home) -> None:
    """The run stops after `stop last` has asked for it, and its session is closed."""
    first = rehearse(home, "--for", "10m")
    first.on_air()
    assert home.call("stop", "last").code == 0
    assert first.finish() == 0
    assert first.until("stop_requested")
    assert first.records[-1]["outcome"] == "completed"
    assert [session["ended_by"] for session in report_of(first)["agents"][0]["sessions"]] == ["stop"]


def test_an_answer_from_elsewhere_is_taken(home: Home) -> None:
    """`run --wait` stays without a terminal, and goes on after `answer` has given the answer."""
    first = home.start("run", asking(home), "--wait")
    gate = first.until("gate_opened")["gate"]
    assert first.process.poll() is None
    answered = home.call("answer", "last", gate, "colour=green", "--json")
    assert answered.code == 0, str(answered)
    assert answered.records[0]["driven"]
    assert first.finish() == 0
    taken = next(record for record in first.records if record["event"] == "gate_answered")
    given = datetime.fromisoformat(answered.records[0]["at"]).timestamp()
    assert -0.01 <= seconds(taken) - given < 30  # seconds: it is woken, and does not wait for a later look
    assert first.records[-1]["reason"] == "green 3"


def test_a_suspended_run_is_answered_while_no_process_lives(home: Home) -> None:
    """An unverified agent: exit 4 and how to answer; `answer … -` takes JSON; `resume` goes on."""
    first = rehearse(home, "--for", "1s", verified=False, tweets={POST: "{message}"})
    assert first.finish() == 4
    opened = next(record for record in first.records if record["event"] == "gate_opened")
    assert "Code: " in opened["message"]
    assert opened["schema"]["decisions"]["posted"]["required"] == ["tweet_url"]
    assert opened["answer_with"].startswith(f"retake-flow answer {first.run} {opened['gate']}")
    last = first.records[-1]
    assert (last["event"], last["run"], [gate["gate"] for gate in last["gates"]]) == (
        "run_suspended",
        first.run,
        [opened["gate"]],
    )
    gone(first.run)
    wrong = home.call("answer", "last", "-", said='{"decision": "posted", "tweet_url": "https://x.com/"}')
    assert (wrong.code, wrong.out) == (2, "")
    assert "tweet_url" in wrong.err
    answered = home.call("answer", "last", "-", said=json.dumps({"decision": "posted", "tweet_url": POST}))
    assert (answered.code, answered.err) == (0, "")
    assert f"retake-flow resume {first.run}" in answered.out
    again = home.call("answer", "last", "-", said=json.dumps({"decision": "decline"}))
    assert again.code == 1
    assert "already answered" in again.err
    second = home.start("resume", "last")
    assert second.finish() == 0
    assert report_of(second)["agents"][0]["verified"]
    assert report_of(second)["broken_rules"] == []


def test_a_suspended_run_goes_on_where_its_folder_was_copied_to(home: Home, tmp_path: Path) -> None:
    """A copy of the state folder in another home is the run: it is answered and goes on there."""
    first = home.start("run", asking(home))
    assert first.finish() == 4
    with at_home(tmp_path / "elsewhere") as other:
        shutil.copytree(home.state, other.state)
        shutil.rmtree(home.folder)  # also the file of the flow is no more
        done = other.call("resume", "last", "--answer", "colour=red", "--answer", "shade=7", "--json")
        assert done.code == 0, str(done)
        assert done.records[-1]["reason"] == "red 7"
        assert done.records[0]["run"] == first.run


def test_a_rehearsal_goes_on_where_its_folder_was_copied_to(home: Home, tmp_path: Path) -> None:
    """A rehearsal that lies in the state folder goes on from a copy, with the agent that was registered before."""
    options = home.folder / "options.json"
    options.write_text(json.dumps({"verified": False, "tweets": {POST: "{message}"}, "viewers": []}))
    first = home.start("run", "go-live.yaml", "--rehearse", "--rehearsal-options", str(options), "--for", "0s")
    assert first.finish() == 4
    with at_home(tmp_path / "elsewhere") as other:
        shutil.copytree(home.state, other.state)
        shutil.rmtree(home.folder)
        done = other.call("resume", "last", "--decision", "posted", "--answer", f"tweet_url={POST}", "--json")
        assert done.code == 0, str(done)


def _a_file_for_the_folder(home: Home) -> None:
    shutil.rmtree(home.state)
    home.state.write_text("not a folder")


def _a_folder_for_the_store(home: Home) -> None:
    _store(home).unlink()
    _store(home).mkdir()


def _another_file(home: Home) -> None:
    _store(home).write_bytes(b"something else entirely\n" * 1000)


def _damaged(home: Home) -> None:
    content = bytearray(_store(home).read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    _store(home).write_bytes(content)


def _newer(home: Home) -> None:
    with closing(sqlite3.connect(_store(home))) as connection:
        connection.execute("UPDATE schema_version SET version = 99, readable_by = 98")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _store(home: Home) -> Path:
    return home.state / "runs.sqlite"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_a_file_for_the_folder, "cannot be opened"),
        (_a_folder_for_the_store, "cannot be opened"),
        (_another_file, "not a store of retake-flow"),
        (_damaged, "damaged"),
        (_newer, "version 99"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_message(home: Home, spoil: Callable[[Home], None], said: str) -> None:
    """Commands say once why it cannot be used, exit with 6, and leave it as it is."""
    flow = asking(home)
    assert (done := home.call("run", flow)).code == 4, done
    with closing(sqlite3.connect(_store(home))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(home)
    before = _content(home)
    commands = [["runs"], ["run", flow], ["resume", "last"], ["answer", "last", "colour=red"], ["show", "last"]]
    for arguments in commands if spoil is _damaged else commands[:2]:
        done = home.call(*arguments)
        assert (done.code, done.out) == (6, ""), (arguments, str(done))
        assert said in done.err, arguments
        assert done.err.count("retake-flow: ") == 1
    assert _content(home) == before


def _content(home: Home) -> dict[str, bytes]:
    """Every file of the state folder, without what SQLite puts beside a store that is open."""
    return {
        str(path): path.read_bytes()
        for path in [home.state, *home.state.rglob("*")]
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


DAMAGES = {
    "cut off": """UPDATE snapshots SET data = substr(data, 1, 40) WHERE run = ?""",
    "no text": """UPDATE snapshots SET data = x'7b00ff' WHERE run = ?""",
    "another type": """UPDATE snapshots SET data = json_set(data, '$.visits', 'many') WHERE run = ?""",
    "no number": """UPDATE runs SET epoch = 'third' WHERE id = ?""",
    "no date": """UPDATE runs SET created = 'yesterday' WHERE id = ?""",
    "gone": """DELETE FROM snapshots WHERE run = ?""",
}


def test_damaged_runs_are_named_and_the_others_go_on(home: Home) -> None:
    """Nothing of them is a defect, and no other run knows of them."""
    runs = {}
    for name in (*DAMAGES, "whole"):
        assert home.call("run", asking(home)).code == 4
        runs[name] = str(home.row()["id"])
        assert home.call("answer", runs[name], "colour=red").code == 0
    with closing(sqlite3.connect(_store(home))) as connection:
        for name, damage in DAMAGES.items():
            connection.execute(damage, (runs[name],))
        connection.commit()
    told = home.call("runs")
    assert all(run in told.out for run in runs.values()), told
    assert "defect" not in told.out + told.err
    for name in DAMAGES:
        shown = home.call("show", runs[name])
        assert shown.code != 0, name
        assert "damaged" in shown.err, (name, shown)
    resumed = home.call("resume", "--all")
    assert "Traceback" not in resumed.out + resumed.err
    assert "defect" not in resumed.out + resumed.err, resumed
    assert home.call("show", runs["whole"]).out.count("completed"), resumed


def test_a_store_of_which_a_page_is_lost_keeps_the_rest(home: Home) -> None:
    """A run whose store is repaired goes on: nothing was changed by the commands that met the damage."""
    assert home.start("run", asking(home)).finish() == 4
    with closing(sqlite3.connect(_store(home))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    good = _store(home).read_bytes()
    _damaged(home)
    assert home.call("resume", "last").code == 6
    _store(home).write_bytes(good)
    done = home.call("resume", "last", "--answer", "colour=red", "--json")
    assert (done.code, done.records[-1]["reason"]) == (0, "red 3")


class FullDisk:
    """A disk that has no space any more, until it has again."""

    def __init__(self, fill: Callable[[Running], None], empty: Callable[[], None]) -> None:
        self.fill = fill
        self.empty = empty


@pytest.fixture(params=["a quota", "a small disk"])
def full_disk(request: pytest.FixtureRequest, home: Home) -> Iterator[FullDisk]:
    """The disk of the state folder: a real one of a few megabytes, or a limit on what the process may write."""
    if request.param == "a quota":
        # No file may grow beyond its first byte; the programs that the process has started keep their own limit.
        yield FullDisk(lambda running: resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1, 1)), lambda: None)
        return
    home.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(home.state)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can have a small disk, and not everywhere")
    ballast = home.state / "ballast"

    def fill(_: Running) -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 512)
            except OSError:
                pass

    yield FullDisk(fill, ballast.unlink)
    home.close()
    subprocess.run(["umount", "--lazy", str(home.state)], check=True)


def test_a_full_disk_does_not_end_the_stream(home: Home, full_disk: FullDisk) -> None:
    """A notice tells of it, and the stream ends in its time and cleanly, with exit 6 and what is lost."""
    first = rehearse(home, "--for", "10s")
    first.on_air()
    full_disk.fill(first)
    notice = first.until("notice", kind="store")
    assert "cannot grow" in notice["message"]
    assert "free some space" in notice["message"]
    error = one_error(first, 6)
    assert "are lost" in error["message"]
    gone(first.run)
    report = json.loads((home.folder / "rehearsed" / "report.json").read_text())
    assert [session["ended_by"] for session in report["agents"][0]["sessions"]] == ["stop"]
    full_disk.empty()
    shown = home.call("show", "last", "--json")
    assert shown.code == 0, str(shown)
    second = home.start("resume", "last")
    second.on_air()
    home.call("stop", "last")  # if its time is not over yet
    assert second.finish() == 0
    assert report_of(second)["broken_rules"] == []


def test_no_secret_is_in_any_file_or_output(home: Home) -> None:
    """Neither the token nor a key of a run that was killed and went on; the end removes the rest."""
    first = rehearse(home, "--for", "10m", seed=11)
    first.on_air()
    keys = _stream_keys(home, first.run)
    first.kill()
    second = home.start("resume", "last")
    second.on_air()
    keys += _stream_keys(home, second.run)
    outputs = [home.call(*words).out for words in (["show", "last", "--journal"], ["show", "last"], ["runs", "--json"])]
    assert home.call("stop", "last").code == 0
    assert second.finish() == 0
    assert len(set(keys)) == 2
    (home.folder / "rehearsed.json").unlink()  # the options, which the test wrote
    texts = [first.out + first.err + second.out + second.err, *outputs, *(text for _, text in home.texts())]
    for secret in (TOKEN, *keys):
        assert [text[:300] for text in texts if secret in text] == []


def _stream_keys(home: Home, run: str) -> list[str]:
    """The keys that the encoders of a run have pushed with, which are in no list of processes."""
    kept = json.loads((home.folder / "rehearsed" / ".rehearsal.json").read_text())
    keys: list[str] = kept["agents"][0]["spent_keys"]
    words = []
    for program in programs(run, "ffmpeg"):  # the encoder, and perhaps one that takes a picture and is gone at once
        with suppress(psutil.NoSuchProcess):
            words += program.cmdline()
    assert words
    assert [word for word in words for key in keys if key in word] == []
    return keys


def test_all_crashed_runs_go_on_at_once(home: Home) -> None:
    """`resume --all` takes two crashed runs up side by side, and leaves alone one that waits for an answer."""
    crashed = [rehearse(home, "--for", "10m", folder=name) for name in ("one", "two")]
    for each in crashed:
        each.on_air()
    runs = {each.run for each in crashed}
    for each in crashed:
        each.kill()
    waiting = home.start("run", asking(home))
    assert waiting.finish() == 4
    together = home.start("resume", "--all")
    for run in runs:
        together.until("activity_started", run=run, activity="broadcast/pushing/on_air:chat")
    for run in runs:
        assert home.call("stop", run).code == 0
    assert together.finish() == 0
    resumed = [record for record in together.records if record["event"] == "run_resumed"]
    ended = [record for record in together.records if record["event"] == "run_ended"]
    assert {record["run"] for record in resumed} == runs
    assert {(record["run"], record["outcome"]) for record in ended} == {(run, "completed") for run in runs}
    assert seconds(max(resumed, key=seconds)) < seconds(min(ended, key=seconds))
    assert home.row(waiting.run)["phase"] == "suspended"
    nothing = home.call("resume", "--all")
    assert (nothing.code, nothing.out) == (0, "no run waits for a process\n")


def test_a_run_killed_while_it_ends_is_ended_by_resume(home: Home) -> None:
    """Killed while its last undo is under way: `resume` closes the session, and only then is the run over."""
    slow = [{"call": "POST /agent/stream/stop", "delay": 15, "times": 1}]  # less than a call may take
    first = rehearse(home, "--for", "0s", faults=slow)
    first.until("undo_started", action="retake.stop_stream")
    first.kill()
    assert home.row()["outcome"] == "completed"
    done: dict[str, Any] = json.loads(home.call("show", "last", "--json").out)
    assert done["run"] == first.run
    second = home.start("resume", "last")
    assert second.finish() == 0
    events = [record["event"] for record in second.records]
    assert events[0] == "run_resumed"
    assert "state_entered" not in events
    undone = next(record for record in second.records if record["event"] == "undo_finished")
    assert (undone["action"], undone["outcome"]) == ("retake.stop_stream", "done")
    assert events[-1] == "run_ended"
    assert second.records[-1]["outcome"] == "completed"
    third = home.call("resume", "last")
    assert (third.code, "has already ended" in third.out) == (0, True)
    gone(first.run)

"""The program as a whole, with real programs: interrupted, robbed of its children, killed, run twice at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flow_processes import WITHIN, gone, waited
from run_programs import programs

pytestmark = pytest.mark.real

ON_AIR = "broadcast/pushing/on_air"


class Started:
    """A run of the program, read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.records: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until a record is as wanted."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.append(json.loads(line))
            if wanted(self.records[-1]):
                return self.records[-1]
        raise AssertionError(f"it ended before: {self.records[-3:]}")

    def entered(self, state: str, visit: int = 1) -> None:
        """Read on until a state is entered."""
        self.until(lambda r: r["event"] == "state_entered" and r["state"] == state and r["visit"] >= visit)

    def finish(self) -> dict[str, Any]:
        """Read to the end; gives the report of the rehearsal."""
        assert self.process.stdout is not None
        self.records += [json.loads(line) for line in self.process.stdout]
        self.process.wait(WITHIN)
        assert self.records[-1]["event"] == "run_ended"
        return next(r for r in self.records if r["event"] == "rehearsal_report")

    @property
    def run(self) -> str:
        """Its id."""
        return str(next(r["run"] for r in self.records if r["event"] == "run_started"))


@contextmanager
def going_live(folder: Path, *more: str) -> Iterator[Started]:
    """`retake-flow run go-live.yaml --rehearse --json` with a home of its own."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
    command = [sys.executable, "-m", "retake_flow", "run", "go-live.yaml", "--rehearse", "--json"]
    with subprocess.Popen(
        [*command, "--folder", str(folder / "rehearsal"), *more],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "HOME": str(home), "RETAKE_FLOW_STAGE": "off"},
    ) as process:
        try:
            yield Started(process)
        finally:
            if process.poll() is None:
                process.kill()


def test_an_interruption_on_air_stops_in_order(tmp_path: Path) -> None:
    """SIGTERM ends the session, leaves no process, and exits with 130."""
    with going_live(tmp_path) as run:
        run.entered(ON_AIR)
        run.process.send_signal(signal.SIGTERM)
        report = run.finish()
        assert run.process.returncode == 130
    assert [session["ended_by"] for session in report["agents"][0]["sessions"]] == ["stop"]
    assert not report["agents"][0]["is_live"]
    gone(run.run)


def test_a_reader_that_goes_away_on_air_stops_it_in_order(tmp_path: Path) -> None:
    """When nobody reads its output, the run closes its session as after Ctrl-C."""
    with going_live(tmp_path) as run:
        run.entered(ON_AIR)
        assert run.process.stdout is not None
        run.process.stdout.close()
        assert run.process.wait(WITHIN) == 130
    gone(run.run)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
    show = [sys.executable, "-m", "retake_flow", "show", "last", "--journal"]
    journal = subprocess.run(show, env={**environment, "HOME": str(tmp_path / "home")}, capture_output=True, check=True)
    records = [json.loads(line) for line in journal.stdout.splitlines()]
    [undone] = [record for record in records if record["event"] == "undo_finished"]
    assert (undone["action"], undone["outcome"]) == ("retake.stop_stream", "done")
    assert records[-1]["event"] == "run_ended"


@pytest.mark.parametrize("state", ["check_guide", "broadcast/stream_key", "broadcast/session", "broadcast/pushing"])
def test_an_interruption_before_going_on_air_leaves_nothing(tmp_path: Path, state: str) -> None:
    """Ctrl-C while the programs are starting leaves no process and no open session."""
    with going_live(tmp_path) as run:
        run.entered(state)
        run.process.send_signal(signal.SIGINT)
        report = run.finish()
        assert run.process.returncode == 130
    assert all(session["ended"] is not None for session in report["agents"][0]["sessions"])
    gone(run.run)


def test_a_killed_runner_takes_its_programs_with_it(tmp_path: Path) -> None:
    """After kill -9 of the runner no display, encoder, window or platform of it lives on."""
    with going_live(tmp_path) as run:
        run.entered(ON_AIR)
        for name in ("Xvfb", "xterm", "ffmpeg", "pulseaudio"):
            waited(lambda name=name: programs(run.run, name), name)
        run.process.kill()
        run.process.wait(WITHIN)
        gone(run.run, WITHIN)


def test_two_runs_at_once_do_not_collide(tmp_path: Path) -> None:
    """Two runs on one machine have displays of their own, and both end with a recording."""
    with (
        going_live(tmp_path / "one", "--for", "3s") as first,
        going_live(tmp_path / "two", "--for", "3s") as second,
    ):
        reports = [first.finish(), second.finish()]
        assert [first.process.returncode, second.process.returncode] == [0, 0]
    displays = [
        r["value"]["display"]
        for run in (first, second)
        for r in run.records
        if r.get("activity") == "broadcast:display" and r["event"] == "activity_ready"
    ]
    assert len(set(displays)) == 2
    assert all(report["recordings"][0]["video"]["frames"] > 10 for report in reports)


def test_a_rehearsal_records_what_the_guide_asks_for_and_no_secret(tmp_path: Path) -> None:
    """The recording is h264 1280x720 yuv420p with aac; neither token nor key is in any output or file."""
    token = "rtk_a_token_that_nobody_may_see"
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"agents": [{"name": "owl", "token": token}], "seed": 5}))
    with going_live(tmp_path, "--for", "4s", "--rehearsal-options", str(options)) as run:
        report = run.finish()
        assert run.process.returncode == 0
    (recorded,) = report["recordings"]
    video = recorded["video"]
    assert (video["codec"], video["width"], video["height"]) == ("h264", 1280, 720)
    assert (video["pixel_format"], video["audio_codec"]) == ("yuv420p", "aac")
    assert 28 <= video["frames_per_second"] <= 31
    assert report["broken_rules"] == []
    options.unlink()
    texts = [json.dumps(run.records)]
    texts += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(token in text or "sk_" in text for text in texts if "JFIF" not in text[:20])


def test_wrong_input_is_one_message(tmp_path: Path) -> None:
    """Wrong input ends with its exit code and one clear message, never with a traceback."""
    noise = tmp_path / "noise.yaml"
    noise.write_bytes(bytes(range(256)) * 10)
    cases = [
        (["run", "nowhere.yaml"], 2),
        (["run", "go-live.yaml", "--set", "sise=1x1"], 2),
        (["run", "go-live.yaml", "--for", "three parsecs"], 2),
        (["check", str(noise)], 3),
        (["run", str(noise)], 3),
        (["bogus"], 2),
    ]
    for arguments, code in cases:
        done = subprocess.run(
            [sys.executable, "-m", "retake_flow", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
        assert done.returncode == code, arguments
        assert "Traceback" not in done.stdout + done.stderr
        assert done.stdout + done.stderr

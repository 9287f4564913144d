"""A runner that is stopped (SIGSTOP) for a while: the stream does not notice."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from pathlib import Path

import psutil
import pytest
from flow_processes import Running, at_home, waited
from recorded import last_time, longest_gap
from run_programs import programs

pytestmark = pytest.mark.real

#: Seconds of video that have to come while the runner is stopped; the smallest pipe is full after two.
_GOES_ON = 8.0


def narrow(process: psutil.Process) -> None:
    """Let a program write as little as can be before somebody has to read it, where it writes into pipes."""
    for fd in (1, 2):
        output = Path(f"/proc/{process.pid}/fd/{fd}")
        if stat.S_ISFIFO(output.stat().st_mode):
            handle = os.open(output, os.O_WRONLY | os.O_NONBLOCK)
            fcntl.fcntl(handle, fcntl.F_SETPIPE_SZ, 4096)
            os.close(handle)


def on_air(running: Running) -> int:
    """How often it has come on air."""
    return sum(r["event"] == "state_entered" and r["state"].endswith("/on_air") for r in running.records)


def test_a_stopped_runner_costs_no_video(tmp_path: Path) -> None:
    """The video goes on while nobody reads what programs write; afterwards nobody is blamed, and chat goes on."""
    with at_home(tmp_path) as home:
        rehearsal = home.folder / "rehearsal"
        running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(rehearsal))
        running.on_air()
        recording = waited(lambda: next(iter(rehearsal.glob("**/*.flv")), None), "a recording")
        for process in programs(running.run):
            narrow(process)
        running.process.send_signal(signal.SIGSTOP)
        stopped_at, known = last_time(recording), len(running.records)
        waited(lambda: last_time(recording) >= stopped_at + _GOES_ON, "more video")
        running.process.send_signal(signal.SIGCONT)
        awake_at = last_time(recording)
        waited(lambda: any(r["event"] == "chat_message" for r in running.records[known:]), "chat")
        waited(lambda: last_time(recording) >= awake_at + _GOES_ON, "video afterwards")
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        assert on_air(running) == 1
        errors = [r for r in running.records[known:] if r["event"] in ("error", "activity_ended") and "exit" in str(r)]
        assert [r for r in errors if r.get("kind") == "exited"] == []
        report = next(r for r in running.records if r["event"] == "rehearsal_report")
        assert report["keys"]["used"] == 1
        assert longest_gap(recording, "v") < 1.0

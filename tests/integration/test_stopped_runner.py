"""A runner that is stopped (SIGSTOP) for a while: the stream does not notice."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from flow_processes import Running, at_home, waited
from recorded import LONGEST_STALL, await_more, longest_gap
from run_programs import programs

pytestmark = pytest.mark.real

#: Seconds of video that have to come while the runner is stopped; the smallest pipe is full after two.
_GOES_ON = 8.0


def narrow(process: psutil.Process) -> None:
    """Make the pipes that a program writes into as small as they can be."""
    for fd in (1, 2):
        output = Path(f"/proc/{process.pid}/fd/{fd}")
        with suppress(OSError):  # it has ended, or more than that waits to be read
            if stat.S_ISFIFO(output.stat().st_mode):
                pipe = os.open(output, os.O_WRONLY | os.O_NONBLOCK)
                try:
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
                finally:
                    os.close(pipe)


def on_air(running: Running) -> int:
    """How often it has come on air."""
    return sum(r["event"] == "state_entered" and r["state"].endswith("/on_air") for r in running.records)


def test_a_stopped_runner_costs_no_video(tmp_path: Path) -> None:
    """The video goes on while nobody reads the output of programs; afterwards none is restarted, and chat goes on."""
    with at_home(tmp_path) as home:
        rehearsal = home.folder / "rehearsal"
        running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(rehearsal))
        running.on_air()
        recording = waited(lambda: next(iter(rehearsal.glob("**/*.flv")), None), "a recording")
        for process in programs(running.run):
            narrow(process)
        running.process.send_signal(signal.SIGSTOP)
        known = len(running.records)
        await_more(recording, _GOES_ON)
        running.process.send_signal(signal.SIGCONT)
        waited(lambda: any(r["event"] == "chat_message" for r in running.records[known:]), "chat")
        await_more(recording, _GOES_ON)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        assert on_air(running) == 1
        errors = [r for r in running.records[known:] if r["event"] in ("error", "activity_ended") and "exit" in str(r)]
        assert [r for r in errors if r.get("kind") == "exited"] == []
        report = next(r for r in running.records if r["event"] == "rehearsal_report")
        assert report["keys"]["used"] == 1
        assert longest_gap(recording, "v") < LONGEST_STALL

"""A rehearsed stream whose windows are killed: they come back, and the push goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from flow_processes import at_home, gone, waited
from run_programs import children, lives

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not all(map(shutil.which, ("chromium", "mpv"))), reason="Chromium or mpv is not installed"),
]

_FLOW = """
extends: go-live.yaml
states:
  broadcast:
    activities:
      page: {do: studio.page, needs: window_manager, with: {folder: page}}
      film: {do: studio.film, needs: [window_manager, sound], with: {files: [film.mp4], at: right}}
      work: {do: studio.terminal, needs: window_manager, with: {command: [sleep, "1000"], at: left}}
"""
#: Each window's program, and a word of its command line.
WINDOWS = {"page": ("chromium", "--remote-debugging-pipe"), "film": ("mpv", "film.mp4"), "work": ("xterm", "sleep")}


def test_windows_come_back_and_the_push_goes_on(tmp_path: Path) -> None:
    """After kill -9 of each, one after the other, and of the runner at last; the encoder is the same all the time."""
    flow = tmp_path / "shown.yaml"
    flow.write_text(_FLOW, encoding="utf-8")
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<body style='background: navy'>a page", encoding="utf-8")
    film = ("-i", "testsrc=size=64x36:rate=10:duration=1", "-pix_fmt", "yuv420p", str(tmp_path / "film.mp4"))
    subprocess.run(("ffmpeg", "-v", "error", "-f", "lavfi", *film), check=True)
    with at_home(tmp_path / "home") as home:
        running = home.start("run", str(flow), "--rehearse", "--folder", str(tmp_path / "rehearsal"))
        running.until("state_entered", state="broadcast/pushing/on_air", visit=1)
        encoder = _child(running.process.pid, "ffmpeg", "-progress")
        for activity, (name, word) in WINDOWS.items():
            running.until("activity_ready", activity=f"broadcast:{activity}")
            _child(running.process.pid, name, word).send_signal(signal.SIGKILL)
            waited(lambda activity=activity: _ready(running.records, activity) > 1, activity)
        assert lives(encoder)
        assert _ready(running.records, "encoder", "broadcast/pushing") == 1
        assert not [record for record in running.records if record["event"] == "off_air"]
        browser = _child(running.process.pid, *WINDOWS["page"])
        processes = [browser, *browser.children(recursive=True)]
        running.process.send_signal(signal.SIGKILL)
        waited(lambda: not list(filter(lives, processes)))
        again = home.start("resume", running.run)
        again.until("activity_ready", activity="broadcast:page")
        again.process.send_signal(signal.SIGINT)
        assert again.finish() == 130
        gone(running.run)


def _child(pid: int, name: str, word: str) -> psutil.Process:
    """A program of a run, whose environment may be unreadable: Chromium wipes its own."""
    (only,) = children(pid, name, word)
    return only


def _ready(records: list[dict[str, object]], activity: str, scope: str = "broadcast") -> int:
    """How often an activity has become ready."""
    key = f"{scope}:{activity}"
    return sum(record["event"] == "activity_ready" and record["activity"] == key for record in records)

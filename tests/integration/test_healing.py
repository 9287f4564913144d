"""A rehearsed stream whose programs are killed and stopped: it is back on air, with another key, and leaves nothing."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
from flow_processes import Home, Running, at_home, waited
from run_programs import program, programs

from retake_flow.locks import is_held

pytestmark = pytest.mark.real

#: Seconds within which a stream is back on air after a kill; wide enough for a machine that does other things too.
BACK_WITHIN = 30.0
NOTICED_WITHIN = 12.0


def replaced(run: str, name: str) -> None:
    """Wait until a program that was killed is there again."""
    begun = time.time()
    waited(lambda: (now := program(run, name)) and now.create_time() > begun - 1.0, name, BACK_WITHIN)


def on_air(running: Running, times: int) -> None:
    """Wait until the run has been on air so often."""
    running.until("state_entered", state="broadcast/pushing/on_air", visit=times)


def rehearsing(home: Home) -> Running:
    """A rehearsed run, on air."""
    running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(home.folder / "rehearsal"))
    on_air(running, 1)
    return running


def hit(running: Running, name: str, number: signal.Signals, word: str = "") -> float:
    """Send a signal to a program of a run; gives the time."""
    victim: psutil.Process = waited(lambda: program(running.run, name, word), name)
    victim.send_signal(number)
    return time.monotonic()


def test_whatever_is_killed_the_stream_is_back(tmp_path: Path) -> None:
    """After kill -9 of each program it is on air again with a fresh key, windows are there again, nothing is left."""
    with at_home(tmp_path) as home:
        running = rehearsing(home)
        for times, (name, word) in enumerate((("ffmpeg", "-progress"), ("Xvfb", ""), ("ffmpeg", "-progress")), start=2):
            killed = hit(running, name, signal.SIGKILL, word)
            on_air(running, times)
            assert time.monotonic() - killed < BACK_WITHIN
        for name in ("openbox", "xterm"):
            hit(running, name, signal.SIGKILL)
            replaced(running.run, name)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        report = next(record for record in running.records if record["event"] == "rehearsal_report")
        assert (report["keys"]["issued"], report["keys"]["used"], report["keys"]["reused"]) == (4, 4, 0)
        assert report["broken_rules"] == []
        told = [r["message"] for r in running.records if r["event"] == "notice" and r["kind"] == "recovered"]
        assert len(told) == 3
        assert programs(running.run) == []


def test_what_hangs_is_replaced_like_what_is_dead(tmp_path: Path) -> None:
    """A program that lives and does not work is noticed within seconds, and nothing of it is left."""
    killed = {"ffmpeg": "-progress", "Xvfb": "", "pulseaudio": ""}
    with at_home(tmp_path) as home:
        running = rehearsing(home)
        for times, (name, word) in enumerate(killed.items(), start=2):
            stopped = hit(running, name, signal.SIGSTOP, word)
            on_air(running, times)
            assert time.monotonic() - stopped < NOTICED_WITHIN + BACK_WITHIN
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        ended = [r["reason"] for r in running.records if r["event"] == "activity_ended" and r["outcome"] == "exited"]
        ended += [r["message"] for r in running.records if r["event"] == "error" and r["kind"] == "exited"]
        for name in killed:
            assert any(reason.startswith(f"{name} has ") for reason in ended), name
        assert programs(running.run) == []


def remove(folder: Path) -> None:
    """Remove a folder while others make files in it: in one step."""
    gone = folder.with_name("gone")
    folder.rename(gone)
    shutil.rmtree(gone)


@pytest.mark.parametrize("short", [True, False])
def test_whatever_folder_is_removed_the_stream_goes_on(tmp_path: Path, short: bool) -> None:
    """The working folder, that of the rehearsal and the whole of /tmp: all is made again, nothing is interrupted."""
    temporary = tmp_path / ("tmp" if short else "a folder whose name PulseAudio does not take")
    temporary.mkdir()
    with at_home(tmp_path / "home", TMPDIR=str(temporary)) as home:
        running = rehearsing(home)
        (work,) = temporary.glob("retake-flow-*")
        rehearsal = home.folder / "rehearsal"
        for folder in (work, temporary):
            remove(folder)
            waited((work / "sound" / "native").exists, "the sound's socket")
            assert is_held(work)
        remove(rehearsal)
        assert [
            r["visit"] for r in running.records if r["event"] == "state_entered" and r["state"].endswith("on_air")
        ] == [1]
        hit(running, "ffmpeg", signal.SIGKILL, "-progress")  # another encoder hears it too
        on_air(running, 2)
        waited(lambda: list((rehearsal / "thumbnails").iterdir()) if rehearsal.exists() else [], "a thumbnail")
        assert home.call("say", running.run, "Still here.", "--screen").code == 0
        assert "Still here." in waited((work / "stream.log").read_text)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        assert not [record for record in running.records if record.get("kind") == "internal"]
        assert not work.exists()
        assert programs(running.run) == []


def test_other_processes_see_how_the_stream_does(tmp_path: Path) -> None:
    """What the encoder sends; and once its process has died, `show` and `watch` count how long it is off the air."""
    with at_home(tmp_path / "home") as home:
        running = rehearsing(home)
        running.until("activity_result", activity="broadcast/pushing/on_air:encoding", outcome="done")
        health = home.call("show", "last", "--json").records[0]["health"]
        assert health["frames"] > 0
        assert health["bitrate"] > 0
        running.kill()
        watching = home.start("watch", running.run)
        told = watching.until("off_air")
        assert told["message"].startswith("off air for ")
        (line,) = [line for line in home.call("show", running.run).out.splitlines() if "off air for" in line]
        assert line.startswith("  stream")
        health = home.call("show", running.run, "--json").records[0]["health"]
        assert not health["on_air"]
        assert health["off_air_seconds"] >= told["seconds"]
        assert home.call("stop", running.run).code == 0
        assert watching.finish() is not None

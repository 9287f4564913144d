"""A rehearsed stream whose programs are killed and stopped: it is back on air, with another key, and leaves nothing."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import psutil
import pytest
from flow_processes import Home, Running, at_home, gone, waited
from run_programs import program

from retake_flow.locks import is_held

pytestmark = pytest.mark.real


def replaced(run: str, victim: psutil.Process, name: str) -> None:
    """Wait until another program is in the place of one that was killed."""
    waited(lambda: program(run, name) not in (None, victim), name)


def on_air(running: Running, times: int) -> None:
    """Wait until the run has been on air so often."""
    running.until("state_entered", state="broadcast/pushing/on_air", visit=times)


def visits(running: Running, state: str) -> int:
    """How often a run has entered a state of its broadcast."""
    entered = [r["state"] for r in running.records if r["event"] == "state_entered"]
    return sum(name.startswith("broadcast/") and name.endswith(f"/{state}") for name in entered)


def rehearsing(home: Home) -> Running:
    """A rehearsed run, on air."""
    running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(home.folder / "rehearsal"))
    on_air(running, 1)
    return running


def hit(running: Running, name: str, number: signal.Signals, word: str = "") -> psutil.Process:
    """Send a signal to a program of a run; gives the program."""
    victim: psutil.Process = waited(lambda: program(running.run, name, word), name)
    victim.send_signal(number)
    return victim


def test_a_stream_recovers_from_each_killed_program(tmp_path: Path) -> None:
    """After kill -9 of each program it is on air again with a fresh key, windows are there again, nothing is left."""
    with at_home(tmp_path) as home:
        running = rehearsing(home)
        for times, (name, word) in enumerate((("ffmpeg", "-progress"), ("Xvfb", ""), ("ffmpeg", "-progress")), start=2):
            hit(running, name, signal.SIGKILL, word)
            on_air(running, times)
        for name in ("openbox", "xterm"):
            replaced(running.run, hit(running, name, signal.SIGKILL), name)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        report = next(record for record in running.records if record["event"] == "rehearsal_report")
        keys = report["keys"]
        assert keys["used"] >= visits(running, "on_air") >= 4
        assert keys["issued"] <= 2 + visits(running, "recovering")  # the answer with one may have been lost
        assert keys["reused"] == 0
        assert report["broken_rules"] == []
        recovered = [r["message"] for r in running.records if r["event"] == "notice" and r["kind"] == "recovered"]
        assert len(recovered) >= 3
        gone(running.run)


def test_hanging_programs_are_replaced_like_dead_ones(tmp_path: Path) -> None:
    """A program that lives and does not work is noticed and replaced, and nothing of it is left."""
    killed = {"ffmpeg": "-progress", "Xvfb": "", "pulseaudio": ""}
    with at_home(tmp_path) as home:
        running = rehearsing(home)
        for times, (name, word) in enumerate(killed.items(), start=2):
            hit(running, name, signal.SIGSTOP, word)
            on_air(running, times)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        ended = [r["reason"] for r in running.records if r["event"] == "activity_ended" and r["outcome"] == "exited"]
        ended += [r["message"] for r in running.records if r["event"] == "error" and r["kind"] == "exited"]
        for name in killed:
            assert any(reason.startswith(f"{name} has ") for reason in ended), name
        gone(running.run)


def remove(folder: Path) -> None:
    """Remove a folder while others make files in it: in one step."""
    removed = folder.with_name("removed")
    folder.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)  # a program may just be writing there


@pytest.mark.parametrize("short", [True, False])
def test_a_stream_goes_on_when_its_folders_are_removed(tmp_path: Path, short: bool) -> None:
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
            waited(lambda: is_held(work), "its lock")
        remove(rehearsal)
        assert [
            r["visit"] for r in running.records if r["event"] == "state_entered" and r["state"].endswith("on_air")
        ] == [1]
        hit(running, "ffmpeg", signal.SIGKILL, "-progress")  # another encoder hears it too
        on_air(running, 2)
        waited(lambda: [*rehearsal.glob("thumbnails/*")], "a thumbnail")
        assert home.call("say", running.run, "Still here.", "--screen").code == 0
        log = work / "stream.log"
        waited(lambda: log.exists() and "Still here." in log.read_text(), "the text on the screen")
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        assert not [record for record in running.records if record.get("kind") == "internal"]
        assert not work.exists()
        gone(running.run)


def test_other_processes_see_how_the_stream_does(tmp_path: Path) -> None:
    """The encoder's figures; and once its process has died, `show` and `watch` count how long it is off the air."""
    with at_home(tmp_path / "home") as home:
        running = rehearsing(home)
        running.until("activity_result", activity="broadcast/pushing/on_air:encoding", outcome="done")
        health = home.call("show", "last", "--json").records[0]["health"]
        assert health["frames"] > 0
        assert health["bitrate"] > 0
        running.kill()
        watching = home.start("watch", running.run)
        off_air = watching.until("off_air")
        assert off_air["message"].startswith("off air for ")
        (line,) = [line for line in home.call("show", running.run).out.splitlines() if "off air for" in line]
        assert line.startswith("  stream")
        health = home.call("show", running.run, "--json").records[0]["health"]
        assert not health["on_air"]
        assert health["off_air_seconds"] >= off_air["seconds"]
        assert home.call("stop", running.run).code == 0
        assert watching.finish() is not None

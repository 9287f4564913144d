"""A person has a text spoken on a live stream, with all the real programs: it is in the recording."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from flow_processes import Home, at_home, gone, waited
from recorded import HEARD, LONGEST_STALL, MOST_STALLS, SILENT, await_more, heard, levels, longest_gap, stalls
from run_programs import programs

pytestmark = pytest.mark.real

ENCODER = "broadcast/pushing:encoder"


def pulseaudio(run: str) -> psutil.Process:
    """The sound of a run."""
    [number] = [program.pid for program in programs(run, "pulseaudio")]
    return psutil.Process(number)


def newest(folder: Path) -> Path:
    """The recording that was begun last."""
    return max(folder.rglob("*.flv"), key=lambda file: file.stat().st_ctime)


def say(home: Home, run: str, text: str, *ways: str) -> list[str]:
    """Have something said; gives how."""
    done = home.call("say", run, text, "--json", *ways)
    assert done.code == 0, done
    return list(done.records[0]["how"])


def test_a_spoken_text_is_heard_and_the_voice_survives_a_kill(tmp_path: Path) -> None:
    """Silent before, heard while it is spoken, silent after, and the picture goes on; the same with a new sound."""
    with at_home(tmp_path / "home") as home:
        folder = tmp_path / "rehearsal"
        running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(folder))
        running.on_air()
        first = newest(folder)
        await_more(first, 3.0)
        assert say(home, running.run, "Good evening, everybody, and welcome to the show.") == ["voice", "screen"]
        assert say(home, running.run, "Written only", "--chat") == ["chat"]
        await_more(first, 2.0)

        pulseaudio(running.run).send_signal(signal.SIGKILL)
        running.until("activity_ready", activity=ENCODER, visit=2)

        waited(lambda: newest(folder) != first, "a second recording")
        second = newest(folder)
        await_more(second, 2.0)
        assert "voice" in say(home, running.run, "And here I am again, after a little silence.")
        await_more(second, 2.0)
        assert home.call("stop", running.run).code == 0
        assert running.finish() == 0
        report = next(record for record in running.records if record["event"] == "rehearsal_report")

    for recording in (first, second):
        begins, ends = heard(recording)
        quiet = [level for at, level in levels(recording) if not begins - 1.1 < at < ends + 1.6]
        assert begins > 1.0
        assert max(quiet) < SILENT < HEARD
        assert ends - begins >= 1.0
        assert longest_gap(recording, "v") < LONGEST_STALL
        assert len(stalls(recording)) <= MOST_STALLS
    assert report["broken_rules"] == []
    assert (report["keys"]["issued"], report["keys"]["used"], report["keys"]["reused"]) == (2, 2, 0)
    said = [record for record in home.journal() if record["event"] == "said"]
    assert [record["how"] for record in said] == [["voice", "screen"], ["chat"], ["voice", "screen"]]
    gone(running.run)
    assert not list((tmp_path / "home").rglob("*pulse*"))


def test_a_run_that_is_over_says_nothing(tmp_path: Path) -> None:
    """A person who has not noticed gets a message at once."""
    with at_home(tmp_path / "home") as home:
        flow = tmp_path / "short.yaml"
        flow.write_text("flow: short\ninitial: a\nevents: [x]\nstates:\n  a: {final: completed}\n")
        assert home.call("run", str(flow)).code == 0
        done = home.call("say", "last", "hello")
        assert (done.code, done.err) == (1, f"not said: {home.row()['id']} has ended: completed in a\n")
        assert home.call("send", "last", "x").code == 1
        assert home.call("send", "last", "y").code == 2

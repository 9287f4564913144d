"""The voice with real programs: PulseAudio, espeak-ng, and an encoder that hears them."""

from __future__ import annotations

import ast
import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from flow_processes import WITHIN
from recorded import LONGEST_STALL, MOST_STALLS, SILENT, heard, levels, longest_gap, stalls
from rtmp_listener import Ingest, listening, seconds_sent
from run_programs import programs

from retake_flow.errors import NotReady, NoVoice, ProcessFailed
from retake_flow.studio import speech
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.sound import monitor
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import WorkFolder

pytestmark = pytest.mark.real


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


@pytest.fixture
def desktop(tmp_path: Path) -> Mapping[str, str]:
    """The environment of somebody who has a sound, a bus and a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        **os.environ,
        "HOME": str(home),
        "DISPLAY": ":1",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/bus",
        "XDG_RUNTIME_DIR": str(home),
        "PULSE_SERVER": f"unix:{home}/native",
        "PULSE_SINK": "speakers",
    }


def voice(folder: Path, program: str) -> list[str]:
    """A program of the operator's that speaks."""
    (folder / "voice.py").write_text(program)
    return [sys.executable, str(folder / "voice.py")]


def test_speech_is_heard_where_it_was_silent_and_the_picture_has_no_gap(
    marker: str, tmp_path: Path, desktop: Mapping[str, str]
) -> None:
    """A text that is spoken while the encoder runs is in its recording, and the desktop's own sound is left alone."""
    stage = Studio(Launcher(marker, desktop), WorkFolder(tmp_path / "studio"))

    async def run() -> float:
        async with listening(marker, tmp_path) as ingest, stage.display("640x360"), stage.sound() as sound:
            assert sound.value["speaks"]
            async with stage.encoder(ingest.push_url):
                await seconds_sent(stage, 3.0)
                health = stage.health()
                assert health is not None
                began = health.seconds
                await stage.speak("Good evening, this is the night owl speaking.")
                await seconds_sent(stage, began + 5.0)
            await ingest.process.wait()
        return began

    began = asyncio.run(run())
    recording = tmp_path / "recording.flv"
    first, last = heard(recording)
    assert began - 0.5 <= first
    assert last - first >= 1.0
    before = [level for at, level in levels(recording) if at < began - 0.5]
    assert before
    assert max(before) < SILENT
    assert longest_gap(recording, "v") < LONGEST_STALL
    assert len(stalls(recording)) <= MOST_STALLS
    assert longest_gap(recording, "a") < 0.1
    assert programs(marker) == []
    assert list((tmp_path / "home").iterdir()) == []


def test_the_encoder_ends_with_the_sound_and_a_new_one_hears_the_new_sound(marker: str, tmp_path: Path) -> None:
    """PulseAudio killed: ffmpeg does not hang, and an encoder that begins meanwhile hears the sound that comes next."""
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with stage.display("640x360"):
            await killed()
            async with listening(marker, tmp_path / "b") as ingest, asyncio.TaskGroup() as group:
                pushing = group.create_task(speaking(ingest))
                async with stage.sound():
                    await pushing

    async def killed() -> None:
        async with (
            listening(marker, tmp_path / "a") as ingest,
            stage.sound() as sound,
            stage.encoder(ingest.push_url) as encoder,
        ):
            await seconds_sent(stage, 1.0)
            assert sound.process is not None
            sound.process.send_signal(signal.SIGKILL)
            async with asyncio.timeout(WITHIN):
                assert "stream.monitor" in await encoder.wait()
                await sound.wait()
            with pytest.raises(NoVoice, match="the sound has died"):
                await stage.speak("hello?")

    async def speaking(ingest: Ingest) -> None:
        async with stage.encoder(ingest.push_url):
            await seconds_sent(stage, 1.0)
            await stage.speak("I am back.")
            await seconds_sent(stage, 4.0)
        await ingest.process.wait()

    for folder in "ab":
        (tmp_path / folder).mkdir()
    asyncio.run(run())
    heard(tmp_path / "b" / "recording.flv")
    assert programs(marker) == []


def test_a_sound_that_hangs_is_given_up_and_an_encoder_waits_for_the_next(marker: str, tmp_path: Path) -> None:
    """A PulseAudio that lives and does not answer is killed after some seconds, as if it had died."""
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with stage.display("320x240"):
            async with stage.sound() as sound:
                assert sound.process is not None
                sound.process.send_signal(signal.SIGSTOP)
                async with asyncio.timeout(WITHIN):
                    assert await sound.wait() == "pulseaudio has not answered for 4 s"
            async with listening(marker, tmp_path) as ingest, asyncio.TaskGroup() as group:
                pushing = group.create_task(pushed(ingest))
                async with stage.sound():
                    await pushing

    async def pushed(ingest: Ingest) -> None:
        async with stage.encoder(ingest.push_url):
            await stage.speak("I am back.")
        await ingest.process.wait()

    asyncio.run(run())
    heard(tmp_path / "recording.flv")
    assert programs(marker) == []


def test_without_pulseaudio_the_sound_is_ready_and_silent(marker: str, tmp_path: Path) -> None:
    """A machine without it streams with a silent track, and refuses to speak with the reason."""
    stage = Studio(Launcher(marker, {"PATH": str(tmp_path)}), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with stage.sound() as sound:
            assert (sound.value["sound"], sound.value["speaks"]) == ("silent", False)
            assert sound.value["reason"].startswith("pulseaudio is not installed")
            with pytest.raises(NoVoice, match="pulseaudio is not installed"):
                await stage.speak("hello")

    asyncio.run(run())


def test_without_pulseaudio_a_stream_has_a_silent_track(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder does not wait for a sound that cannot come, and sends one that nobody hears."""
    monkeypatch.setattr("retake_flow.studio.studio.SOUND_WITHIN", 600.0)
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("Xvfb", "ffmpeg", "setpriv", "xkbcomp", "sh"):
        (path / name).symlink_to(str(shutil.which(name)))
    stage = Studio(Launcher(marker, {**os.environ, "PATH": str(path)}), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with listening(marker, tmp_path) as ingest, stage.display("320x240"), stage.sound() as sound:
            assert sound.value["sound"] == "silent"
            async with asyncio.timeout(WITHIN), stage.encoder(ingest.push_url):
                await seconds_sent(stage, 2.0)
            await ingest.process.wait()

    asyncio.run(run())
    measured = levels(tmp_path / "recording.flv")
    assert measured
    assert max(level for _, level in measured) < SILENT


def test_a_text_is_data_for_a_program_of_the_operators(marker: str, tmp_path: Path) -> None:
    """It comes on standard input, as it is but for control characters, and never into the process list."""
    heard_by = tmp_path / "heard"
    program = f"""
import pathlib, sys
said = sys.stdin.read(), sys.argv[1:], pathlib.Path("/proc/self/cmdline").read_text()
pathlib.Path({str(heard_by)!r}).write_text(repr(said))
"""
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / "studio"), voice(tmp_path, program))
    nasty = "--help; $(reboot) `id` <speak>\x1b]0;x\x07[[h@]]\n{{ 7 * 7 }}\u202e"

    async def run() -> None:
        async with stage.sound():
            await stage.speak(nasty)

    asyncio.run(run())
    said, arguments, cmdline = ast.literal_eval(heard_by.read_text())
    assert said == "--help; $(reboot) `id` <speak>[ [h@]] {{ 7 * 7 }}\n"
    assert arguments == []
    assert "reboot" not in cmdline


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("import time; time.sleep(300)", NotReady, "did not finish within 0.5 s"),
        ("import sys; sys.exit('no model')", ProcessFailed, "no model"),
        (
            "import sys; sys.stdout.write('x' * 5000); sys.stdout.flush(); import time; time.sleep(300)",
            ProcessFailed,
            "more than 1000",
        ),
        ("print('this is no sound')", ProcessFailed, "paplay"),
    ],
)
def test_a_voice_that_fails_is_an_error_and_the_next_text_is_tried(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, error: type[Exception], words: str
) -> None:
    """One that hangs, fails, or writes nonsense or without end: its process is gone, and the next is started."""
    monkeypatch.setattr(speech, "THINKS_WITHIN", 0.5 if "time.sleep" in program and "5000" not in program else WITHIN)
    monkeypatch.setattr(speech, "LARGEST_SOUND", 1000 if "5000" in program else 10**6)
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with stage.sound(voice(tmp_path, program)):
            for _ in range(2):
                with pytest.raises(error, match=words):
                    await stage.speak("hello")
            assert programs(marker) == programs(marker, "pulseaudio")

    asyncio.run(run())


def test_texts_are_spoken_in_turn_and_too_many_are_refused(marker: str, tmp_path: Path) -> None:
    """One at a time, in the order in which they came; one more than may wait is refused."""
    order = tmp_path / "order"
    program = f"""
import sys
text = sys.stdin.read().strip()
with open({str(order)!r}, "a") as file:
    print("<" + text, end="", file=file, flush=True)
    print(">", end="", file=file)
"""
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / "studio"), voice(tmp_path, program))

    async def run() -> list[BaseException | None]:
        async with stage.sound():
            return await asyncio.gather(
                *(stage.speak(str(number)) for number in range(speech.MOST_WAITING + 1)), return_exceptions=True
            )

    *spoken, refused = asyncio.run(run())
    assert spoken == [None] * speech.MOST_WAITING
    assert isinstance(refused, NoVoice)
    assert order.read_text() == "".join(f"<{number}>" for number in range(speech.MOST_WAITING))


@pytest.mark.parametrize(
    "times",
    [
        "PTS+if(gt(T,0.06),28000,0)",
        "PTS*1.002+if(gt(T,0.3),28000,0)",
        "PTS*1.002+if(gt(T,0.3),28000,0)-if(gt(T,2),20000,0)",
    ],
    ids=["a late start", "drift and a gap", "a leap back"],
)
def test_a_sound_whose_times_leap_does_not_end_the_encoder(tmp_path: Path, times: str) -> None:
    """As on a machine with too much to do: what is missing is silence, and ffmpeg goes on."""
    wave = f"sine=r=44100:d=4:samples_per_frame=1024,asetpts='{times}'"
    recording = tmp_path / "leaps.flv"
    filters = monitor("unix:/x", {}).filters
    command = ["ffmpeg", "-v", "error", "-xerror", "-f", "lavfi", "-i", wave, *filters, "-c:a", "aac", str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN)
    assert (done.returncode, done.stderr) == (0, "")
    assert longest_gap(recording, "a", after=0.0) < 0.1

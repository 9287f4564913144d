"""Films, slides, terminals, music and other programs on stream, with the real ones."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest
from flow_processes import WITHIN

from retake_flow.errors import Finished, NotReady
from retake_flow.studio.layout import Placed
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessService
from retake_flow.studio.sound import Sound
from retake_flow.studio.studio import Studio
from retake_flow.studio.windows import arrangement
from retake_flow.studio.work_folder import work_folder
from retake_flow.tasks import end

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("mpv") is None, reason="mpv is not installed"),
]

_SILENT_WAV = """
import sys, wave
with wave.open(sys.stdout.buffer, "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(bytes(2 * 8000 * 120))  # longer than anybody waits for it to be heard
"""
RED, YELLOW, GREEN, BLACK, BLUE = (3, 0, 0), (3, 3, 0), (0, 2, 0), (0, 0, 0), (0, 0, 3)


def make(*command: str) -> None:
    """Make a file with ffmpeg."""
    subprocess.run(("ffmpeg", "-v", "error", "-y", "-f", "lavfi", *command), check=True)


def pixel(stage: Studio, x: int, y: int) -> tuple[int, ...]:
    """The colour of a place on the display, roughly."""
    display = stage.current_display
    grab = ("-f", "x11grab", "-draw_mouse", "0", "-video_size", display.size, "-i", display.name, "-frames:v", "1")
    one = ("-vf", f"crop=2:2:{x}:{y}", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    around = {**os.environ, **display.environment}
    seen = subprocess.run(("ffmpeg", "-v", "error", *grab, *one), capture_output=True, check=True, env=around)
    return tuple(round(part / 80) for part in seen.stdout[:3])


def loudness(sound: Sound) -> float:
    """The mean loudness of half a second of the stream's sound, in dB below the loudest."""
    measured = ("-t", "0.5", "-af", "volumedetect", "-f", "null", "-")
    heard = ("ffmpeg", "-hide_banner", "-nostats", *sound.input.options, *measured)
    around = {**os.environ, **sound.environment}
    said = subprocess.run(heard, capture_output=True, check=True, stdin=subprocess.DEVNULL, env=around).stderr.decode()
    return float(said.partition("mean_volume: ")[2].split()[0])


async def until_louder(sound: Sound, low: float, high: float) -> None:
    """Wait until the sound is between two loudnesses."""
    async with asyncio.timeout(WITHIN):
        while True:
            if low < await asyncio.to_thread(loudness, sound) < high:
                return


async def until_seen(stage: Studio, x: int, y: int, color: tuple[int, ...]) -> None:
    """Wait until a place has a colour."""
    async with asyncio.timeout(WITHIN):
        while True:
            if await asyncio.to_thread(pixel, stage, x, y) == color:
                return


def test_without_a_window_manager_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for without end, and the program is gone."""
    monkeypatch.setattr(arrangement, "WITHIN", 0.5)

    async def scene() -> None:
        with work_folder() as folder:
            stage = Studio(Launcher(f"windows-{os.getpid()}", dict(os.environ)), folder, home=tmp_path)
            async with stage.display("640x360"):
                with pytest.raises(NotReady, match="xterm has no window") as raised:
                    await stage.screen.terminal(["sleep", "100"]).__aenter__()
        assert "studio.window_manager" in raised.value.hint

    asyncio.run(scene())


def ends_with(file: Path, color: tuple[int, ...]) -> bool:
    """Whether the last picture of a recording, of one pixel each, has a colour."""
    return file.exists() and tuple(round(part / 80) for part in file.read_bytes()[-3:]) == color


def test_scenes_change_without_another_colour_between_them(tmp_path: Path) -> None:
    """What only other scenes show is covered, what no scene names is seen below, and the picture is never empty."""
    film = tmp_path / "film.rgb"
    for name in ("red", "green", "blue"):
        make("-i", f"color={name}:size=320x180", "-frames:v", "1", str(tmp_path / f"{name}.png"))

    async def scene() -> None:
        with work_folder() as folder:
            stage = Studio(Launcher(f"windows-{os.getpid()}", dict(os.environ)), folder, home=tmp_path)
            stage.screen.divide({"break": ["red"], "work": ["blue"]})

            def colored(color: str) -> AbstractAsyncContextManager[ProcessService]:
                return stage.screen.slides([f"{color}.png"], every=1, placed=Placed(f"on:{color}"))

            async with (
                stage.display("320x180") as display,
                stage.window_manager(),
                colored("green"),
                colored("red"),
                colored("blue"),
            ):
                await until_seen(stage, 160, 90, GREEN)
                grabbing = ("-f", "x11grab", "-draw_mouse", "0", "-framerate", "60", "-i", display.name)
                shape = ("-vf", "crop=2:2:160:90,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24")
                argv = ("ffmpeg", "-v", "error", *grabbing, *shape, "-flush_packets", "1", str(film))
                recorder = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **display.environment})
                for name, color in (("break", RED), ("work", BLUE), ("break", RED), ("live", GREEN)):
                    await stage.screen.switch(name)
                    async with asyncio.timeout(WITHIN):
                        while not await asyncio.to_thread(ends_with, film, color):
                            pass
                recorder.send_signal(signal.SIGINT)
                await recorder.wait()

    asyncio.run(scene())
    seen = film.read_bytes()
    assert {tuple(round(part / 80) for part in seen[at : at + 3]) for at in range(0, len(seen), 3)} == {
        RED,
        GREEN,
        BLUE,
    }


def test_windows_lie_as_they_are_written_and_music_gives_way_to_speech(tmp_path: Path) -> None:
    """Each in its place, whatever starts first; a film is heard, and one without a loop ends as played."""
    for name in ("red", "yellow"):
        make("-i", f"color={name}:size=320x180", "-frames:v", "1", str(tmp_path / f"{name}.png"))
    make("-i", "color=green:size=64x36:rate=10:duration=1", "-pix_fmt", "yuv420p", str(tmp_path / "film.mp4"))
    make("-i", "sine=frequency=440:duration=5", str(tmp_path / "music.wav"))
    make(*("-i", "testsrc=size=64x36:rate=10:duration=2", "-f", "lavfi", "-i", "sine=frequency=660:duration=2"),
         *("-pix_fmt", "yuv420p", str(tmp_path / "talk.mp4")))  # fmt: skip

    async def scene() -> None:
        voice = (shutil.which("python3") or "python3", "-c", _SILENT_WAV)
        with work_folder() as folder:
            stage = Studio(Launcher(f"windows-{os.getpid()}", dict(os.environ)), folder, voice, tmp_path)
            async with (
                stage.display("640x360"),
                stage.window_manager(),
                stage.sound() as sound,
                AsyncExitStack() as open_,
            ):
                screen = stage.screen
                below, above = Placed("below", "0,0", "320x180"), Placed("above", "160,90", "320x180")
                top, right = Placed("top", "0,0", "80x45", on_top=True), Placed("right", "right")
                for key in ("full", "top", "below", "above", "right"):
                    screen._arrangement.reserve(key)
                for opening in (
                    screen.slides(["yellow.png"], every=1, placed=top),
                    screen.film(["film.mp4"], placed=above),
                    screen.slides(["red.png"], every=1, placed=below),
                ):
                    await open_.enter_async_context(opening)
                await until_seen(stage, 20, 20, YELLOW)
                await until_seen(stage, 130, 60, RED)
                await until_seen(stage, 300, 170, GREEN)
                # One that fills the display comes last, as it does when it comes back.
                await open_.enter_async_context(screen.slides(["yellow.png"], every=1, placed=Placed("full")))
                for x, y, color in ((600, 300, YELLOW), (130, 60, RED), (300, 170, GREEN)):
                    await until_seen(stage, x, y, color)
                terminal = screen.terminal(["sh", "-c", "printf '\\033[41m\\033[2J'; sleep 100"], placed=right)
                shown = await open_.enter_async_context(terminal)
                await until_seen(stage, 500, 300, (3, 0, 0))
                shown.process.send_signal(9)
                assert "killed by signal 9" in await shown.wait()
                once = await open_.enter_async_context(screen.film(["film.mp4"], loop=False, placed=right))
                with pytest.raises(Finished):
                    await once.wait()
                async with screen.film(["talk.mp4"], placed=right):
                    await until_louder(sound, -30, 0)
                await until_louder(sound, -200, -60)
                await open_.enter_async_context(screen.music(["music.wav"], volume=100))
                await until_louder(sound, -30, 0)
                speaking = asyncio.ensure_future(stage.speak("silence"))
                await until_louder(sound, -60, -35)
                await end(speaking)
                await until_louder(sound, -30, 0)

    asyncio.run(scene())

"""The studio on machines that lack something: an error that a retry cannot mend is reported at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from machines import no_fonts, reduced_ffmpeg
from recorded import heard
from rtmp_listener import listening, seconds_sent
from run_programs import programs

from retake_flow.errors import HostError, MissingProgram
from retake_flow.studio.display import open_display
from retake_flow.studio.encoding import capability
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.sound import open_sound
from retake_flow.studio.studio import Studio
from retake_flow.studio.windows.xterm import open_content
from retake_flow.studio.work_folder import WorkFolder

pytestmark = pytest.mark.real

PARTS = {
    "x11grab": "cannot read from x11grab",
    "lavfi": "cannot read from lavfi",
    "libx264": "has no encoder libx264",
    "aac": "has no encoder aac",
    "flv": "cannot write flv",
    "rtmps": "cannot send to rtmp:// and rtmps:// addresses",
    "stats_period": "does not know the option -stats_period",
}


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


async def tried(launcher: Launcher) -> None:
    """Everything that is tried of ffmpeg."""
    await capability.require_capture(launcher)
    await capability.require_sending(launcher, "rtmps")


@pytest.mark.parametrize("part", PARTS)
def test_an_ffmpeg_without_a_part_is_found_before_it_is_needed(marker: str, tmp_path: Path, part: str) -> None:
    """Trying names what is missing, and which ffmpeg it is that lacks it."""
    environment = reduced_ffmpeg(tmp_path, part)
    with pytest.raises(MissingProgram, match=PARTS[part]) as raised:
        asyncio.run(tried(Launcher(marker, environment)))
    assert raised.value.hint.startswith(f"{tmp_path}/ffmpeg comes first in PATH")
    assert programs(marker) == []


def test_a_whole_ffmpeg_passes(marker: str) -> None:
    """Nothing is found where nothing is missing."""
    asyncio.run(tried(Launcher(marker, os.environ)))
    assert programs(marker) == []


@pytest.mark.parametrize("name", ["a blank", 'an owl\'s "nest"', "Eulé-ö日本", "x" * 160, "a;b,c=d $HOME"])
def test_the_sound_is_heard_whatever_the_folder_is_called(marker: str, tmp_path: Path, name: str) -> None:
    """The speech is in the recording: neither clients nor servers stumble over the name of the folder."""
    stage = Studio(Launcher(marker, os.environ), WorkFolder(tmp_path / name))

    async def run() -> None:
        async with listening(marker, tmp_path) as ingest, stage.display("640x360"), stage.sound() as sound:
            assert sound.value["reason"] == ""
            async with stage.encoder(ingest.push_url):
                await stage.speak("Good evening.")
                health = stage.health()
                assert health is not None
                await seconds_sent(stage, health.seconds + 1.0)
            await ingest.process.wait()

    asyncio.run(run())
    first, last = heard(tmp_path / "recording.flv")
    assert last > first
    assert programs(marker) == []


def test_an_ffmpeg_that_cannot_listen_makes_a_silent_stream(marker: str, tmp_path: Path) -> None:
    """The stream goes on without sound: it says why, and offers no voice."""
    launcher = Launcher(marker, reduced_ffmpeg(tmp_path, "pulse"))

    async def run() -> Mapping[str, object]:
        (tmp_path / "studio").mkdir()
        async with open_sound(launcher, lambda: tmp_path / "studio" / "sound") as sound:
            return sound.value

    value = asyncio.run(run())
    assert (value["sound"], value["reason"]) == ("silent", "this ffmpeg cannot read from pulse")
    assert programs(marker) == []


def test_a_machine_without_fonts_shows_no_black_stream(marker: str, tmp_path: Path) -> None:
    """The content window that can write nothing is the operator's to mend, and is found beforehand."""
    launcher = Launcher(marker, {**os.environ, **no_fonts(tmp_path)})

    async def run() -> None:
        async with open_display(launcher, tmp_path, "640x360") as display:
            with pytest.raises(HostError, match="no font is installed"):
                async with open_content(launcher, display, tmp_path / "log"):
                    raise AssertionError("it can write nothing")

    asyncio.run(run())
    with pytest.raises(HostError, match="no font is installed") as raised:
        asyncio.run(capability.require_fonts(launcher))
    assert "apt install fonts-dejavu-core" in raised.value.hint
    assert programs(marker) == []


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("#!/bin/sh\nexec ulimit\n", 0o644, "is not installed"),
        ("#!/bin/sh\necho 'openbox: error while loading shared libraries: libX.so.9: no' >&2; exit 127\n", 0o755,
         "the library libX.so.9 is missing"),
        ("#!/bin/sh\nkill -SYS $$\n", 0o755, "forbidden a system call"),
    ],
)  # fmt: skip
def test_a_program_that_this_machine_cannot_run(
    marker: str, tmp_path: Path, content: str, mode: int, message: str
) -> None:
    """It is there and cannot work, and only the operator can mend that."""
    (tmp_path / "openbox").write_text(content)
    (tmp_path / "openbox").chmod(mode)
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"} if mode == 0o755 else {"PATH": str(tmp_path)}
    stage = Studio(Launcher(marker, environment), WorkFolder(tmp_path / "studio"))

    async def run() -> None:
        async with open_display(Launcher(marker, os.environ), tmp_path, "640x360") as display:
            stage._display = display
            with pytest.raises((HostError, MissingProgram), match=message) as raised:
                async with stage.window_manager():
                    raise AssertionError("it cannot start")
            assert raised.value.fault == "operator"

    asyncio.run(run())
    assert programs(marker) == []


def test_a_limit_of_open_files_is_the_operators(marker: str, tmp_path: Path) -> None:
    """Where no more files may be opened nothing can be started, and trying again does not help."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> None:
        launcher = Launcher(marker, os.environ)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), hard))
        try:
            with pytest.raises(HostError, match="could not be started: Too many open files") as raised:
                await capability.require_fonts(launcher)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert "ulimit -n" in raised.value.hint

    asyncio.run(run())

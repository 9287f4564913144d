"""Displays, windows and screenshots with the real programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from flow_processes import WITHIN, waited
from run_programs import children, programs

from retake_flow.errors import NoDisplay, ProcessFailed
from retake_flow.studio import display as displays
from retake_flow.studio import picture
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessService, ProcessSpec
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import WorkFolder

pytestmark = pytest.mark.real


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


@pytest.fixture(autouse=True)
def numbers(monkeypatch: pytest.MonkeyPatch) -> range:
    """Numbers that displays of other tests do not get, so that a number that is free again stays free."""
    first = 1000 + os.getpid() % 10_000 * 9
    monkeypatch.setattr(displays, "NUMBERS", range(first, first + 9))
    return displays.NUMBERS


@pytest.fixture
def launcher(marker: str) -> Launcher:
    """Starts programs of this test's run."""
    return Launcher(marker, os.environ)


def traces(name: str) -> list[str]:
    """The files of display `:99` and its like that exist."""
    number = name.removeprefix(":")
    files = (Path(f"/tmp/.X{number}-lock"), Path(f"/tmp/.X11-unix/X{number}"))
    claims = Path("/tmp").glob(f".X{number}-retake-flow-*")
    return [str(file) for file in (*files, *claims) if file.exists()]


async def widest_green(launcher: Launcher, file: Path, size: str = "1280x720") -> int:
    """The most pixels in one row of a picture that have about the content window's green."""
    decode = ("ffmpeg", "-v", "error", "-i", str(file), "-f", "rawvideo", "-pix_fmt", "gray")
    pixels = (await launcher.run(ProcessSpec((*decode, "-vf", "format=yuv444p,extractplanes=v", "-")), WITHIN)).stdout
    width, height = (int(side) for side in size.split("x"))
    assert len(pixels) == width * height
    green = pixels.translate(bytes(dot < 80 for dot in range(256)))
    return max(green[row * width : (row + 1) * width].count(1) for row in range(height))


def test_a_display_answers_and_leaves_no_trace(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """An open display has the asked size; once closed, server, lock and socket are gone."""

    async def run() -> None:
        async with displays.open_display(launcher, tmp_path, "640x360") as display:
            number = int(display.name[1:])
            assert number in displays.NUMBERS
            assert displays.is_taken(number)
            spec = ProcessSpec(("xdpyinfo",), environment=display.environment)
            described = await launcher.run(spec, timeout=WITHIN)
            assert b"640x360 pixels" in described.stdout
        assert programs(marker) == []
        assert traces(display.name) == []
        assert not displays.is_taken(number)

    asyncio.run(run())


def test_displays_opened_at_the_same_moment_never_collide(
    launcher: Launcher, marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that all go for the same number each get a display of their own, with their own server behind it."""
    # All believe that every number is free, which is what two runs see that start at the same moment.
    monkeypatch.setattr(displays, "is_taken", lambda number: False)

    async def open_one(opened: asyncio.Barrier) -> tuple[str, int]:
        async with displays.open_display(launcher, tmp_path, "64x64") as display:
            await opened.wait()
            return display.name, display.process.pid

    async def run() -> None:
        opened = asyncio.Barrier(3)
        found = await asyncio.gather(*(open_one(opened) for _ in range(3)))
        assert len({name for name, _ in found}) == 3
        assert len({pid for _, pid in found}) == 3
        assert programs(marker) == []

    asyncio.run(run())


_ELSEWHERE = """
import asyncio, os, sys, tempfile
from pathlib import Path
from retake_flow.studio import display as displays
from retake_flow.studio.processes.launcher import Launcher

async def main():
    folder = Path(tempfile.mkdtemp())
    displays.NUMBERS = range(int(sys.argv[2]), int(sys.argv[3]))
    async with displays.open_display(Launcher(sys.argv[1], os.environ), folder, "64x64") as display:
        print(display.name, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answers = await Launcher(sys.argv[1], os.environ).run(_spec(display), 90)
        print(answers.status, flush=True)
    folder.rmdir()

def _spec(display):
    from retake_flow.studio.processes.process import ProcessSpec
    return ProcessSpec(("xdpyinfo",), environment=display.environment)

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")
def test_a_display_of_another_pid_namespace_is_left_alone(
    launcher: Launcher, marker: str, tmp_path: Path, numbers: range
) -> None:
    """Two containers that share /tmp: neither takes the other's number, nor removes its lock and socket."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", _ELSEWHERE, marker]
    command += [str(numbers.start), str(numbers.stop)]

    async def here(other: subprocess.Popen[str]) -> str:
        async with displays.open_display(launcher, tmp_path, "64x64") as display:
            assert other.stdout is not None
            theirs = other.stdout.readline().rstrip("\n")  # also while both start
            assert theirs != display.name
            return theirs

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        theirs = asyncio.run(here(other))
        number = int(theirs[1:])
        assert displays.is_taken(number)
        displays._remove_leftovers(number)
        displays.remove_remains()
        assert len(traces(theirs)) == 3
        said, _ = other.communicate("go on\n", timeout=WITHIN)
        assert said == "0\n"
    assert traces(theirs) == []


def test_a_killed_display_is_noticed_and_cleaned_up(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """After kill -9 of the server its end is reported, and neither lock nor socket stays."""

    async def run() -> None:
        async with displays.open_display(launcher, tmp_path, "1280x720") as display:
            os.kill(display.process.pid, signal.SIGKILL)
            assert await display.wait() == "Xvfb was killed by signal 9"
        assert traces(display.name) == []
        assert programs(marker) == []

    asyncio.run(run())


def test_a_server_that_cannot_start_is_a_failure_and_not_a_taken_number(marker: str, tmp_path: Path) -> None:
    """An error of the server itself ends the search at once, with the server's own words."""
    broken = tmp_path / "Xvfb"
    broken.write_text("#!/bin/sh\necho no memory >&2; exit 1\n")
    broken.chmod(0o755)

    async def run() -> None:
        with pytest.raises(ProcessFailed, match="Xvfb ended with status 1 before it was ready; its last lines: no mem"):
            async with displays.open_display(
                Launcher(marker, {"PATH": f"{tmp_path}:/usr/bin:/bin"}), tmp_path, "64x64"
            ):
                raise AssertionError("there is no such display")
        assert programs(marker) == []

    asyncio.run(run())


def test_a_pipe_put_in_place_of_the_lock_as_the_server_starts_costs_only_the_number(
    marker: str, tmp_path: Path, numbers: range
) -> None:
    """A server that hangs in it is given up at once, and the next number is taken."""
    lock = Path(f"/tmp/.X{numbers.start}-lock")
    late = tmp_path / "Xvfb"
    late.write_text(f'#!/bin/sh\n[ "$1" = ":{numbers.start}" ] && mkfifo {lock}\nexec {shutil.which("Xvfb")} "$@"\n')
    late.chmod(0o755)

    async def run() -> None:
        launcher = Launcher(marker, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        async with displays.open_display(launcher, tmp_path, "64x64") as display:
            assert lock.is_fifo()
            assert int(display.name[1:]) in numbers[1:]
            assert not Path(f"/tmp/.tX{numbers.start}-lock").exists()

    try:
        asyncio.run(run())
    finally:
        lock.unlink(missing_ok=True)
    assert programs(marker) == []


def test_the_content_window_follows_a_log_that_was_removed(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """The window shows the new log, and pictures are taken as before."""
    wide = "#" * 100

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path / "work"))
        async with stage.display("1280x720"), stage.window_manager(), stage.content():
            stage.say("before")
            shutil.rmtree(stage.folder.path)
            stage.say(wide)
            async with asyncio.timeout(2 * WITHIN):
                while await widest_green(launcher, (await stage.screenshot(500_000)).path) <= 200:
                    pass
        assert programs(marker) == []

    asyncio.run(run())


def test_the_content_window_shows_the_newest_line(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """The newest line is inside the picture: one from before the window opened, and one after many others."""
    wide = "#" * 100

    async def until_wide_line(stage: Studio, shown: bool) -> None:
        while True:
            if (await widest_green(launcher, (await stage.screenshot(500_000)).path) > 200) == shown:
                return
            await asyncio.sleep(0.05)

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path / "100% $a"))
        async with stage.display("1280x720") as display, stage.window_manager() as manager:
            assert manager.value == {"display": display.name}
            stage.say(wide)
            async with stage.content() as content, asyncio.timeout(2 * WITHIN):
                assert content.value["log"] == str(stage.log.path)
                await until_wide_line(stage, shown=True)
                for number in range(60):
                    stage.say(f"line {number}")
                await until_wide_line(stage, shown=False)
                stage.say(wide)
                await until_wide_line(stage, shown=True)
        assert programs(marker) == []

    asyncio.run(run())


def test_a_killed_content_window_leaves_no_tail(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """After kill -9 of xterm nothing goes on reading the stream log."""

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path))
        async with stage.display("320x240"):
            async with stage.content() as content:
                waited(lambda: children(content.process.pid, "tail"))
                os.kill(content.process.pid, signal.SIGKILL)
                assert await content.wait() == "xterm was killed by signal 9"
            assert programs(marker) == programs(marker, "Xvfb")
        assert programs(marker) == []

    asyncio.run(run())


def test_windows_end_with_their_display(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """When the display dies, window manager and content window end by themselves and say so."""

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path))
        async with stage.display("1280x720") as display, stage.window_manager() as manager, stage.content() as content:
            os.kill(display.process.pid, signal.SIGKILL)
            async with asyncio.timeout(WITHIN):
                assert (await manager.wait()).startswith("openbox ended with status 1")
                assert (await content.wait()).startswith("xterm ended with status")
        assert programs(marker) == []

    asyncio.run(run())


def test_windows_that_are_started_beside_each_other_are_both_there(
    launcher: Launcher, marker: str, tmp_path: Path
) -> None:
    """In either order, neither keeps the other from being ready, again and again."""

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path))

        async def opened(window: AbstractAsyncContextManager[ProcessService], both: asyncio.Barrier) -> None:
            async with window:
                await both.wait()

        for number in range(6):
            async with stage.display("1280x720"), asyncio.timeout(2 * WITHIN), asyncio.TaskGroup() as group:
                both = asyncio.Barrier(2)
                windows = [stage.window_manager(), stage.content()]
                for window in windows if number % 2 else reversed(windows):
                    group.create_task(opened(window, both))
        assert programs(marker) == []

    asyncio.run(run())


def test_a_screenshot_has_the_size_of_the_display(launcher: Launcher, marker: str, tmp_path: Path) -> None:
    """It is a JPEG of the whole display, and the folder holds nothing but the picture."""
    work = tmp_path / "work"
    work.mkdir()

    async def run() -> None:
        async with displays.open_display(launcher, work, "320x240") as display:
            shot = await picture.take_screenshot(launcher, display, tmp_path, 500_000)
        assert shot.path == tmp_path / "screenshot.jpg"
        assert shot.path.read_bytes()[:2] == b"\xff\xd8"
        assert await widest_green(launcher, shot.path, "320x240") == 0
        assert sorted(tmp_path.iterdir()) == [shot.path, work]
        assert list(work.iterdir()) == []

    asyncio.run(run())


def test_a_bare_display_is_black_and_one_with_a_line_of_text_is_not(launcher: Launcher, tmp_path: Path) -> None:
    """The screenshot and a look say the same of it; a look at what does not change sees the same."""

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path))
        async with stage.display("1280x720"):
            assert (await stage.screenshot(500_000)).black
            bare = await stage.picture()
            assert bare.black
            assert await stage.picture() == bare
            stage.say("hello")
            async with stage.content(), asyncio.timeout(2 * WITHIN):
                while True:
                    if not (await stage.picture()).black:
                        break
                    await asyncio.sleep(0.05)
                assert not (await stage.screenshot(500_000)).black

    asyncio.run(run())


@pytest.mark.parametrize("limit", [500_000, 100_000, 20_000])
def test_a_picture_fits_its_limit(launcher: Launcher, tmp_path: Path, limit: int) -> None:
    """Even noise is made as small as it has to be, and not much smaller; it is still a picture."""

    async def run() -> None:
        noise = tmp_path / "noise.jpg"
        made = await launcher.run(noisy(noise), timeout=WITHIN)
        assert made.status == 0
        assert noise.stat().st_size > 500_000
        small = await picture.within(launcher, noise, limit)
        assert limit / 8 < small.stat().st_size <= limit
        assert not (await picture.capture(launcher, picture.of_file(small))).black

    asyncio.run(run())


def test_a_picture_that_fits_is_left_as_it_is(launcher: Launcher, tmp_path: Path) -> None:
    """Nothing is lost where nothing has to be."""

    async def run() -> None:
        noise = tmp_path / "noise.jpg"
        await launcher.run(noisy(noise), timeout=WITHIN)
        assert await picture.within(launcher, noise, 50_000_000) == noise
        with pytest.raises(ProcessFailed, match="no picture of at most 10 bytes"):
            await picture.within(launcher, noise, 10)

    asyncio.run(run())


def noisy(file: Path) -> ProcessSpec:
    """Makes a picture that is hard to make small."""
    source = "nullsrc=s=1280x720,geq=random(1)*255:128:128"
    return ProcessSpec(
        ("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "1", "-q:v", "2", "-y", str(file))
    )


def test_without_its_display_a_screenshot_fails_cleanly(launcher: Launcher, tmp_path: Path) -> None:
    """A screenshot of a dead display says which display and what scrot said; no file stays."""

    async def run() -> None:
        stage = Studio(launcher, WorkFolder(tmp_path))
        async with stage.display("64x64") as display:
            os.kill(display.process.pid, signal.SIGKILL)
            await display.wait()
            with pytest.raises(ProcessFailed, match=f"no screenshot of display {display.name} was taken: scrot ended"):
                await stage.screenshot(500_000)
        with pytest.raises(NoDisplay):
            await stage.screenshot(500_000)
        assert {file.name for file in tmp_path.iterdir()} == {"stream.log", "process"}

    asyncio.run(run())

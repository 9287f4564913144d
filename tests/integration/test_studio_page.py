"""Pages on stream, with the real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from run_programs import lives, living

from retake_flow.errors import NotReady, StudioError
from retake_flow.studio.browser.page import Page
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.sound import Sound
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import work_folder

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]

_TONE = "o = new OscillatorNode(a = new AudioContext()); o.connect(a.destination); o.start()"
_PAGE = """<!doctype html><title>{color}</title><body style="margin: 0; background: {color}; color: {color}">
<p id=said></p><script>function update(state) {{ said.textContent = state.text }}; {script}</script>"""
GREEN, BLUE = "#008000", "#0000c0"
_FETCH = "fetch({!r}, {{mode: 'no-cors'}}).then(() => 'sent', () => 'refused')"
_SOCKET = "new Promise(done => {{const w = new WebSocket({!r}); w.onopen = w.onerror = event => done(event.type)}})"
_WORKER = (
    "new Promise(done => {{new Worker('data:text/javascript,' + encodeURIComponent(`fetch({!r}, {{mode: 'no-cors'}})"
    ".then(() => postMessage('sent'), () => postMessage('refused'))`)).onmessage = event => done(event.data)}})"
)
_FRAME = (
    "new Promise(done => {{const f = document.createElement('iframe'); f.src = {!r}; document.body.append(f);"
    "setTimeout(() => {{let seen; try {{seen = f.contentDocument.body.innerText}} catch {{seen = 'other'}};"
    "done(seen)}}, 500)}})"
)


def write_page(folder: Path, color: str, script: str = "") -> Path:
    """A folder with a page of one colour."""
    folder.mkdir()
    (folder / "index.html").write_text(_PAGE.format(color=color, script=script), encoding="utf-8")
    return folder


@asynccontextmanager
async def studio(home: Path) -> AsyncIterator[tuple[Studio, Sound]]:
    """A studio with a display, its window manager and its sound."""
    with work_folder() as folder:
        stage = Studio(Launcher(f"page-{os.getpid()}", dict(os.environ)), folder, home=home)
        async with stage.display("640x360"), stage.window_manager(), stage.sound() as sound:
            yield stage, sound


async def until(holds: Callable[[], Awaitable[Any]], within: float = 60.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(within):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def says(page: Page, text: str) -> bool:
    """Whether the page shows a text; a page that does not answer does not."""
    try:
        return bool(await page.evaluate("said.textContent", 0.5) == text)
    except StudioError:
        return False


def browser(page: Page) -> list[psutil.Process]:
    """Chromium with all its processes."""
    found = [psutil.Process(page.pid), *psutil.Process(page.pid).children(recursive=True)]
    return list(filter(lives, found))


def renderers(page: Page) -> list[psutil.Process]:
    """The renderers of a page."""
    return living(browser(page), lambda one: "--type=renderer" in one.cmdline())


def loudness(sound: Sound) -> float:
    """The mean loudness of the stream's sound, in dB below the loudest."""
    heard = (
        "ffmpeg",
        "-hide_banner",
        "-nostats",
        *sound.input.options,
        "-t",
        "1",
        "-af",
        "volumedetect",
        "-f",
        "null",
        "-",
    )
    around = {**os.environ, **sound.environment}
    said = subprocess.run(heard, capture_output=True, check=True, stdin=subprocess.DEVNULL, env=around).stderr.decode()
    return float(said.partition("mean_volume: ")[2].split()[0])


@asynccontextmanager
async def recorded(stage: Studio, file: Path) -> AsyncIterator[None]:
    """While this lasts, the display is recorded."""
    display = stage.current_display
    grab = ("-draw_mouse", "0", "-f", "x11grab", "-framerate", "30", "-video_size", display.size, "-i", display.name)
    command = (
        "ffmpeg",
        "-v",
        "error",
        "-y",
        *grab,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-qp",
        "10",
        "-flush_packets",
        "1",
        str(file),
    )
    around = {**os.environ, **display.environment}
    recorder = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, env=around)
    try:
        await until(lambda: _has_content(file))
        yield
    finally:
        recorder.send_signal(2)
        await recorder.wait()


async def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def colors(recording: Path) -> list[tuple[int, ...]]:
    """The colours of a place of the picture, one after the other; coding changes them a little."""
    small = ("-vf", "crop=100:100:500:200,scale=1:1:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    raw = subprocess.run(
        ("ffmpeg", "-v", "error", "-i", str(recording), *small), capture_output=True, check=True
    ).stdout
    seen: list[tuple[int, ...]] = []
    for at in range(0, len(raw), 3):
        color = tuple(round(part / 64) for part in raw[at : at + 3])
        if not seen or seen[-1] != color:
            seen.append(color)
    return seen


def test_a_page_is_shown_heard_changed_and_comes_back_whatever_happens_to_it(tmp_path: Path) -> None:
    """Its confinement, its sound, other pages and browsers without a third colour, and its failures."""
    write_page(tmp_path / "green", GREEN, _TONE)
    write_page(tmp_path / "blue", BLUE)
    notes: list[str] = []

    async def scene() -> list[psutil.Process]:
        async with studio(tmp_path) as (stage, sound), AsyncExitStack() as recording:
            await recording.enter_async_context(recorded(stage, tmp_path / "pages.mkv"))
            note = lambda event, **_: notes.append(event)  # noqa: E731
            opening = stage.screen.page(tmp_path / "green", (), {"text": "first"}, note=note)
            async with opening as page:
                ended = asyncio.ensure_future(page.wait())
                await until(lambda: says(page, "first"))
                others = ["127.0.0.1:9"], ["127.0.0.1:9", "127.0.0.1:10"]  # a browser of its own for each
                for folder, hosts in zip(("blue", "green") * 2, ((), (), *others), strict=True):
                    await page.show(tmp_path / folder, hosts)
                    await asyncio.sleep(0.3)  # some frames of each
                await recording.aclose()
                assert await page.evaluate("`${innerWidth}x${innerHeight} ${isSecureContext}`") == "640x360 true"
                processes = browser(page)
                assert not [each for each in processes for found in each.net_connections() if found.status == "LISTEN"]
                for each in renderers(page):
                    assert "Seccomp:\t2" in Path(f"/proc/{each.pid}/status").read_text()
                assert {each.uids().real == 0 for each in processes} == {False} or os.getuid() != 0
                assert loudness(sound) > -20
                await page.update({"text": "second"})
                await until(lambda: says(page, "second"))
                for each in renderers(page):
                    each.kill()
                await until(lambda: _counts(notes, 1))
                await until(lambda: says(page, "second"))
                with suppress(NotReady):
                    await page.evaluate("for (;;);", 0.1)
                await until(lambda: _counts(notes, 2))
                await until(lambda: says(page, "second"))
                os.kill(page.pid, signal.SIGKILL)
                assert "killed by signal 9" in await ended
                await until(lambda: _is_empty(stage))
            return processes

    processes = asyncio.run(scene())
    green, blue = (0, 2, 0), (0, 0, 3)
    seen = colors(tmp_path / "pages.mkv")
    dark = (0, 0, 0)  # the display's own, until the page is painted
    assert seen == [dark, green, blue, green, blue, green]
    assert not list(filter(lives, processes))


async def _is_empty(stage: Studio) -> bool:
    """Whether the display shows its own colour, which counts as a black picture without being one."""
    seen = await stage.picture()
    return seen.black and seen.brightness > 0.05


async def _counts(notes: list[str], number: int) -> bool:
    return notes.count("page_replaced") == number


def test_a_page_reaches_its_folder_and_the_hosts_that_it_may(tmp_path: Path) -> None:
    """Neither files nor other ports, by no kind of request; what asks people for something is answered for them."""
    write_page(tmp_path / "page", GREEN)
    (tmp_path / "page" / "out.txt").symlink_to("/etc/hostname")
    refused: list[str] = []
    reached: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("sockname")[1])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    def note(event: str, **fields: str) -> None:
        refused.append(fields.get("url", event))

    async def scene() -> tuple[int, int]:
        mine, other = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(2)]
        ports = [each.sockets[0].getsockname()[1] for each in (mine, other)]
        allowed, forbidden = (f"127.0.0.1:{port}" for port in ports)
        async with (
            mine,
            other,
            studio(tmp_path) as (stage, _),
            stage.screen.page(tmp_path / "page", [allowed], note=note) as page,
        ):
            tries = {
                _FETCH.format(f"http://{allowed}/"): "sent",
                _WORKER.format(f"http://{allowed}/"): "sent",
                _FETCH.format(f"http://{forbidden}/"): "refused",
                _FETCH.format(f"http://localhost:{ports[0]}/"): "refused",
                _WORKER.format(f"http://{forbidden}/"): "refused",
                _SOCKET.format(f"ws://{forbidden}/"): "error",
                _FRAME.format(f"http://{forbidden}/"): "",
                _FETCH.format("file:///etc/hostname"): "refused",
                _FRAME.format("file:///etc/hostname"): "",
                "fetch('/out.txt').then(answer => answer.status)": 404,
                "fetch('/%2e%2e/%2e%2e/etc/hostname').then(answer => answer.status)": 404,
                "confirm('really?')": False,
                "String(window.open('/'))": "null",
                "Notification.requestPermission()": "denied",
                f"navigator.sendBeacon('http://{forbidden}/', 'x')": True,
                f"(location.href = 'http://{forbidden}/', 'asked')": "asked",
            }
            found = {expression: await page.evaluate(expression) for expression in tries}
            assert found == tries
            assert await page.evaluate("location.href") == "https://stage.invalid/"
            before, waiting = page.pid, asyncio.ensure_future(page.wait())
            await page.show(tmp_path / "page", [allowed, forbidden])  # the browser of now cannot
            assert await page.evaluate(_FETCH.format(f"http://{forbidden}/")) == "sent"
            assert (page.pid != before, psutil.pid_exists(before), waiting.done()) == (True, False, False)
            waiting.cancel()
        return ports[0], ports[1]

    allowed, forbidden = asyncio.run(scene())
    assert (set(reached[:-1]), reached[-1]) == ({allowed}, forbidden)
    assert {f"http://127.0.0.1:{forbidden}/", "https://stage.invalid/out.txt"} <= set(refused)


_RUNNER = """
import asyncio, os, sys
from pathlib import Path
from test_studio_page import studio
async def main():
    async with studio(Path(sys.argv[1])) as (stage, _), stage.screen.page(Path(sys.argv[1]) / "page") as page:
        print(page.pid, flush=True)
        await page.wait()
asyncio.run(main())
"""


def test_a_browser_ends_with_a_killed_runner(tmp_path: Path) -> None:
    """Its processes have another user and bear no mark, and none of them stays."""
    write_page(tmp_path / "page", GREEN)
    paths = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    command = [sys.executable, "-c", _RUNNER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        runner.kill()
    gone, alive = psutil.wait_procs(processes, timeout=30)
    assert len(gone) > 5
    assert list(filter(lives, alive)) == []

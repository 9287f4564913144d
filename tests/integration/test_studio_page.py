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
from flow_processes import WITHIN, waited
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
#: Of a recording; the dark is the display's own, until a page is painted.
SEEN = {"green": (0, 2, 0), "blue": (0, 0, 3)}
DARK = (0, 0, 0)
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


async def until(holds: Callable[[], Awaitable[Any]], within: float = WITHIN) -> None:
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


def listens(process: psutil.Process) -> bool:
    """Whether a process listens on a port."""
    return any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections())


def is_confined(process: psutil.Process) -> bool:
    """Whether a filter of system calls holds for a process, or it has ended."""
    try:
        return "Seccomp:\t2" in Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return True


async def is_loud(sound: Sound) -> bool:
    """Whether a second of the stream's sound is loud."""
    return await asyncio.to_thread(loudness, sound) > -20


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
    """While this lasts, a place of the display is recorded: its colour, 30 times a second."""
    display = stage.current_display
    grab = ("-draw_mouse", "0", "-f", "x11grab", "-framerate", "30", "-video_size", display.size, "-i", display.name)
    small = ("-vf", "crop=100:100:500:200,scale=1:1:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo")
    command = ("ffmpeg", "-v", "error", "-y", *grab, *small, "-flush_packets", "1", str(file))
    around = {**os.environ, **display.environment}
    recorder = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, env=around)
    try:
        await until(lambda: _shows(file, DARK))
        yield
    finally:
        recorder.send_signal(2)
        await recorder.wait()


async def _shows(recording: Path, color: tuple[int, ...]) -> bool:
    return recording.exists() and colors(recording)[-1:] == [color]


def colors(recording: Path) -> list[tuple[int, ...]]:
    """The colours of a recording, one after the other; rounding leaves alone what scaling changes a little."""
    raw = recording.read_bytes()
    seen: list[tuple[int, ...]] = []
    for at in range(0, len(raw) - 2, 3):
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
            film = tmp_path / "pages.rgb"
            await recording.enter_async_context(recorded(stage, film))
            note = lambda event, **_: notes.append(event)  # noqa: E731
            opening = stage.screen.page(tmp_path / "green", (), {"text": "first"}, note=note)
            async with opening as page:
                ended = asyncio.ensure_future(page.wait())
                await until(lambda: says(page, "first"))
                await until(lambda: _shows(film, SEEN["green"]))
                others = ["127.0.0.1:9"], ["127.0.0.1:9", "127.0.0.1:10"]  # a browser of its own for each
                for folder, hosts in zip(("blue", "green") * 2, ((), (), *others), strict=True):
                    await page.show(tmp_path / folder, hosts)
                    await until(lambda color=SEEN[folder]: _shows(film, color))  # type: ignore[misc]
                await recording.aclose()
                size = await page.evaluate("`${innerWidth}x${innerHeight} ${isSecureContext}`", WITHIN)
                assert size == "640x360 true"
                processes = browser(page)
                assert living(processes, listens) == []
                assert living(renderers(page), lambda one: not is_confined(one)) == []
                assert os.getuid() != 0 or living(processes, lambda one: one.uids().real == 0) == []
                await until(lambda: is_loud(sound))
                await page.update({"text": "second"})
                await until(lambda: says(page, "second"))
                before = notes.count("page_replaced")
                for each in renderers(page):
                    with suppress(psutil.NoSuchProcess):
                        each.kill()
                await until(lambda: _is_replaced(notes, before))
                await until(lambda: says(page, "second"))
                before = notes.count("page_replaced")
                with suppress(NotReady):
                    await page.evaluate("for (;;);", 0.1)
                await until(lambda: _is_replaced(notes, before))
                await until(lambda: says(page, "second"))
                os.kill(page.pid, signal.SIGKILL)
                assert "killed by signal 9" in await ended
                await until(lambda: _is_empty(stage))
            return processes

    processes = asyncio.run(scene())
    green, blue = SEEN["green"], SEEN["blue"]
    assert colors(tmp_path / "pages.rgb") == [DARK, green, blue, green, blue, green]
    waited(lambda: not list(filter(lives, processes)))


async def _is_empty(stage: Studio) -> bool:
    """Whether the display shows its own colour, which counts as a black picture without being one."""
    seen = await stage.picture()
    return seen.black and seen.brightness > 0.05


async def _is_replaced(notes: list[str], before: int) -> bool:
    return notes.count("page_replaced") > before


def test_a_page_reaches_its_folder_and_the_hosts_that_it_may(tmp_path: Path) -> None:
    """Neither files nor other ports, by no kind of request; questions to people are answered for them."""
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
            found = {expression: await page.evaluate(expression, WITHIN) for expression in tries}
            assert found == tries
            assert await page.evaluate("location.href", WITHIN) == "https://stage.invalid/"
            before, waiting = page.pid, asyncio.ensure_future(page.wait())
            await page.show(tmp_path / "page", [allowed, forbidden])  # the browser of now cannot
            assert await page.evaluate(_FETCH.format(f"http://{forbidden}/"), WITHIN) == "sent"
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
        assert len(processes) > 5
        runner.kill()
    waited(lambda: not list(filter(lives, processes)))

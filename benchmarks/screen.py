"""Screen: what the stage and the log cost on stream, what changes in the picture, and how soon something is painted.

Each kind is shown and encoded at 30 frames a second with the guide's settings for some seconds. CPU is that of all its
programs, in percent of one core; the baseline is the guide's xterm, measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from retake_flow.run.records import record
from retake_flow.stage import PAGE
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import work_folder

_WORDS = "Listen to that: the hum is gone. Next we turn this little core until the needle is at its highest."


@dataclass(frozen=True)
class Figures:
    """What one kind costs.

    Attributes:
        shows: What shows it, in percent of a core: Chromium or xterm.
        xvfb: The display.
        ffmpeg: The encoder.
        differing: Frames that differ from the one before, a second.
        paint: Seconds until something of it was painted; None for the log.
    """

    kind: str
    size: str
    shows: float
    xvfb: float
    ffmpeg: float
    differing: float
    paint: float | None

    @property
    def total(self) -> float:
        """All programs together."""
        return self.shows + self.xvfb + self.ffmpeg


def busy_feed(scene: str) -> Callable[[float], dict[str, Any]]:
    """A stream on which somebody writes every two seconds, and which speaks or not."""
    feed, numbers = Feed("Night Owl", Pictures(PAGE)), count()
    feed.begin({"title": "Rebuilding a radio, one capacitor at a time", "ticker": "Next: the second IF stage"})

    def state(now: float) -> dict[str, Any]:
        number = next(numbers)
        feed.on_record(record("action_finished", now, result={"is_live": True, "viewers": 100 + number}))
        if number % 2:
            about = {"id": str(number), "author": f"viewer {number % 7}", "kind": "message"}
            feed.on_record(record("chat_message", now, **about, text=f"message number {number}"))
        if number % 8 == 0:
            feed.on_record(record("said", now, how=["screen"], text=f"step {number}: measured, and all is well"))
            feed.speaks(_WORDS if scene == "speaking" else "", now)
        return {**feed.state(now), **({"scene": "brb"} if scene == "brb" else {})}

    return state


@asynccontextmanager
async def showing(stage: Studio, kind: str) -> AsyncIterator[tuple[int, float | None]]:
    """Show one kind; gives the process and the seconds until it was painted."""
    if kind == "log":
        async with stage.content() as window:
            writing = asyncio.create_task(_write(stage))
            yield window.process.pid, None
            writing.cancel()
        return
    began = time.monotonic()
    async with stage.screen.page(PAGE) as page:
        painted = time.monotonic() - began
        feeding = asyncio.create_task(_feed(page, busy_feed(kind)))
        watching = asyncio.create_task(page.wait())
        yield page.pid, painted
        feeding.cancel()
        watching.cancel()


async def _write(stage: Studio) -> None:
    for number in count():
        stage.say(f"viewer {number % 7}: message number {number}")
        await asyncio.sleep(2.0)


async def _feed(page: Any, state: Callable[[float], dict[str, Any]]) -> None:
    while True:
        await page.update(state(time.time()))
        await asyncio.sleep(1.0)


async def measure(kind: str, size: str, seconds: float, folder: Path) -> Figures:
    """The figures of one kind."""
    with work_folder() as work:
        stage = Studio(Launcher(f"bench-{os.getpid()}", dict(os.environ)), work, home=folder)
        async with stage.display(size) as display, stage.window_manager(), showing(stage, kind) as (pid, paint):
            recording = folder / f"{kind}.flv"
            around = {**os.environ, **display.environment}
            encoder = await asyncio.create_subprocess_exec(*_ffmpeg(display, recording, seconds + 3.0), env=around)
            await asyncio.sleep(2.0)
            groups = (_family(pid), [psutil.Process(display.process.pid)], [psutil.Process(encoder.pid)])
            before, began = [_spent(group) for group in groups], time.monotonic()
            await asyncio.sleep(seconds)
            lasted = time.monotonic() - began
            used = [100 * (_spent(group) - spent) / lasted for group, spent in zip(groups, before, strict=True)]
            await encoder.wait()
    return Figures(
        kind, size, *(round(each, 1) for each in used), _differing(recording, seconds + 3.0), paint and round(paint, 2)
    )


def _ffmpeg(display: Any, recording: Path, seconds: float) -> list[str]:
    grab = f"-f x11grab -draw_mouse 0 -video_size {display.size} -framerate 30 -i {display.name}"
    silence = "-f lavfi -i anullsrc=channel_layout=stereo:sample_rate=44100"
    coded = "-c:v libx264 -preset veryfast -tune zerolatency -b:v 1500k -maxrate 1500k -bufsize 3000k"
    written = f"-pix_fmt yuv420p -g 60 -c:a aac -b:a 128k -t {seconds} {recording}"
    return f"ffmpeg -v error -y -nostdin {grab} {silence} {coded} {written}".split()


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _spent(group: list[psutil.Process]) -> float:
    spent = 0.0
    for each in group:
        with suppress(psutil.Error):  # it has ended
            spent += sum(each.cpu_times()[:2])
    return spent


def _differing(recording: Path, seconds: float) -> float:
    command = ["ffmpeg", "-v", "error", "-i", str(recording), "-an", "-vf", "mpdecimate", "-f", "framemd5", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    frames = [line.split(",")[2] for line in said.splitlines() if not line.startswith("#")]
    return round(len(frames) / seconds, 1)


def main() -> None:
    """Measure all kinds, and print a table and a JSON line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="two kinds, for three seconds")
    options.add_argument("--seconds", type=float, default=20.0)
    given = options.parse_args()
    kinds = [("log", "1280x720"), ("live", "1280x720")]
    if not given.quick:
        kinds += [("speaking", "1280x720"), ("brb", "1280x720"), ("live", "1920x1080"), ("live", "720x1280")]
    kinds = kinds if shutil.which("chromium") else kinds[:1]
    with tempfile.TemporaryDirectory() as folder:
        found = [
            asyncio.run(measure(kind, size, 3.0 if given.quick else given.seconds, Path(folder)))
            for kind, size in kinds
        ]
    columns = (("shows", 8), ("Xvfb", 7), ("ffmpeg", 8), ("total", 8), ("x log", 7), ("differ/s", 10), ("paint", 8))
    print(f"{'kind':10}{'size':>10}" + "".join(f"{name:>{width}}" for name, width in columns))
    for each in found:
        ratio = each.total / max(0.1, found[0].total)
        paint = f"{each.paint:.2f} s" if each.paint else "-"
        print(
            f"{each.kind:10}{each.size:>10}{each.shows:>7.1f}%{each.xvfb:>6.1f}%{each.ffmpeg:>7.1f}%{each.total:>7.1f}%"
            f"{ratio:>7.2f}{each.differing:>10.1f}{paint:>8}"
        )
    figures = [{**asdict(each), "total": round(each.total, 1)} for each in found]
    print(json.dumps({"benchmark": "screen", "load": round(os.getloadavg()[0], 1), "kinds": figures}))


if __name__ == "__main__":
    main()

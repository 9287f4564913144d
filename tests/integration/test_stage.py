"""The stage, in the real Chromium: in all sizes and scenes, on a live stream, from outside, and after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from flow_processes import WITHIN, at_home, gone, waited
from recorded import LONGEST_STALL, MOST_STALLS, await_more, longest_gap, stalls
from run_programs import living

from retake_flow.run.records import record
from retake_flow.stage import PAGE
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import work_folder

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]

T = 1_796_000_000.0
#: What overlaps, sticks out or is cut, in words; nothing when all is right.
_AUDIT = """(() => {
  const parts = '#agent, #status li, #avatar, #headline, #log, #picture, #caption, #alert, #chat, footer';
  const texts = ':is(#agent, #title, #note, #chat, #log, #alert, #caption, #ticker)';
  const wrong = [], shown = [...document.querySelectorAll(parts)].filter(e => e.getClientRects().length);
  const box = e => e.getBoundingClientRect(), name = e => e.id || e.tagName;
  for (const a of shown) {
    const r = box(a);
    const room = Math.min(r.left, r.top, innerWidth - r.right, innerHeight - r.bottom);
    if (room < -0.5) wrong.push(name(a) + ' sticks out');
    for (const b of shown) {
      const q = box(b);
      if (a !== b && !a.contains(b) && !b.contains(a) && Math.min(r.right, q.right) - Math.max(r.left, q.left) > 1
        && Math.min(r.bottom, q.bottom) - Math.max(r.top, q.top) > 1) wrong.push(name(a) + ' overlaps ' + name(b));
    }
  }
  for (const list of document.querySelectorAll('#log, #chat')) for (const entry of list.children) {
    const r = box(entry), q = box(list);
    const whole = r.top > q.top - 1 && r.bottom < q.bottom + 1;
    if (r.left < q.right - 1 && !whole) wrong.push('an entry of ' + name(list) + ' is cut');
  }
  const markup = document.querySelector(texts + ' :is(b, i, a, img, script)');
  if (markup) wrong.push('markup: ' + markup.outerHTML);
  return wrong.join('; ');
})()"""
ZALGO = "Z" + "\u0315\u0300\u0489\u035c\u0321" * 12 + "lgo"
HOSTILE = (
    ("نور", "message", "السلام عليكم ورحمة الله 🌙"),
    ("\u202eadmin", "message", "\u202egnp.exe <b>bold</b><img src=x onerror=alert(1)>"),
    (ZALGO, "tip", ZALGO * 20),
    ("W" * 60, "message", "W" * 1000),
    ("さくら", "message", "かわいい!👩‍🚀👨‍👩‍👧‍👦 がんばって"),
    ("<i>דוד</i>", "tip", "כל הכבוד"),
    ("\x1b[31mred", "follow", ""),
)


def hostile_feed() -> Feed:
    """A feed that has heard the worst."""
    feed = Feed("<b>夜のフクロウ</b> " + "Wagner" * 10, Pictures(PAGE))
    feed.begin({"title": "<script>alert(1)</script> " + "Donaudampfschifffahrt" * 9, "ticker": ["ﷺ" * 300]})
    for number, (author, kind, text) in enumerate(HOSTILE):
        name = "chat_deed" if kind == "follow" else "chat_message"
        about = {
            "id": str(number),
            "author": author,
            "kind": kind,
            "text": text,
            "amount": 1e12,
            "currency": "LONG-NAME",
        }
        feed.on_record(record(name, T, **about))
    feed.on_record(record("action_finished", T, result={"is_live": True, "viewers": 12_345_678}))
    for _, _, text in HOSTILE:
        shown = {"action": "studio.show", "inputs": {"text": text}}
        feed.on_record(record("action_started", T, state="s", visit=1, attempt=1, **shown))
    feed.speaks("العربية تتصل حروفها وتكتب من اليمين، " * 12, T)
    return feed


def states() -> list[dict[str, Any]]:
    """States of all scenes, full and empty."""
    feed = hostile_feed()
    worst = feed.state(T + 1)
    return [
        worst,
        {**worst, "log": []},
        *({**worst, "scene": scene, "note": "W" * 400} for scene in ("starting", "brb", "ended")),
        Feed("", Pictures(PAGE)).state(T),
    ]


def test_nothing_is_cut_covered_or_obeyed_in_any_size_and_scene(tmp_path: Path) -> None:
    """Hostile and multilingual texts, from a small landscape to a portrait: all is drawn, and nothing but text."""

    async def look() -> dict[str, str]:
        found: dict[str, str] = {}
        with work_folder() as folder:
            stage = Studio(Launcher(f"stage-{os.getpid()}", dict(os.environ)), folder, home=tmp_path)
            async with stage.display("1280x720"), stage.window_manager(), stage.screen.page(PAGE) as page:
                for size in ("640x360", "854x480", "1280x720", "1920x1080", "720x1280"):
                    width, height = map(int, size.split("x"))
                    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                    await page._running._call("Emulation.setDeviceMetricsOverride", metrics, WITHIN)
                    for number, state in enumerate(states()):
                        await page.evaluate(f"update({json.dumps(state)}), update({json.dumps(state)})", WITHIN)
                        await page.evaluate("document.getAnimations().forEach(each => each.finish())", WITHIN)
                        found[f"{size} {number} {state['scene']}"] = await page.evaluate(_AUDIT, WITHIN)
                found["title"] = await page.evaluate("document.querySelector('#title').textContent", WITHIN)
        return found

    seen = asyncio.run(look())
    assert seen.pop("title")
    assert {where: wrong for where, wrong in seen.items() if wrong} == {}


@pytest.mark.parametrize("size", ["1920x1080", "720x1280"])
def test_the_stage_fills_the_picture_to_its_edges(size: str, tmp_path: Path) -> None:
    """No black line at any edge, and no pointer: the outermost pixels are those of the stage."""

    async def look() -> None:
        with work_folder() as folder:
            stage = Studio(Launcher(f"edges-{os.getpid()}", dict(os.environ)), folder, home=tmp_path)
            async with stage.display(size) as display, stage.window_manager(), stage.screen.page(PAGE) as page:
                assert await page.evaluate("`${innerWidth}x${innerHeight}`", WITHIN) == size
                await page.evaluate(
                    "document.body.innerHTML = '', document.documentElement.style.background = '#c06000'", WITHIN
                )
                around = {**os.environ, **display.environment}
                grab = ("-f", "x11grab", "-video_size", size, "-i", display.name, "-frames:v", "1")
                shot = ("ffmpeg", "-v", "error", *grab, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
                async with asyncio.timeout(WITHIN):
                    while True:
                        made = await asyncio.to_thread(
                            subprocess.run, shot, check=True, capture_output=True, env=around
                        )
                        if {made.stdout[at : at + 3] for at in range(0, len(made.stdout), 3)} == {b"\xc0\x60\x00"}:
                            return

    asyncio.run(look())


def small(height: int) -> str:
    """The filter that makes a picture small."""
    return f"scale=64:{height}:flags=area"


def pictures(recording: Path, rate: str = "fps=10") -> list[str]:
    """What a recording shows, ten times a second: `live` by its red sign, `blank`, or another scene."""
    sign = f"crop=480:48:800:20,{small(6)}"
    halves = f"{rate},split[a][b];[a]{small(36)}[a];[b]{sign}[b];[a][b]vstack"
    command = ["ffmpeg", "-v", "error", "-i", str(recording), "-vf", halves, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    size = 64 * 42 * 3
    found = []
    for at in range(0, len(shown), size):
        whole, sign = shown[at : at + 64 * 36 * 3], shown[at + 64 * 36 * 3 : at + size]
        red = any(sign[dot] > 170 and sign[dot + 1] < 130 for dot in range(0, len(sign), 3))
        blank = max(whole) < 16 or min(whole) > 200  # nothing, or Chromium's window before it paints
        found.append("live" if red else "blank" if blank else "other")
    return found


def phases(recording: Path) -> list[str]:
    """The scenes of a recording, each that lasts for half a second once."""
    shown = [picture for picture in pictures(recording) if picture != "blank"]
    kept = [one for at, one in enumerate(shown) if shown[at : at + 5] == [one] * 5]
    return [one for at, one in enumerate(kept) if at == 0 or kept[at - 1] != one]


def test_a_stream_shows_its_stage_takes_scenes_from_outside_and_heals(tmp_path: Path) -> None:
    """Live; `brb` from outside; a page over it; a killed Chromium; the thanks. The encoder goes on, nothing is left."""
    folder = tmp_path / "rehearsal"
    with at_home(tmp_path / "home", RETAKE_FLOW_STAGE="on") as home:
        options = tmp_path / "options.json"
        options.write_text('{"viewers": [{"scene": "brb", "at": 0, "name": "mira", "text": "back soon?"}]}')
        rehearse = (
            "--rehearse",
            "--folder",
            str(folder),
            "--rehearsal-options",
            str(options),
            "--set",
            "size=1280x720",
        )
        running = home.start("run", "go-live.yaml", *rehearse)
        running.on_air()
        ready = running.until("activity_ready", activity="broadcast:content")
        assert ready["value"]["shows"] == "stage"
        recording = next(folder.rglob("*.flv"))
        await_more(recording, 2.0)
        assert home.call("screen", running.run, "title", "Tubes & <b>valves</b>").code == 0
        assert home.call("scene", running.run, "brb", "--for", "3s").code == 0
        await_more(recording, 6.0)

        with a_page() as (url, asked):
            assert home.call("screen", running.run, "page", url, "--for", "10m").code == 0
            waited(lambda: asked, "the page to be loaded")
            await_more(recording, 4.0)
            assert home.call("screen", running.run, "clear").code == 0
            await_more(recording, 3.0)
        assert home.call("status", running.run, "--json").records[0]["scene"] == "live"
        waited(lambda: len(_browsers(running.process.pid)) == 1, "the browser of the page to end")

        chromium(running.process.pid).send_signal(signal.SIGKILL)
        waited(lambda: len(readies(home, ready["activity"])) > 1, "the stage to come back")
        await_more(recording, 5.0)
        assert home.call("stop", running.run).code == 0
        assert running.finish() == 0
        report = next(record for record in running.records if record["event"] == "rehearsal_report")
        gone(running.run)

    chat = [r["text"] for r in running.records if r["event"] == "chat_message" and r["author"] == "mira"]
    assert chat == ["back soon?"] * 2  # to the scene that was set, and while the stage came back
    # At most one of the scenes is too short to be seen on a loaded machine: the one while the stage comes back.
    assert phases(recording)[-6:] == ["live", "other"] * 3
    assert longest_gap(recording, "v") < LONGEST_STALL
    assert len(stalls(recording)) <= MOST_STALLS
    assert report["recordings"][0]["contact_sheet"] == str(recording.with_suffix(".png"))
    thumbnail = Path(report["agents"][0]["thumbnails"][0]["path"])
    assert pictures(thumbnail, "null") != ["blank"]


def chromium(runner: int) -> psutil.Process:
    """The browser of a run."""
    [found] = _browsers(runner)
    return found


def _browsers(runner: int) -> list[psutil.Process]:
    found = psutil.Process(runner).children(recursive=True)
    return living(found, lambda one: one.name() == "chromium" and "--type=" not in " ".join(one.cmdline()))


@contextmanager
def a_page() -> Iterator[tuple[str, list[str]]]:
    """The address of a blue page on this machine, and what was asked of it."""
    asked: list[str] = []

    class Blue(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><body style='background: #0000c0'>")

        def log_message(self, *about: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Blue) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


def readies(home: Any, activity: str) -> list[Any]:
    """When an activity was ready."""
    return [r for r in home.journal() if r["event"] == "activity_ready" and r["activity"] == activity]

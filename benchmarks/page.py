"""The operator's page: what five browsers over fifty runs cost, and how soon a day-long journal and a run are shown."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from measure import quick, show
from playwright.sync_api import Browser, sync_playwright

from retake_flow.flow.load.load import load_flow
from retake_flow.ports.runs import Claim
from retake_flow.run.records import Record, record
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

FLOW = Path(__file__).resolve().parent.parent / "flows" / "go-live.yaml"
TOKEN = "a-token-for-a-benchmark-of-the-page"
DAY = 86_400
_PAINTED = """() => new Promise(done => new PerformanceObserver(seen => {
    const paint = seen.getEntriesByName('first-contentful-paint')[0];
    if (paint) done(paint.startTime);
}).observe({ type: 'paint', buffered: true }))"""
#: The bounds: share of a core, MiB, seconds, seconds.
BOUNDS = {"core": 0.05, "mebibytes": 100.0, "day_opens_s": 0.5, "first_paint_s": 0.3}


def on_air(name: str) -> Run:
    """A run of go-live whose stream is on air."""
    state = "broadcast/pushing/on_air"
    visits = {state: 1, "broadcast": 1, "broadcast/pushing": 1}
    return Run(name, "go-live", "0" * 64, {}, phase=Phase.RUNNING, state=state, visits=visits)


def measured(at: float, since: float, step: int) -> Iterator[Record]:
    """What a stream on air writes every five seconds, with chat now and then."""
    encoder = {"bitrate": 2500.0 + step % 70, "fps": 30.0, "frames": step * 150, "dropped": 0, "speed": 1.0}
    if step == 0:
        for path in ("check_guide", "credentials", "verification", "broadcast", "broadcast/pushing"):
            yield record("state_entered", at, state=path, visit=1)
    yield record("activity_result", at, activity="broadcast:health", result=encoder)
    if step % 2 == 0:
        yield record("activity_result", at, activity="broadcast:picture", result={"differs": 0.2, "frozen": False})
    if step % 6 == 0:
        status = {"is_live": True, "uptime_seconds": round(at - since), "viewers": step % 40}
        yield record("activity_result", at, activity="broadcast:status", result=status)
    if step % 4 == 0:
        yield record("chat_message", at, id=f"m{step}", author=f"v{step % 50}", kind="message", text=f"hello {step}")


def begin(place: Path, count: int, lasting: int) -> list[Claim]:
    """So many runs on air for a minute, and before them one for so many seconds, all driven by this process."""
    runs, now = open_runs(place), time.time()
    text = load_flow(FLOW.read_text(encoding="utf-8"), str(FLOW)).sources.dump()
    claims = []
    for number, seconds in enumerate([lasting, *[60] * count]):
        run = on_air(f"day-{number}" if seconds == lasting else f"owl-{number}")
        claim = runs.create(run, agent="owl", flow_file=str(FLOW), flow_text=text, holder=this_process())
        steps = range(seconds // 5)
        written = [one for step in steps for one in measured(now - seconds + step * 5, now - seconds, step)]
        for first in range(0, len(written), 2000):
            claim.write(run, written[first : first + 2000])
        claims.append(claim)
    return claims


@contextmanager
def writing(claims: list[Claim]) -> Iterator[None]:
    """Let every run write as on air, until the end of the context."""
    ended, begun = threading.Event(), time.time()

    def write() -> None:
        step = 12
        while not ended.is_set():
            for number, claim in enumerate(claims, 1):
                claim.write(on_air(f"owl-{number}"), list(measured(time.time(), begun, step)))
                if ended.wait(5 / len(claims)):
                    return
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@contextmanager
def serving(home: Path) -> Iterator[tuple[psutil.Process, str]]:
    """A server of the page; gives its process and its address."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RETAKE_", "XDG_"))},
        "HOME": str(home),
        "RETAKE_FLOW_STATE": str(home),
        "RETAKE_FLOW_PAGE_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "retake_flow", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        link = server.stdout.readline()
        try:
            yield psutil.Process(server.pid), link.split("/enter")[0]
        finally:
            server.terminate()


def seconds_to_open(address: str) -> float:
    """How long a page takes to come whole."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        answer.read()
    return time.perf_counter() - begun


def first_paint(browser: Browser, address: str, path: str) -> float:
    """Seconds from the request for a page to its first content on the screen."""
    page = browser.new_context().new_page()
    page.goto(f"{address}/enter?token={TOKEN}")
    page.goto(f"{address}{path}")
    painted: float = page.evaluate(_PAINTED)
    page.context.close()
    return painted / 1000


def watched(server: psutil.Process, browser: Browser, address: str, seconds: float) -> tuple[float, float]:
    """The share of a core and MiB while five browsers look: one at all runs, four at a run each."""
    contexts = [browser.new_context() for _ in range(5)]
    for context, path in zip(contexts, ("/", "/runs/day-0", "/runs/owl-1", "/runs/owl-2", "/runs/owl-3"), strict=True):
        page = context.new_page()
        page.goto(f"{address}/enter?token={TOKEN}")
        page.goto(f"{address}{path}")
    time.sleep(min(10.0, seconds))  # the chart is drawn, and a day is read back
    before, begun = server.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, lasted = server.cpu_times(), time.monotonic() - begun
    for context in contexts:
        context.close()
    used = sum(after[:4]) - sum(before[:4])  # with the children that have ended
    return used / lasted, server.memory_info().rss / 2**20


def main() -> None:
    """Measure and print; on the disk of the current folder, since /tmp may be none."""
    is_quick = quick(__doc__ or "")
    count, lasting, seconds, rounds = (5, 600, 1.0, 1) if is_quick else (50, DAY, 60.0, 5)
    with tempfile.TemporaryDirectory(dir=".") as name, sync_playwright() as playwright:
        home = Path(name).absolute()
        claims = begin(home / "runs.sqlite", count, lasting)
        opened, painted = [], []
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for _ in range(rounds):
            with serving(home) as (_, address):
                seconds_to_open(f"{address}/runs/owl-1")  # draws the chart, which another test measures
                opened.append(seconds_to_open(f"{address}/runs/day-0"))
                painted.append(first_paint(browser, address, "/runs/owl-2"))
        with writing(claims[1:]), serving(home) as (server, address):
            core, memory = watched(server, browser, address, seconds)
        browser.close()
    figures = {
        "core": core,
        "mebibytes": memory,
        "day_opens_s": statistics.median(opened),
        "first_paint_s": statistics.median(painted),
    }
    titles = ("share of a core", "resident memory, MiB", f"a journal of {lasting / 3600:g} h, s", "first paint, s")
    rows = [
        (title, f"{figures[key]:.3g}", f"{figures[key] / BOUNDS[key]:.2f} of the bound")
        for title, key in zip(titles, BOUNDS, strict=True)
    ]
    show(f"the page over {count} runs, with 5 browsers", rows, dict(figures))


if __name__ == "__main__":
    main()

"""Seconds for which viewers miss a window whose program is killed or hangs, by the pixels of a recording.

A rehearsed stream shows the stage and, over it, a page, a film and a terminal. Each is killed, so are the renderers of
the stage and of the page, and the page loops for ever once. The recording shows for how long the picture of the window
was not there (or did not move), whether "be right back" was seen, and the longest gap between two frames. Exits with 1
when something was missed for longer than three seconds or the encoder was replaced.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from healing import Watched, is_on_air, watching
from measure import add_quick, show

MISSED_AT_MOST = 3.0
RATE = 30
_REST = 8.0  # seconds between two kills: "be right back" is over by then
_LOOPED = 33.0  # seconds until the loop of the page is over
_OVERLAY = """extends: go-live.yaml
states:
  broadcast:
    activities:
      page: {do: studio.page, needs: window_manager, with: {folder: page, at: bottom-left}}
      film: {do: studio.film, needs: [window_manager, sound], with: {files: [film.mp4], at: bottom-right}}
      work: {do: studio.terminal, needs: window_manager, with: {command: [./green.sh], at: "430,480", size: 420x240}}
"""
#: Changes its blue all the time, and after a while loops for ever once.
_PAGE = """<!doctype html><body><script>
let bright = false;
setInterval(() => { bright = !bright; document.body.style.background = bright ? '#0000ff' : '#0000b0'; }, 100);
if (!localStorage.looped) { localStorage.looped = 1; setTimeout(() => { for (;;); }, 25000); }
</script>"""
#: Where each is seen: a filter that makes it one picture of 8x2 pixels.
_CROPS = {"sign": "480:48:800:20", "name": "380:48:20:16", "page": "200:120:100:540", "film": "200:120:950:540"}
_CROPS["work"] = "200:120:540:540"
_DOTS = 8 * 2
Picture = dict[str, list[tuple[int, int, int]]]


@dataclass(frozen=True)
class Fault:
    """What is done to a window.

    Attributes:
        name: What the table calls it.
        seen: The crop in which the window is seen.
        victims: Finds the processes to kill; None for what the page does by itself.
    """

    name: str
    seen: str
    victims: Callable[[Watched], list[psutil.Process]] | None


def _those(found: Iterable[psutil.Process], wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Those of some processes that are as wanted, without any that end meanwhile."""
    kept = []
    for each in found:
        with suppress(psutil.Error):
            if wanted(each):
                kept.append(each)
    return kept


def _browsers(watched: Watched) -> list[psutil.Process]:
    found = _those(psutil.Process(watched.process.pid).children(), lambda one: one.name() == "chromium")
    first = _those(found, lambda one: "--window-position=0,0" in one.cmdline())
    return [*first, *(each for each in found if each not in first)]


def _browser(number: int) -> Callable[[Watched], list[psutil.Process]]:
    return lambda watched: _browsers(watched)[number:][:1]


def _renderer(number: int) -> Callable[[Watched], list[psutil.Process]]:
    def found(watched: Watched) -> list[psutil.Process]:
        inside = [each for root in _browser(number)(watched) for each in root.children(recursive=True)]
        return _those(inside, lambda one: "--type=renderer" in " ".join(one.cmdline()))

    return found


def _named(name: str) -> Callable[[Watched], list[psutil.Process]]:
    return lambda watched: _those(
        psutil.Process(watched.process.pid).children(),
        lambda one: one.name() == name and "-progress" not in one.cmdline(),
    )


FAULTS = (
    Fault("page loops for ever", "page", None),
    Fault("stage, renderer killed", "name", _renderer(0)),
    Fault("stage, Chromium killed", "name", _browser(0)),
    Fault("page, renderer killed", "page", _renderer(1)),
    Fault("page, Chromium killed", "page", _browser(1)),
    Fault("film, mpv killed", "film", _named("mpv")),
    Fault("terminal, xterm killed", "work", _named("xterm")),
)


@contextmanager
def running(folder: Path) -> Iterator[Watched]:
    """A rehearsed run that shows all of it."""
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text(_PAGE)
    (folder / "green.sh").write_text("#!/bin/sh\nprintf '\\033[42m\\033[2J'\nexec sleep 1000\n")
    (folder / "green.sh").chmod(0o755)
    (folder / "shown.yaml").write_text(_OVERLAY)
    red = "color=c=red:size=64x36:rate=10:duration=2"
    command = ("ffmpeg", "-v", "error", "-f", "lavfi", "-i", red, "-pix_fmt", "yuv420p", str(folder / "film.mp4"))
    subprocess.run(command, check=True)
    run = [sys.executable, "-m", "retake_flow", "run", str(folder / "shown.yaml"), "--rehearse", "--json"]
    run += ["--folder", str(folder / "rehearsal")]
    with watching(run, folder / "state", stage="on") as watched:
        yield watched


def pictures(recording: Path, since: float, until: float) -> list[Picture]:
    """What a part of a recording shows, frame by frame, where each window is."""
    names = list(_CROPS)
    parts = "".join(f"[{name}]" for name in names)
    small = ";".join(f"[{name}]crop={crop},scale=8:2:flags=area[s{name}]" for name, crop in _CROPS.items())
    stacked = "".join(f"[s{name}]" for name in names)
    graph = f"fps={RATE},split={len(names)}{parts};{small};{stacked}vstack=inputs={len(names)}"
    command = ["ffmpeg", "-v", "error", "-i", str(recording), "-ss", str(since), "-to", str(until), "-filter_complex"]
    command += [graph, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    size, found = len(names) * _DOTS * 3, []
    for at in range(0, len(raw) - size + 1, size):
        frame = raw[at : at + size]
        dots = [(frame[i], frame[i + 1], frame[i + 2]) for i in range(0, size, 3)]
        found.append({name: dots[n * _DOTS : (n + 1) * _DOTS] for n, name in enumerate(names)})
    return found


def there(picture: Picture, name: str) -> bool:
    """Whether a window is seen."""
    red, green, blue = picture[name][_DOTS // 2]
    if name == "name":  # something is written there
        bright = [sum(dot) for dot in picture[name]]
        return max(bright) - min(bright) > 60
    if name == "page":
        return blue > 120 and red < 60 and green < 60
    return {"film": red > 150 and green < 90, "work": green > 120 and red < 90}[name]


def is_back_soon(picture: Picture) -> bool:
    """Whether the stage is there without its red sign."""
    return there(picture, "name") and not any(red > 110 and green < 90 for red, green, _ in picture["sign"])


def missed(shown: Sequence[Picture], fault: Fault) -> float:
    """For how many seconds the window was not there, or did not move."""
    seen = [at for at, picture in enumerate(shown) if there(picture, fault.seen)]
    if fault.victims is None:
        blues = [shown[at][fault.seen][_DOTS // 2][2] for at in seen]
        seen = [seen[n] for n in range(1, len(seen)) if abs(blues[n] - blues[n - 1]) > 20]
    ends = [*seen, len(shown)]
    return max(later - earlier for earlier, later in pairwise(ends)) / RATE


def longest_gap(recording: Path) -> float:
    """The longest time between two frames of a recording."""
    asked = ("-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", str(recording))
    said = subprocess.run(("ffprobe", "-v", "error", *asked), check=True, capture_output=True, text=True).stdout
    times = sorted(float(line.strip(",")) for line in said.split())[RATE:]
    return max(later - earlier for earlier, later in pairwise(times))


def _grown(recording: Path, seconds: float) -> None:
    """Wait until a recording has grown for so long; the encoder writes all the time."""
    began, size = time.monotonic(), recording.stat().st_size
    while time.monotonic() - began < seconds or recording.stat().st_size == size:
        time.sleep(0.05)


def measure(faults: Sequence[Fault]) -> tuple[list[tuple[Fault, float, bool]], dict[str, float]]:
    """Each fault, for how many seconds its window was missed, whether "be right back" was seen; and the rest."""
    marks: list[tuple[Fault, float]] = []
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as watched:
        on_air = watched.first(0.0, is_on_air)
        if on_air is None:
            raise SystemExit("the rehearsal did not get on air")
        for key in ("page", "film", "work"):
            watched.first(0.0, lambda r, key=key: r["event"] == "activity_ready" and r["activity"].endswith(f":{key}"))
        [recording] = Path(name).rglob("*.flv")
        began = next(at for at, r in watched.records if r["event"] == "activity_ready" and "encoder" in r["activity"])
        for fault in faults:
            if fault.victims is None:
                marks.append((fault, time.monotonic() - began))
                _grown(recording, _LOOPED)
                continue
            victims = fault.victims(watched)
            marks.append((fault, time.monotonic() - began))
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            _grown(recording, _REST)
        watched.process.send_signal(signal.SIGINT)
        watched.process.wait(60)
        encoders = sum(r["event"] == "activity_ready" and "encoder" in r["activity"] for _, r in watched.records)
        found = []
        for fault, at in marks:
            shown = pictures(
                recording, at if fault.victims else at + 15.0, at + (_LOOPED if fault.victims is None else _REST)
            )
            found.append((fault, missed(shown, fault), any(map(is_back_soon, shown))))
        return found, {"gap": longest_gap(recording), "encoders": encoders}


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_quick(parser)
    args = parser.parse_args(arguments)
    found, rest = measure(FAULTS[-1:] if args.quick else FAULTS)
    rows = [(f.name, f"missed for {seconds:.2f} s", "brb seen" if brb else "no brb") for f, seconds, brb in found]
    rows.append(("longest gap between frames", f"{rest['gap']:.2f} s", f"{rest['encoders']} encoder"))
    good = rest["encoders"] == 1 and all(seconds <= MISSED_AT_MOST for _, seconds, _ in found)
    took = {fault.name: {"missed": round(seconds, 2), "brb": brb} for fault, seconds, brb in found}
    show("screen healing", rows, {"took": took, **rest, "load": round(os.getloadavg()[0], 1), "good": good})
    return 0 if good or args.quick else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

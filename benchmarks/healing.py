"""Seconds from kill -9 of a program until it is replaced, while the agent is on air in a rehearsal.

Every program of the stream is killed so many times, in an order that a seed gives, spread over so many seconds. What
the picture needs (encoder, display, sound) is replaced when the run is on air again: confirmed live, with a thumbnail
of the new push. A window or the program that answers chat is replaced when it is ready again. Exits with 1 when one did
not come back in time, a key was used twice, or something was left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from measure import add_quick, show

ON_AIR_WITHIN = 6.0
_WAITED = 60.0
_REST = 6.0  # seconds between two kills at least: a stream that drops again within five waits longer each time
_ANSWERS = """import json, sys
for line in sys.stdin:
    batch = json.loads(line)
    print(json.dumps({"replies": [f"I hear you, {m['author']}." for m in batch["messages"]]}), flush=True)
"""
_OVERLAY = """extends: go-live.yaml
states:
  broadcast/pushing/on_air:
    activities:
      chat: {with: {responder: {command: [python3, answers.py]}}}
"""

Record = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A program of the stream.

    Attributes:
        name: What it is called.
        word: What its command line holds, to tell it from others of that name.
        activity: The activity that is ready again when it is replaced; "" when the run has to be on air again, and `-`
            when a new process is all there is to see.
    """

    name: str
    word: str = ""
    activity: str = ""


PARTS = (
    Part("ffmpeg", word="-progress"),
    Part("Xvfb"),
    Part("openbox", activity="window_manager"),
    Part("xterm", activity="content"),
    Part("pulseaudio"),
    Part("responder", word="answers.py", activity="-"),
)


@dataclass
class Watched:
    """A run, as its records tell."""

    process: subprocess.Popen[str]
    records: list[tuple[float, Record]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        """Take note of records and of when they came."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.news:
                self.records.append((time.monotonic(), json.loads(line)))
                self.news.notify_all()

    def first(self, since: float, wanted: Callable[[Record], bool]) -> float | None:
        """When the first record since a time came that is as wanted, waited for; None when it does not come."""
        deadline = time.monotonic() + _WAITED
        with self.news:
            while True:
                for at, record in self.records:
                    if at >= since and wanted(record):
                        return at
                if time.monotonic() >= deadline or self.process.poll() is not None:
                    return None
                self.news.wait(0.5)

    @property
    def run(self) -> str:
        """The id of the run."""
        return str(next(record["run"] for _, record in self.records if record["event"] == "run_started"))

    def programs(self, part: Part) -> list[psutil.Process]:
        """The living programs of a part."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("RETAKE_FLOW_RUN") == self.run
                named = part.name == "responder" or process.name() == part.name
                lives = process.status() != psutil.STATUS_ZOMBIE
                if ours and named and lives and part.word in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    @property
    def left(self) -> int:
        """How many programs of the run live."""
        return len(self.programs(Part("responder")))


def is_on_air(record: Record) -> bool:
    """Whether a record says that the run is on air."""
    return record["event"] == "state_entered" and str(record["state"]).endswith("/on_air")


@contextmanager
def running(folder: Path) -> Iterator[Watched]:
    """A rehearsed run whose chat never rests, answered by a program."""
    (folder / "answers.py").write_text(_ANSWERS)
    (folder / "healing.yaml").write_text(_OVERLAY)
    # Seldom enough that each can be answered at once: there is a limit to how much the agent says in a minute.
    viewers = [{"at": at, "name": f"viewer{at % 7}", "text": f"word {at}"} for at in range(4, 7200, 4)]
    (folder / "options.json").write_text(json.dumps({"viewers": viewers}))
    command = [sys.executable, "-m", "retake_flow", "run", str(folder / "healing.yaml"), "--rehearse", "--json"]
    command += ["--folder", str(folder / "rehearsal"), "--rehearsal-options", str(folder / "options.json")]
    with watching(command, folder / "state", stage="off") as watched:
        yield watched


@contextmanager
def watching(command: Sequence[str], state: Path, stage: str) -> Iterator[Watched]:
    """A run whose records are read; it is ended with the context."""
    environment = {**os.environ, "RETAKE_FLOW_STATE": str(state), "RETAKE_FLOW_STAGE": stage}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        watched = Watched(process)
        reader = threading.Thread(target=watched.read, daemon=True)
        reader.start()
        try:
            yield watched
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(60)
            reader.join(10)


def kill(watched: Watched, part: Part) -> float | None:
    """Kill a program; seconds until it was replaced, or None when it was not."""
    deadline = time.monotonic() + _WAITED
    while not (victims := watched.programs(part)):
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    began = time.monotonic()
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    if part.activity == "-":
        while not watched.programs(part):
            if time.monotonic() - began > _WAITED:
                return None
            time.sleep(0.05)
        return time.monotonic() - began
    if part.activity:
        ready = f":{part.activity}"
        back = watched.first(began, lambda r: r["event"] == "activity_ready" and r["activity"].endswith(ready))
    else:
        back = watched.first(began, is_on_air)
    return None if back is None else back - began


def measure(
    times: int, seconds: float, seed: int, parts: Sequence[Part]
) -> tuple[dict[str, list[float | None]], Record]:
    """Kill each part so many times; what it took, and how it stood at the end."""
    took: dict[str, list[float | None]] = {part.name: [] for part in parts}
    order = [part for part in parts for _ in range(times)]
    random.Random(seed).shuffle(order)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as watched:
        if watched.first(0.0, is_on_air) is None:
            raise SystemExit("the rehearsal did not get on air")
        began = back = time.monotonic()
        for number, part in enumerate(order):
            due = max(began + (number + 0.5) * seconds / len(order), back + _REST)
            time.sleep(max(0.0, due - time.monotonic()))
            took[part.name].append(kill(watched, part))
            back = time.monotonic()
            print(f"{time.monotonic() - began:6.1f} s  {part.name:<10} {took[part.name][-1]}", file=sys.stderr)
        run = watched.run
        watched.process.send_signal(signal.SIGINT)
        watched.process.wait(60)
        report = next((r for _, r in reversed(watched.records) if r["event"] == "rehearsal_report"), {})
        left = watched.left
    end = {"run": run, "exit": watched.process.returncode, "left": left}
    end["load"] = round(os.getloadavg()[2] / (os.cpu_count() or 1), 1)
    return took, {**end, "keys": report.get("keys", {}), "broken_rules": len(report.get("broken_rules", ["no report"]))}


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=10, help="how often each program is killed")
    parser.add_argument("--seconds", type=float, help="over how many seconds this is spread; 60 for each time")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--parts", nargs="+", choices=[part.name for part in PARTS], help="only these")
    add_quick(parser)
    args = parser.parse_args(arguments)
    if args.quick:
        args.each, args.seconds, args.parts = 1, 1.0, ["xterm"]
    parts = [part for part in PARTS if not args.parts or part.name in args.parts]
    took, end = measure(args.each, args.seconds or 60.0 * args.each, args.seed, parts)
    rows, good = [], end["left"] == 0 and end["broken_rules"] == 0 and end["keys"].get("reused") == 0
    for name, figures in took.items():
        back = [figure for figure in figures if figure is not None]
        good = good and len(back) == len(figures) and max(back, default=0.0) <= ON_AIR_WITHIN
        median = f"{statistics.median(back):.2f} s" if back else "never"
        rows.append((f"{name}, killed {len(figures)} times", f"median {median}", f"max {max(back, default=0.0):.2f} s"))
    rows.append(("keys used twice", str(end["keys"].get("reused")), f"of {end['keys'].get('used')}"))
    rows.append(("programs left", str(end["left"]), f"exit code {end['exit']}"))
    rows.append(("rules broken", str(end["broken_rules"]), ""))
    rows.append(("others at work", f"load {end['load']} a core", "over 15 min"))
    show("healing", rows, {"took": took, **end, "good": good})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

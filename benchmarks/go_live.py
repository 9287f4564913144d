"""Seconds from the moment the platform shows a stream live to the opening message, against the guide done literally.

Both go live on the same rehearsed platform, in turn, for each lag between the first frames and `is_live`; nobody tells
them the lag. Ours goes live as an agent's first stream, as its second, and is brought back after a `kill -9` of its
encoder: that is measured to the first thumbnail, since an opening message is said only once. Also from the start of the
program to the opening message.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from measure import add_quick, show

_LITERAL = Path(__file__).with_name("literal_guide.sh")
_LAGS = (0.0, 0.7, 1.0, 1.6, 2.6, 5.0)
_SETTLES = 14.0  # seconds on air in which a first stream measures its lag
_WAITED = 60.0


@dataclass(frozen=True)
class Platform:
    """A rehearsed platform with one agent."""

    origin: str
    credentials: Path
    folder: Path

    def report(self) -> dict[str, Any]:
        """What it has seen."""
        with urllib.request.urlopen(f"{self.origin}/_rehearsal/report") as answer:
            report: dict[str, Any] = json.load(answer)
        return report

    def session(self) -> dict[str, Any]:
        """The newest session: when it was shown live, and the first thumbnail and message after that."""
        (agent,) = self.report()["agents"]
        session: dict[str, Any] = agent["sessions"][-1]
        live = math.inf if session["live"] is None else session["live"]
        for name, told in (("thumbnail", agent["thumbnails"]), ("message", agent["chat"])):
            session[name] = next((each["t"] for each in told if each["t"] >= live), None)
        return session

    def forget(self) -> None:
        """Make the next stream the agent's first."""
        Path(f"{self.credentials}.lag").unlink(missing_ok=True)


@contextmanager
def platform(latency: float, lag: float, silent: bool) -> Iterator[Platform]:
    """A platform on which nobody has streamed, and the agent's credentials file."""
    token, user = f"rtk_{secrets.token_hex(12)}", f"user_{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = folder / "options.json"
        agents = [{"name": "bench", "token": token, "user_id": user}]
        told = {"session_started": "start", "live_users": "start"} if silent else {}
        options.write_text(json.dumps({"latency": latency, "lag": lag, "agents": agents, "viewers": [], **told}))
        command = [sys.executable, "-m", "retake_flow", "rehearsal", "--json", "--folder", folder, "--options", options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                origin = json.loads(server.stdout.readline())["api_url"]
                credentials = folder / "credentials.json"
                credentials.touch(mode=0o600)
                known = {"access_token": token, "agent_name": "bench", "userDbId": user, "issued_by": origin}
                credentials.write_text(json.dumps(known, indent=1))
                yield Platform(origin, credentials, folder)
            finally:
                server.terminate()


@dataclass(frozen=True)
class Opened:
    """How soon a stream was opened, in seconds: since the platform showed it live, and since the program's start."""

    live: float
    start: float = 0.0


def literal(place: Platform) -> Opened:
    """The guide's steps in a shell."""
    number = next(n for n in range(150, 400) if not Path(f"/tmp/.X11-unix/X{n}").exists())
    command = ["bash", _LITERAL, place.origin, place.credentials, place.folder, str(number)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        said = shell.stdout.readline()
        took = time.perf_counter() - begun
        session = place.session()
        shell.communicate("\n")
    if said.strip() != "on air":
        raise RuntimeError("the literal guide did not get on air")
    return Opened(session["message"] - session["live"], took)


@contextmanager
def ours(place: Platform) -> Iterator[tuple[subprocess.Popen[str], Opened]]:
    """`retake-flow run go-live.yaml`, on air."""
    environment = {**os.environ, "RETAKE_API_URL": place.origin, "RETAKE_CREDENTIALS": str(place.credentials)}
    environment.pop("RETAKE_ACCESS_TOKEN", None)
    environment["RETAKE_FLOW_STATE"] = str(place.folder / "state")
    command = [sys.executable, "-m", "retake_flow", "run", "go-live.yaml", "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        try:
            for line in run.stdout:
                record = json.loads(line)
                if record["event"] == "state_entered" and record["state"].endswith("/on_air"):
                    took = time.perf_counter() - begun
                    session = place.session()
                    yield run, Opened(session["message"] - session["live"], took)
                    return
        finally:
            run.terminate()
            run.stdout.read()
    raise RuntimeError("retake-flow did not get on air")


def first(place: Platform, settles: float) -> Opened:
    """An agent's first stream, which stays on air for long enough to know the lag afterwards."""
    place.forget()
    with ours(place) as (_, opened):
        time.sleep(settles)
    return opened


def recovered(place: Platform, run: subprocess.Popen[str]) -> Opened:
    """Kill the encoder; the stream is back with the first thumbnail of the next session."""
    sessions = len(place.report()["agents"][0]["sessions"])
    encoders = [each for each in psutil.Process(run.pid).children(recursive=True) if "-progress" in each.cmdline()]
    for encoder in encoders:
        encoder.kill()
    deadline = time.monotonic() + _WAITED
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if len(place.report()["agents"][0]["sessions"]) > sessions and (session := place.session())["thumbnail"]:
            return Opened(session["thumbnail"] - session["live"])
    raise RuntimeError("the stream did not come back")


def measured(place: Platform, quick: bool) -> dict[str, Opened]:
    """All of it, one after the other; only the first two if it is to be quick."""
    found = {"guide, literally": literal(place), "first stream": first(place, 0.0 if quick else _SETTLES)}
    if quick:
        return found
    with ours(place) as (run, opened):
        found["second stream"] = opened
        time.sleep(6.0)  # on air for five, or it would be brought back later
        found["recovery"] = recovered(place, run)
    return found


def table(title: str, lag: str, found: dict[str, list[Opened]], of: Callable[[Opened], float]) -> dict[str, float]:
    """The rows of one lag; gives the medians."""
    medians = {name: statistics.median(map(of, opened)) for name, opened in found.items()}
    base = medians["guide, literally"]
    rows = [
        (f"{name:<18}{lag}", f"{figure:.2f} s", f"{figure / base:.2f} x") for name, figure in medians.items() if figure
    ]
    show(title, rows, {name: round(figure, 3) for name, figure in medians.items()})
    return medians


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--lags", type=float, nargs="*", default=_LAGS, help="seconds from the first frame to is_live")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    parser.add_argument("--silent", action="store_true", help="nothing but the stream status tells that it is live")
    add_quick(parser)
    args = parser.parse_args(arguments)
    every: dict[str, list[Opened]] = {}
    for lag in args.lags[:1] if args.quick else args.lags:
        with platform(args.latency, lag, args.silent) as place:
            rounds = [measured(place, args.quick) for _ in range(args.rounds)]
        found = {name: [each[name] for each in rounds] for name in rounds[0]}
        table("from live to the opening message", f"lag {lag:g} s", found, lambda opened: opened.live)
        for name, opened in found.items():
            every.setdefault(name, []).extend(opened)
    table("from live to the opening message", "all lags", every, lambda opened: opened.live)
    table("from start to the opening message", "all lags", every, lambda opened: opened.start)
    worst = {name: max(each.live for each in opened) for name, opened in every.items()}
    base = worst["guide, literally"]
    rows = [(name, f"{figure:.2f} s", f"{figure / base:.2f} x") for name, figure in worst.items()]
    show("from live to the opening message, worst", rows, {name: round(figure, 3) for name, figure in worst.items()})


if __name__ == "__main__":
    main(sys.argv[1:])

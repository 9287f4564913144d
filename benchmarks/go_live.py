"""Seconds from the start of the program until the agent is on air, against the guide done literally.

Both go live on the same rehearsed platform, in turn. On air means: confirmed live, the first thumbnail uploaded, chat
opened. The platform says `is_live` 0.3 s after the first video frame, the rehearsal's default; since both poll
every three seconds, another lag moves either figure by up to one pause. `--lags` shows that.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measure import alternating, show

_LITERAL = Path(__file__).with_name("literal_guide.sh")
_ROUNDS = 3


@contextmanager
def platform(folder: Path, latency: float, lag: float) -> Iterator[tuple[str, Path]]:
    """A rehearsed platform with one agent, and the agent's credentials file."""
    token, user = f"rtk_{secrets.token_hex(12)}", f"user_{secrets.token_hex(6)}"
    options = folder / "options.json"
    agents = [{"name": "bench", "token": token, "user_id": user}]
    options.write_text(json.dumps({"latency": latency, "lag": lag, "agents": agents, "viewers": []}))
    command = [sys.executable, "-m", "retake_flow", "rehearsal", "--json", "--folder", folder, "--options", options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            origin = json.loads(server.stdout.readline())["api_url"]
            credentials = folder / "credentials.json"
            credentials.touch(mode=0o600)
            known = {"access_token": token, "agent_name": "bench", "userDbId": user, "issued_by": origin}
            credentials.write_text(json.dumps(known, indent=1))
            yield origin, credentials
        finally:
            server.terminate()


def literal(origin: str, credentials: Path, folder: Path) -> Callable[[], float]:
    """Measures the guide's steps in a shell."""

    def measure() -> float:
        number = next(n for n in range(150, 400) if not Path(f"/tmp/.X11-unix/X{n}").exists())
        command = ["bash", _LITERAL, origin, credentials, folder, str(number)]
        begun = time.perf_counter()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
            assert shell.stdout is not None
            said = shell.stdout.readline()
            took = time.perf_counter() - begun
            shell.communicate("\n")
        if said.strip() != "on air":
            raise RuntimeError("the literal guide did not get on air")
        return took

    return measure


def ours(origin: str, credentials: Path, folder: Path) -> Callable[[], float]:
    """Measures `retake-flow run go-live.yaml`."""
    environment = {**os.environ, "RETAKE_API_URL": origin, "RETAKE_CREDENTIALS": str(credentials)}
    environment.pop("RETAKE_ACCESS_TOKEN", None)
    environment["RETAKE_FLOW_STATE"] = str(folder / "state")

    def measure() -> float:
        command = [sys.executable, "-m", "retake_flow", "run", "go-live.yaml", "--json"]
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
            assert run.stdout is not None
            for line in run.stdout:
                record = json.loads(line)
                if record["event"] == "state_entered" and record["state"].endswith("/on_air"):
                    took = time.perf_counter() - begun
                    run.send_signal(signal.SIGINT)
                    run.stdout.read()
                    return took
        raise RuntimeError("retake-flow did not get on air")

    return measure


def compare(latency: float, lag: float, rounds: int) -> tuple[float, float]:
    """Median seconds to on air: the literal guide's and ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with platform(folder, latency, lag) as (origin, credentials):
            works = [make(origin, credentials, folder) for make in (literal, ours)]
            theirs, mine = alternating(works, rounds)
    return theirs, mine


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--lags", type=float, nargs="*", default=[0.3], help="seconds from the first frame to is_live")
    args = parser.parse_args(arguments)
    rows: list[tuple[str, str, str]] = []
    figures: dict[str, object] = {}
    for lag in args.lags:
        for latency in (0.0, 0.15):
            theirs, mine = compare(latency, lag, args.rounds)
            what = f"latency {latency * 1000:.0f} ms, lag {lag:g} s"
            rows += [
                (f"guide, literally   {what}", f"{theirs:.2f} s", "1.00 x"),
                (f"retake-flow        {what}", f"{mine:.2f} s", f"{mine / theirs:.2f} x"),
            ]
            figures[what] = mine / theirs
    show("seconds to on air", rows, figures)


if __name__ == "__main__":
    main(sys.argv[1:])

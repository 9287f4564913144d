"""What the runner itself costs while the agent is on air: processor time and memory, its children aside."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import psutil
from measure import add_quick, show


def measure(seconds: float) -> tuple[float, float]:
    """The share of one core, and MiB of resident memory, over so many seconds on air of a rehearsal."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "retake_flow",
            "run",
            "go-live.yaml",
            "--rehearse",
            "--folder",
            folder,
            "--json",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            for line in run.stdout:
                record = json.loads(line)
                if record["event"] == "state_entered" and record["state"].endswith("/on_air"):
                    break
            runner = psutil.Process(run.pid)
            before = runner.cpu_times()
            try:
                run.wait(seconds)
            except subprocess.TimeoutExpired:
                after = runner.cpu_times()
                memory = runner.memory_info().rss / 2**20
            run.send_signal(signal.SIGINT)
            run.stdout.read()
    return (after.user + after.system - before.user - before.system) / seconds, memory


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    add_quick(parser)
    args = parser.parse_args(arguments)
    core, memory = measure(1.0 if args.quick else args.seconds)
    rows = [("share of a core", f"{core:.2%}", ""), ("resident memory", f"{memory:.0f} MiB", "")]
    show("runner on air", rows, {"core": core, "mebibytes": memory})


if __name__ == "__main__":
    main(sys.argv[1:])

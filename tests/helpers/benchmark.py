"""Runs a benchmark that ends with all it has started, also when its time is over or its test is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_WITHIN = 1200.0  # seconds, on a slow and busy machine
_IN_ORDER = 60.0


def run_benchmark(name: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one to its end, in a process group of its own.

    Raises:
        TimeoutExpired: It does not end; by now it has.
    """
    # Ctrl-C ends its own programs in order.
    command = ["setpriv", "--pdeathsig", "INT", sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=_WITHIN)
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_IN_ORDER)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)

"""Driver processes: asks them to end, and says how they did."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


def ask_to_end(pid: int) -> None:
    """Have a driver hand its run over, or end; it may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def words_of(code: int) -> str:
    """Say how a driver ended that failed."""
    if code >= 0:
        return f"its driver ended with exit code {code}"
    try:
        return f"its driver was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"its driver was killed by signal {-code}"


def reap() -> None:
    """Let go of processes that have become our children: in a container, those of drivers that died."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass

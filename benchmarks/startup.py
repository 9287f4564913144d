"""Start-up of the command line against a bare Python that does nothing.

`check` is measured twice: with an empty cache, and again when the same text has been found good before.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import alternating, installed, seconds_of, show

_ROUNDS = 21


def main() -> None:
    """Measure and print."""
    program = shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"
    with tempfile.TemporaryDirectory() as cache, installed() as environment:
        environment["RETAKE_FLOW_CACHE"] = cache
        check = seconds_of([program, "check", "go-live.yaml"], environment)

        def cold() -> float:
            shutil.rmtree(cache, ignore_errors=True)
            return check()

        bare, usage, first, again = alternating(
            [
                seconds_of([sys.executable, "-c", "pass"], environment),
                seconds_of([program, "--help"], environment),
                cold,
                check,
            ],
            _ROUNDS,
        )
    names = {
        "python -c pass": bare,
        "retake-flow --help": usage,
        "check go-live.yaml, again": again,
        "check go-live.yaml, first time": first,
    }
    rows = [(name, f"{value * 1000:.1f} ms", f"{value / bare:.2f} x") for name, value in names.items()]
    show("startup", rows, {"help": usage / bare, "check": again / bare, "check_first": first / bare})


if __name__ == "__main__":
    main()

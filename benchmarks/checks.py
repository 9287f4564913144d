"""`retake-flow check` with all rules, each time as if for the first time, against a bare Python that does nothing.

A made flow of 1,000 states shows how it grows.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import alternating, seconds_of, show

_ROUNDS = 9
_STATES = 1_000


def made(states: int) -> str:
    """A flow of so many states, in composites of ten, each with a guard and a variable that it counts."""
    lines = ["flow: made", "initial: g0", "states:"]
    groups = states // 10
    for group in range(groups):
        following = f"g{group + 1}" if group + 1 < groups else "over"
        lines += [f"  g{group}:", "    initial: s0", "    set: {n: 0}"]
        lines += ["    transitions: {error: broken}", "    states:"]
        for state in range(9):
            target = f"s{state + 1}" if state < 8 else following
            lines += [
                f"      s{state}:",
                "        do: retake.verification_status",
                "        transitions:",
                "          done:",
                f'            - {{when: result.verified, to: {target}, set: {{n: "{{{{ vars.n + 1 }}}}"}}}}',
                "            - {to: s0}" if state else "            - {to: " + following + "}",
            ]
    lines += ["  broken: {final: failed}", "  over: {final: completed}", ""]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    program = shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"
    with tempfile.TemporaryDirectory() as folder:
        file, cache = Path(folder, "made.yaml"), str(Path(folder, "cache"))
        file.write_text(made(_STATES), encoding="utf-8")

        def anew(flow: str) -> float:
            shutil.rmtree(cache, ignore_errors=True)
            return seconds_of(["env", f"RETAKE_FLOW_CACHE={cache}", program, "check", flow])()

        bare, shipped, large = alternating(
            [seconds_of([sys.executable, "-c", "pass"]), lambda: anew("go-live.yaml"), lambda: anew(str(file))], _ROUNDS
        )
    names = {"python -c pass": bare, "check go-live.yaml": shipped, f"check of {_STATES} states": large}
    rows = [(name, f"{value * 1000:.1f} ms", f"{value / bare:.1f} x") for name, value in names.items()]
    show("checks", rows, {"check": shipped / bare, "check_1000": large / bare})


if __name__ == "__main__":
    main()

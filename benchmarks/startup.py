"""Whole commands against a bare Python that does nothing, with bytecode as an installed program has it.

`check` is measured for the first time, all rules included, and when the same text has been found good before; a made
flow of 1,000 states shows how it grows.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import alternating, installed, quick, seconds_of, show

_ROUNDS = 15
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
    states, rounds = (20, 1) if quick(__doc__ or "") else (_STATES, _ROUNDS)
    program = shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"
    with tempfile.TemporaryDirectory() as folder, installed() as environment:
        file, cache = Path(folder, "made.yaml"), Path(folder, "cache")
        file.write_text(made(states), encoding="utf-8")
        environment["RETAKE_FLOW_CACHE"] = str(cache)
        check = seconds_of([program, "check", "go-live.yaml"], environment)

        def anew(flow: str) -> float:
            shutil.rmtree(cache, ignore_errors=True)
            return seconds_of([program, "check", flow], environment)()

        bare, usage, large, first, again = alternating(
            [
                seconds_of([sys.executable, "-c", "pass"], environment),
                seconds_of([program, "--help"], environment),
                lambda: anew(str(file)),
                lambda: anew("go-live.yaml"),
                check,
            ],
            rounds,
        )
    names = {
        "python -c pass": bare,
        "retake-flow --help": usage,
        "check go-live.yaml, again": again,
        "check go-live.yaml, first time": first,
        f"check of {states} states, first time": large,
    }
    rows = [(name, f"{value * 1000:.1f} ms", f"{value / bare:.2f} x") for name, value in names.items()]
    figures = {"help": usage, "check": again, "check_first": first, "check_1000": large}
    show("startup", rows, {name: value / bare for name, value in figures.items()})


if __name__ == "__main__":
    main()

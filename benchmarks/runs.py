"""`retake-flow runs` over ten thousand stored runs, as a whole process, against a bare Python that does nothing."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import alternating, installed, quick, seconds_of, show

from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

_ROUNDS = 15
_RUNS = 10_000
_PHASES = (Phase.COMPLETED, Phase.FAULTED, Phase.CANCELLED, Phase.SUSPENDED)


def fill(place: Path, count: int) -> None:
    """Make so many runs."""
    runs, holder = open_runs(place), this_process()
    for number in range(count):
        phase = _PHASES[number % len(_PHASES)]
        state = "broadcast/pushing/on_air" if phase is Phase.SUSPENDED else "signed_off"
        outcome = None if phase is Phase.SUSPENDED else str(phase)
        run = Run(f"go-live-{number:05}", "go-live", "0" * 64, {}, phase=phase, state=state, outcome=outcome)
        runs.create(run, agent="owl", flow_file="go-live.yaml", flow_text="flow", holder=holder).release()
    runs.close()


def main() -> None:
    """Measure and print; on the disk of the current folder, since /tmp may be none."""
    count, rounds = (20, 1) if quick(__doc__ or "") else (_RUNS, _ROUNDS)
    program = shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"
    with tempfile.TemporaryDirectory(dir=".") as name, installed() as environment:
        place = Path(name).absolute() / "runs.sqlite"
        fill(place, count)
        environment["RETAKE_FLOW_STORE"] = str(place)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "runs": [program, "runs"],
            "runs --phase suspended": [program, "runs", "--phase", "suspended"],
            "runs --state on_air": [program, "runs", "--state", "on_air"],
            "runs --limit 0": [program, "runs", "--limit", "0"],
        }
        bare, *ours = alternating([seconds_of(command, environment) for command in commands.values()], rounds)
    rows = [
        (title, f"{value:.3f} s", f"{value / bare:.1f} x") for title, value in zip(commands, (bare, *ours), strict=True)
    ]
    twenty, phase, state, everything = ours
    show(
        f"the list of {count} runs",
        rows,
        {"runs_s": twenty, "phase_s": phase, "state_s": state, "all_s": everything, "against_python": twenty / bare},
    )


if __name__ == "__main__":
    main()

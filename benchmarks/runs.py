"""Commands that read a store of ten thousand runs and a day on air, as whole processes, against a bare Python.

The reads of one journal are also measured without their processes: a thousand of them, after a day and after an hour.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from measure import alternating, installed, quick, seconds_of, show

from retake_flow.run.records import record
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.store.reading import open_file

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


def stream(place: Path, name: str, hours: int) -> None:
    """Make a run that has been on air for so long: two measurements and a message in chat every ten seconds."""
    runs, begun = open_runs(place), time.time() - hours * 3600
    run = Run(name, "go-live", "0" * 64, {}, phase=Phase.RUNNING, state="broadcast/pushing/on_air")
    claim = runs.create(run, agent="owl", flow_file="go-live.yaml", flow_text="flow", holder=this_process())
    for hour in range(hours):
        records = []
        for second in range(0, 3600, 10):
            at = begun + hour * 3600 + second
            sent = {"bitrate": 2500.0, "fps": 30.0, "frames": 300 * second, "dropped": 0, "speed": 1.0}
            live = {"is_live": True, "uptime_seconds": hour * 3600 + second, "viewers": second % 90}
            for activity, result in (("encoder", sent), ("status", live)):
                about = {"activity": f"broadcast/pushing/on_air:{activity}", "visit": 1, "outcome": "measured"}
                records.append(record("activity_result", at, **about, result=result))
            about = {"id": f"m{hour * 3600 + second}", "author": f"viewer {second % 500}", "kind": "message"}
            records.append(record("chat_message", at, **about, text="how are you doing today?"))
        claim.write(run, records)
    claim.write(Run(name, "go-live", "0" * 64, {}, phase=Phase.RUNNING, state="broadcast/pushing/on_air"), [])
    runs.close()


def thousand_reads(place: Path, name: str) -> tuple[float, int]:
    """The seconds that a thousand reads of the last three records of a run take, and how many records they read."""
    store = open_file(str(place))
    assert store is not None
    with closing(store):
        after = store.journal(name, last=1)[-1][0] - 3
        begun = time.perf_counter()
        read = sum(len(store.journal(name, after)) for _ in range(1_000))
        return time.perf_counter() - begun, read


def seconds_of_reads(place: Path, name: str) -> float:
    """The seconds that a thousand reads take."""
    return thousand_reads(place, name)[0]


def main() -> None:
    """Measure and print; on the disk of the current folder, since /tmp may be none."""
    is_quick = quick(__doc__ or "")
    count, rounds, hours = (20, 1, 1) if is_quick else (_RUNS, _ROUNDS, 24)
    program = shutil.which("retake-flow", path=str(Path(sys.executable).parent)) or "retake-flow"
    with tempfile.TemporaryDirectory(dir=".") as name, installed() as environment:
        place = Path(name).absolute() / "runs.sqlite"
        fill(place, count)
        stream(place, "hour", 1)
        stream(place, "day", hours)
        last = hours * 1080
        environment["RETAKE_FLOW_STORE"] = str(place)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "runs": [program, "runs"],
            "runs --phase suspended": [program, "runs", "--phase", "suspended"],
            "runs --state on_air": [program, "runs", "--state", "on_air"],
            "runs --limit 0": [program, "runs", "--limit", "0"],
            "status, on air for an hour": [program, "status", "hour", "--json"],
            "status, on air for a day": [program, "status", "day", "--json"],
            "events --after, of a day": [program, "events", "day", "--after", str(last - 3), "--json"],
            "chat --after, of a day": [program, "chat", "day", "--after", f"m{(hours - 1) * 3600 + 3570}", "--json"],
        }
        bare, *ours = alternating([seconds_of(command, environment) for command in commands.values()], rounds)
        hour, day = alternating([partial(seconds_of_reads, place, run) for run in ("hour", "day")], rounds)
        read = thousand_reads(place, "day")[1]
    rows = [
        (title, f"{value:.3f} s", f"{value / bare:.1f} x") for title, value in zip(commands, (bare, *ours), strict=True)
    ]
    rows.append(("1,000 reads of what is new, of an hour", f"{hour:.3f} s", "1.0 x"))
    rows.append((f"1,000 reads of what is new, of a day ({read} records)", f"{day:.3f} s", f"{day / hour:.1f} x"))
    twenty, phase, state, everything, _, status, events, chat = ours
    figures = {
        "runs_s": twenty,
        "phase_s": phase,
        "state_s": state,
        "all_s": everything,
        "against_python": twenty / bare,
    }
    figures |= {
        "against_python": twenty / bare,
        "status": status / bare,
        "events": events / bare,
        "chat": chat / bare,
        "reads_day_to_hour": day / hour,
    }
    show(f"reading {count} runs", rows, {**figures, "records_read": read})


if __name__ == "__main__":
    main()

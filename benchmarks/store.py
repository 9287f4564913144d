"""What surviving costs: journalling a macrostep, listing ten thousand runs, opening a store.

The journalling is of a run that is on air, with full sync, against a bare write and fsync of the same bytes on the
same disk. Listing and opening are figures; the import of SQLAlchemy, paid once by each process that opens a store, is
against an empty Python.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from measure import alternating, quick, seconds_of, show

from retake_flow.ports.runs import Runs
from retake_flow.run import codec
from retake_flow.run.records import Record, record
from retake_flow.run.run import ActivityState, Phase, Run, Work
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

_STEPS = 200
_ROUNDS = 9
_RUNS = 10_000

_ON_AIR = "broadcast/pushing/on_air"


def on_air() -> Run:
    """A run as it is after an hour on air."""
    keys = ("broadcast:display", "broadcast:content", "broadcast/pushing:encoder", f"{_ON_AIR}:chat")
    names = ("verification", "stream_key", "session", "confirm_live", "thumbnail", "open_chat", "tell_builder")
    return Run(
        "go-live-20260101-000000-abcd",
        "go-live",
        "0" * 64,
        {"agent_name": "owl", "size": "1280x720", "opening_message": "I'm live. What should we explore today?"},
        phase=Phase.RUNNING,
        state=_ON_AIR,
        visits={f"broadcast/pushing/{name}": 3 for name in names},
        outputs={name: {"is_live": True, "viewers": 12, "page": "https://retake.tv/owl"} for name in names},
        activities={key: ActivityState(3, Work.READY, {"display": ":99"}) for key in keys},
        memory={"chat": {"seen": [str(number) for number in range(200)], "greeted": ["ann", "bob"] * 20}},
    )


def records(step: int) -> list[Record]:
    """What a round of the chat writes."""
    result = {"new": 1, "messages": [{"author": "ann", "text": f"message {step}"}]}
    return [record("activity_result", 1.0 * step, activity=f"{_ON_AIR}:chat", visit=3, outcome="done", result=result)]


def journalling(runs: Runs, folder: Path, rounds: int) -> None:
    """Measure one macrostep with full sync."""
    run = on_air()
    claim = runs.create(run, agent="owl", flow_file="go-live.yaml", flow_text="flow", holder=this_process())
    content = json.dumps([codec.encode(run), *records(0)]).encode()
    handle = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def ours() -> None:
        for step in range(_STEPS):
            claim.write(replace(run, visits={**run.visits, "step": step}), records(step))

    def bare() -> None:
        for _ in range(_STEPS):
            os.write(handle, content)
            os.fsync(handle)

    mine, other = alternating([_each(ours, _STEPS), _each(bare, _STEPS)], rounds)
    os.close(handle)
    claim.release()
    rows = [
        (f"write and fsync of {len(content)} bytes", f"{other * 1e3:.2f} ms", "1.00 x"),
        ("one macrostep, full sync", f"{mine * 1e3:.2f} ms", f"{mine / other:.2f} x"),
    ]
    show("journalling", rows, {"bytes": len(content), "macrostep_ms": mine * 1e3, "against_fsync": mine / other})


def listing(runs: Runs, count: int, rounds: int) -> None:
    """Measure the list of so many runs."""
    run, holder = replace(on_air(), outcome="completed", phase=Phase.COMPLETED), this_process()
    for number in range(count):
        name = f"go-live-{number:05}"
        claim = runs.create(replace(run, id=name), agent="owl", flow_file="f", flow_text="flow", holder=holder)
        claim.release()

    def whole() -> None:
        assert len(runs.summaries()) >= count

    everything, twenty = alternating([_each(whole, 1), _each(lambda: runs.summaries(limit=20), 1)], rounds)
    rows = [
        (f"all of {count} runs", f"{everything * 1e3:.0f} ms", ""),
        ("the last twenty", f"{twenty * 1e3:.1f} ms", ""),
    ]
    show("listing", rows, {"all_ms": everything * 1e3, "twenty_ms": twenty * 1e3})


def opening(path: Path, rounds: int) -> None:
    """Measure opening a store that exists, and what a process pays for it in all."""

    def open_it() -> None:
        open_runs(path).close()

    program = f"from retake_flow.store.opening import open_runs; open_runs({str(path)!r}).summaries(limit=1)"
    empty, whole = alternating(
        [seconds_of([sys.executable, "-c", "pass"]), seconds_of([sys.executable, "-c", program])], rounds
    )
    (once,) = alternating([_each(open_it, 1)], rounds)
    rows = [
        ("opening, SQLAlchemy imported", f"{once * 1e3:.1f} ms", ""),
        ("python -c pass", f"{empty * 1e3:.0f} ms", "1.00 x"),
        ("a process that opens and reads", f"{whole * 1e3:.0f} ms", f"{whole / empty:.2f} x"),
    ]
    show("opening", rows, {"open_ms": once * 1e3, "process_ms": whole * 1e3, "against_python": whole / empty})


def _each(work: Callable[[], object], times: int) -> Callable[[], float]:
    def measure() -> float:
        begun = time.perf_counter()
        work()
        return (time.perf_counter() - begun) / times

    return measure


def main() -> None:
    """Measure and print; on the disk of the current folder, since /tmp may be none."""
    count, rounds = (20, 1) if quick(__doc__ or "") else (_RUNS, _ROUNDS)
    with tempfile.TemporaryDirectory(dir=".") as name:
        path = Path(name) / "runs.db"
        runs = open_runs(path)
        journalling(runs, Path(name), rounds)
        listing(runs, count, rounds)
        runs.close()
        opening(path, rounds)


if __name__ == "__main__":
    main()

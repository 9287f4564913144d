"""`retake-flow runs` and `prune`: list the stored runs, and delete old ones."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from retake_flow import printable
from retake_flow.cli import table, terminal
from retake_flow.errors import RetakeFlowError
from retake_flow.monitor.run_text import holder_data, process, since
from retake_flow.ports.runs import Runs, Summary
from retake_flow.run.records import masked, timestamp
from retake_flow.run.run import Phase
from retake_flow.settings import Settings
from retake_flow.wiring.storing import is_driven, open_fleet, open_for_reading, open_store, summaries_with_drivers

_HEAD = ("RUN", "FLOW", "AGENT", "PHASE", "STATE", "GATES", "AGE", "PROCESS")


def runs(args: argparse.Namespace) -> int:
    """List runs."""
    found, jobs = _find(args)
    shown = found[: args.limit] if args.limit else found
    if args.json:
        for summary in shown:
            terminal.emit(_as_json(summary, jobs.get(summary.id)))
        return 0
    if not shown:
        filtered = args.phase or args.state or args.agent or args.flow
        terminal.say("no such runs" if filtered else "no runs yet; `retake-flow run go-live.yaml --rehearse` makes one")
        return 0
    terminal.say("\n".join(table.table([_HEAD, *_rows(shown, jobs)], table.width())))
    for summary in shown:
        if summary.damage:
            terminal.advise(printable.line(f"retake-flow: {summary.id} is damaged: {summary.damage}"))
        if summary.id in jobs and (reason := jobs[summary.id].reason):
            terminal.say(printable.line(f"{summary.id} waits: {reason}"))
    if len(found) > len(shown):
        terminal.say(f"these are the newest {len(shown)}; --limit 0 shows all")
    return 0


class _Placement(NamedTuple):
    """The host of a submitted run, and the reason why it waits for one; "" if there is none."""

    host: str
    reason: str


def _find(args: argparse.Namespace) -> tuple[list[Summary], dict[str, _Placement]]:
    """The matching runs, one more than is shown when there are more, and where the submitted ones are."""
    settings = Settings.from_environment()
    with closing(open_for_reading(settings)) as store:
        read = partial(
            store.summaries,
            phases=[Phase(phase) for phase in args.phase],
            agent=args.agent,
            flow=args.flow,
            limit=args.limit + 1 if args.limit and not args.state else None,
        )
        found = summaries_with_drivers(read)
        jobs = _placements(settings) if any(summary.submitted for summary in found) else {}
    if args.state:
        found = [summary for summary in found if f"/{summary.state}".endswith(f"/{args.state.strip('/')}")]
    return found, jobs


def _placements(settings: Settings) -> dict[str, _Placement]:
    from retake_flow.fleet.placement import reason

    with closing(open_fleet(settings)) as fleet:
        jobs, now = fleet.jobs(), time.time()
        hosts = fleet.hosts() if jobs else []
    return {job.run: _Placement(job.host, reason(job, hosts, now) if job.waits else "") for job in jobs}


def _rows(found: Iterable[Summary], jobs: Mapping[str, _Placement]) -> list[list[str]]:
    now = time.time()
    line = cache(printable.line)  # in a list of thousands, most cells repeat

    return [
        [
            line(summary.id),
            line(Path(summary.flow_file).name or summary.flow) + (" (rehearsal)" if summary.rehearsal else ""),
            line(summary.agent) or "-",
            "damaged" if summary.damage else summary.phase.value,
            line(summary.state) or "-",
            str(summary.gates or "-"),
            since(now - summary.created),
            line(_driver(process(summary.holder, ended=summary.outcome is not None), jobs.get(summary.id))),
        ]
        for summary in found
    ]


def _driver(process: str, placed: _Placement | None) -> str:
    """The process that drives a run, and the host of a submitted one."""
    if placed is None or process in ("-", "died"):
        return "waits" if placed is not None and placed.reason else process
    return f"{placed.host or 'no host'}: {process}"


def _as_json(summary: Summary, placed: _Placement | None) -> dict[str, Any]:
    data: dict[str, Any] = masked(
        {
            "run": summary.id,
            "flow": summary.flow,
            "flow_file": summary.flow_file,
            "rehearsal": summary.rehearsal or None,
            "agent": summary.agent,
            "phase": summary.phase.value,
            "state": summary.state,
            "outcome": summary.outcome,
            "reason": summary.reason,
            "damage": summary.damage or None,
            "gates": summary.gates,
            "holder": holder_data(summary.holder),
            "host": placed.host or None if placed else None,
            "waits": placed.reason or None if placed else None,
            "created": timestamp(summary.created),
            "updated": timestamp(summary.updated),
            "next": [f"retake-flow status {summary.id} --json"],
        }
    )
    return data


def prune(args: argparse.Namespace) -> int:
    """Delete old runs and print their ids."""
    before = time.time() - args.older_than
    found, owing = _prune(before, args.dry_run)
    if args.json:
        told = {"pruned": found, "kept": [*owing], "dry_run": args.dry_run, "before": timestamp(before)}
        stops = [f"retake-flow stop {run} --json" for run in owing]
        terminal.emit({**told, "next": [*stops, "retake-flow runs --json"]})
        return 0
    for run in found:
        terminal.say(printable.line(run))
    runs = terminal.counted(len(found), "run")
    terminal.say(f"{runs} would be deleted" if args.dry_run else f"{runs} deleted")
    for run, undos in owing.items():
        terminal.advise(
            printable.line(
                f"retake-flow: {run} is kept, since its process died before it had undone {undos}; undo it with "
                f"`retake-flow stop {run}`, or give it up with `retake-flow kill {run}`"
            )
        )
    return 0


def _prune(before: float, dry_run: bool) -> tuple[list[str], dict[str, str]]:
    """The deleted runs, and those that are kept since they owe undos, with the names of these."""
    settings = Settings.from_environment()
    with closing(open_store(settings)) as store:
        pruned = store.prune(before, dry_run=dry_run)
        left = sorted(_old(store, before).difference(pruned))
        owing = {run: undos for run in left if (undos := _owed(store, run))}
    for run in () if dry_run else filter(_is_name, pruned):  # unless another folder was named
        shutil.rmtree(settings.state_folder / "rehearsals" / run, ignore_errors=True)
        (settings.state_folder / "tokens" / f"{run}.json").unlink(missing_ok=True)
        for log in (f"{run}.log", f"{run}.log.1"):
            (settings.state_folder / "logs" / log).unlink(missing_ok=True)
    return pruned, owing


def _old(store: Runs, before: float) -> set[str]:
    """The ended runs that were last written before a time, and that no process drives."""
    ended = store.summaries(phases=(Phase.COMPLETED, Phase.FAULTED, Phase.CANCELLED))
    return {summary.id for summary in ended if summary.updated < before and not is_driven(summary.holder)}


def _owed(store: Runs, run: str) -> str:
    """What of an ended run is still to be undone; "" if nothing is, or its data cannot be read."""
    try:
        return ", ".join(undo.do for undo in store.load(run).run.undoing)
    except RetakeFlowError:
        return ""


def _is_name(run: str) -> bool:
    """Whether an id is a valid file name, which it may not be in a damaged store."""
    return run not in ("", ".", "..") and not {"/", "\0"} & {*run}

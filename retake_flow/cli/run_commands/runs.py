"""`retake-flow runs`: lists the stored runs, the newest first."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

from retake_flow.cli.arguments import add_json
from retake_flow.cli.option_values import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from retake_flow.ports.runs import Summary
    from retake_flow.settings import Settings

# Written out, since importing `Phase` would import the model of runs at each start of the program.
_PHASES = ("pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed")
_HEAD = ("RUN", "FLOW", "AGENT", "PHASE", "STATE", "GATES", "AGE", "PROCESS")


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("runs", help="list the runs, the newest first")
    parser.add_argument(
        "--phase", action="append", default=[], choices=_PHASES, help="only those in this phase; may be repeated"
    )
    parser.add_argument("--state", metavar="STATE", help="only those in this state: its path, or the end of it")
    parser.add_argument("--agent", default="", metavar="NAME", help="only those of this agent")
    parser.add_argument("--flow", default="", metavar="NAME", help="only those of this flow")
    parser.add_argument(
        "--limit", type=count, default=20, metavar="N", help="show at most this many, 0 for all; default 20"
    )
    add_json(parser, "one JSON object per run")
    parser.set_defaults(command=runs)


def runs(args: argparse.Namespace) -> int:
    """List runs."""
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.cli.render import table

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
    """Which host has a submitted run, and why it waits for one; "" for neither."""

    host: str
    reason: str


def _find(args: argparse.Namespace) -> tuple[list[Summary], dict[str, _Placement]]:
    """The matching runs, one more than is shown when there are more, and where the submitted ones are."""
    from contextlib import closing

    from retake_flow.run.run import Phase
    from retake_flow.settings import Settings
    from retake_flow.store.reading import FileReader
    from retake_flow.wiring.storing import open_for_reading

    settings = Settings.from_environment()
    with closing(open_for_reading(settings)) as store:
        found = store.summaries(
            phases=[Phase(phase) for phase in args.phase],
            agent=args.agent,
            flow=args.flow,
            limit=args.limit + 1 if args.limit and not args.state else None,
        )
        jobs = {} if isinstance(store, FileReader) and not store.has_jobs() else _placements(settings)
    if args.state:
        found = [summary for summary in found if f"/{summary.state}".endswith(f"/{args.state.strip('/')}")]
    return found, jobs


def _placements(settings: Settings) -> dict[str, _Placement]:
    import time
    from contextlib import closing

    from retake_flow.fleet.placement import reason
    from retake_flow.wiring.storing import open_fleet

    with closing(open_fleet(settings)) as fleet:
        jobs, now = fleet.jobs(), time.time()
        hosts = fleet.hosts() if jobs else []
    return {job.run: _Placement(job.host, reason(job, hosts, now) if job.waits else "") for job in jobs}


def _rows(found: Iterable[Summary], jobs: Mapping[str, _Placement]) -> list[list[str]]:
    import time
    from functools import cache
    from pathlib import Path

    from retake_flow import printable
    from retake_flow.monitor.run_text import process, since

    now = time.time()
    line = cache(printable.line)  # among thousands of runs, most cells are alike

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
    from retake_flow.monitor.run_text import holder_data
    from retake_flow.run.records import plain, timestamp

    data: dict[str, Any] = plain(
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

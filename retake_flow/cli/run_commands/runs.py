"""`retake-flow runs`: lists the stored runs, the newest first."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json
from retake_flow.cli.option_values import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retake_flow.ports.runs import Summary

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

    found = _find(args)
    shown = found[: args.limit] if args.limit else found
    if args.json:
        for summary in shown:
            terminal.emit(_as_json(summary))
        return 0
    if not shown:
        filtered = args.phase or args.state or args.agent or args.flow
        terminal.say("no such runs" if filtered else "no runs yet; `retake-flow run go-live.yaml --rehearse` makes one")
        return 0
    terminal.say("\n".join(table.table([_HEAD, *_rows(shown)], table.width())))
    for summary in shown:
        if summary.damage:
            terminal.advise(printable.line(f"retake-flow: {summary.id} is damaged: {summary.damage}"))
    if len(found) > len(shown):
        terminal.say(f"these are the newest {len(shown)}; --limit 0 shows all")
    return 0


def _find(args: argparse.Namespace) -> list[Summary]:
    """The matching runs; one more than is shown when there are more."""
    from contextlib import closing

    from retake_flow.run.run import Phase
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_for_reading

    with closing(open_for_reading(Settings.from_environment())) as store:
        found = store.summaries(
            phases=[Phase(phase) for phase in args.phase],
            agent=args.agent,
            flow=args.flow,
            limit=args.limit + 1 if args.limit and not args.state else None,
        )
    if not args.state:
        return found
    return [summary for summary in found if f"/{summary.state}".endswith(f"/{args.state.strip('/')}")]


def _rows(found: Iterable[Summary]) -> list[list[str]]:
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
            line(process(summary.holder, ended=summary.outcome is not None)),
        ]
        for summary in found
    ]


def _as_json(summary: Summary) -> dict[str, Any]:
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
            "created": timestamp(summary.created),
            "updated": timestamp(summary.updated),
            "next": [f"retake-flow status {summary.id} --json"],
        }
    )
    return data

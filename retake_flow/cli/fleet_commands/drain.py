"""`retake-flow drain`: has a host give up its runs and take no more."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json, add_within

if TYPE_CHECKING:
    from retake_flow.ports.fleet import Host
    from retake_flow.store.sql.fleet import SqlFleet

_EVERY = 0.25


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("drain", help="have a host hand its runs over, take no more and end its worker")
    parser.add_argument("host", metavar="HOST", help="its name, as `retake-flow hosts` has it")
    parser.add_argument("--end", action="store_true", help="end its runs in order, in place of handing them over")
    add_within(parser, "to wait for it", default="2m")
    add_json(parser)
    parser.set_defaults(command=drain)


def drain(args: argparse.Namespace) -> int:
    """Drain a host. The exit code is 0 once it has no runs and its worker has ended, and 1 when it has some in time."""
    import time
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.fleet.placement import left_over
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_fleet

    with closing(open_fleet(Settings.from_environment())) as fleet:
        waiting = {} if args.end else left_over(args.host, fleet.jobs(), fleet.hosts(), time.time())
        fleet.drain(args.host, "end" if args.end else "hand-over")
        for run, reason in () if args.json else waiting.items():
            terminal.say(printable.line(f"{run} is interrupted until a host takes it: {reason}"))
        left = _wait(fleet, args.host, args.within)
    if args.json:
        off_air = [{"run": run, "reason": reason} for run, reason in waiting.items()]
        again = [] if left is None else [f"retake-flow drain {args.host} --json"]
        terminal.emit(
            {
                "host": args.host,
                "drained": left is None,
                "runs": left.runs if left else 0,
                "waiting": off_air,
                "next": again,
            }
        )
    elif left is None:
        terminal.say(printable.line(f"{args.host} is drained"))
    else:
        why = ": its worker is away, and drains it once it is back" if left.away else ""
        terminal.say(printable.line(f"{args.host} still has {left.runs} runs{why}"))
    return 0 if left is None else 1


def _wait(fleet: SqlFleet, name: str, within: float) -> Host | None:
    """The host, if it is still there when the time is up, or away."""
    from retake_flow.monitor.polling import Polling

    polling = Polling(within, _EVERY)
    while True:
        host = next((host for host in fleet.hosts() if host.id == name), None)
        if host is None or host.away or not polling.again():
            return host

"""`retake-flow hosts`: lists the hosts that drive submitted runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json

if TYPE_CHECKING:
    from retake_flow.ports.fleet import Host

_HEAD = ("HOST", "STATE", "SEEN", "RUNS", "USED", "CAPACITY", "LABELS", "AGENTS", "VERSION")


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("hosts", help="list the hosts that drive submitted runs, and what waits for one")
    add_json(parser, "one JSON object per host")
    parser.set_defaults(command=hosts)


def hosts(args: argparse.Namespace) -> int:
    """List the hosts."""
    import time
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.cli.render import table
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_fleet

    with closing(open_fleet(Settings.from_environment())) as fleet:
        found, jobs = fleet.hosts(), fleet.jobs()
    if args.json:
        for host in found:
            terminal.emit(_as_json(host))
        return 0
    if found:
        rows = [[printable.line(cell) for cell in _row(host)] for host in found]
        terminal.say("\n".join(table.table([_HEAD, *rows], table.width())))
    else:
        terminal.say("no hosts; `retake-flow worker` makes this machine one")
    held = sum(job.held is not None for job in jobs)
    waiting = [job for job in jobs if job.waits and job.held is None]
    later = sum(job.demand.not_before > time.time() for job in waiting)
    if waiting or held:
        for_time = f", for their time: {later}" if later else ""
        counts = f"runs that wait for a host: {len(waiting) - later}{for_time}, held: {held}"
        terminal.say(f"{counts}; `retake-flow runs` says why")
    return 0


def state(host: Host) -> str:
    """The state of a host in one word."""
    if host.away:
        return "away"
    if host.draining:
        return "draining"
    return "ready" if host.accepts else "not-ready"


def _row(host: Host) -> list[str]:
    from retake_flow.monitor.run_text import since

    agents = "any" if host.agents is None else str(len(host.agents))
    numbers = [since(host.age), str(host.runs), f"{host.used:g}", f"{host.capacity:g}"]
    return [host.id, state(host), *numbers, ",".join(host.labels) or "-", agents, host.version]


def _as_json(host: Host) -> dict[str, Any]:
    return {
        "host": host.id,
        "state": state(host),
        "accepts": host.accepts and not (host.away or host.draining),
        "draining": host.draining or None,
        "seen_seconds_ago": round(host.age, 1),
        "runs": host.runs,
        "used": round(host.used, 6),
        "capacity": host.capacity,
        "labels": list(host.labels),
        "agents": None if host.agents is None else list(host.agents),
        "version": host.version,
        "pid": host.pid,
        "next": [f"retake-flow drain {host.id} --json"],
    }

"""`retake-flow hosts` and `drain`: list the hosts that drive submitted runs, and take one out of service."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from typing import Any

from retake_flow import printable
from retake_flow.cli import table, terminal
from retake_flow.fleet.placement import left_over
from retake_flow.monitor.following import Polling
from retake_flow.monitor.run_text import since
from retake_flow.ports.fleet import Host
from retake_flow.settings import Settings
from retake_flow.store.sql.fleet import SqlFleet
from retake_flow.wiring.storing import open_fleet

_HEAD = ("HOST", "STATE", "SEEN", "RUNS", "USED", "CAPACITY", "LABELS", "AGENTS", "VERSION")
_EVERY = 0.25


def hosts(args: argparse.Namespace) -> int:
    """List the hosts."""
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
    agents = "any" if host.agents is None else str(len(host.agents))
    numbers = [since(host.age), str(host.runs), f"{host.used:g}", f"{host.capacity:g}"]
    return [host.id, state(host), *numbers, ",".join(host.labels) or "-", agents, host.version]


def _as_json(host: Host) -> dict[str, Any]:
    return {
        "host": host.id,
        "state": state(host),
        "accepts": host.takes_runs,
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


def drain(args: argparse.Namespace) -> int:
    """Drain a host. The exit code is 0 once it has no runs and its worker has ended, and 1 if not in time."""
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
        why = ": it has no worker now, and the next one drains it" if left.away else ""
        terminal.say(printable.line(f"{args.host} still has {left.runs} runs{why}"))
    return 0 if left is None else 1


def _wait(fleet: SqlFleet, name: str, within: float) -> Host | None:
    """The host, if it has not drained in time."""
    polling = Polling(within, _EVERY)
    while True:
        host = next((host for host in fleet.hosts() if host.id == name), None)
        if host is None or host.away or not polling.wait_for_next():
            return host

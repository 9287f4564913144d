"""`retake-flow doctor`: tests whether this machine can go live, by doing everything on a small scale."""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.settings import Settings
from retake_flow.wiring.diagnosis.examination import examine

_MARKS = {"ok": "ok", "warning": "warning", "missing": "MISSING", "skipped": "skipped"}


def doctor(args: argparse.Namespace) -> int:
    """Run all checks. The exit code is 6 when something required is missing."""
    try:
        found = asyncio.run(_examine(Settings.from_environment(), offline=args.offline, within=args.within))
    except asyncio.CancelledError:  # as by SIGTERM
        return 130
    if args.json:
        begin = "retake-flow run agent.yaml --rehearse --name rehearsal --detach --json"
        terminal.emit({**found, "next": [begin if found["ready"] else "retake-flow doctor --json"]})
    else:
        _say(found)
    return 0 if found["ready"] else 6


async def _examine(settings: Settings, *, offline: bool, within: float) -> dict[str, Any]:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await examine(settings, offline=offline, within=within)


def _say(found: dict[str, Any]) -> None:
    for each in found["checks"]:
        terminal.say(f"{_MARKS[each['status']]:<7}  {each['check']:<15} {printable.line(each['message'])}")
        if each["hint"]:
            terminal.say(f"{'':<24} → {printable.line(each['hint'])}")
    if found["install"]:
        terminal.say(f"\nInstall what is missing:\n    {found['install']}")
    number, warnings = found["missing"], found["warnings"]
    told = "This machine is ready" if found["ready"] else f"{number} of what a stream needs is missing"
    beside = f"; a stream can do without the warnings ({warnings})" if warnings else ""
    terminal.say(f"\n{told}{beside}. It took {found['seconds']} s.")

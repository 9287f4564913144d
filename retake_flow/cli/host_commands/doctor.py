"""`retake-flow doctor`: tests whether this machine can go live, by doing everything on a small scale."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json

if TYPE_CHECKING:
    from retake_flow.settings import Settings

_MARKS = {"ok": "ok", "warning": "warning", "missing": "MISSING", "skipped": "skipped"}


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor", help="test everything that a stream needs on this machine, and say how to fix it"
    )
    parser.add_argument("--offline", action="store_true", help="do not use the network")
    add_json(parser)
    parser.set_defaults(command=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Run all checks. The exit code is 6 when something required is missing."""
    import asyncio

    from retake_flow.cli import terminal
    from retake_flow.settings import Settings

    try:
        found = asyncio.run(_examine(Settings.from_environment(), offline=args.offline))
    except asyncio.CancelledError:  # as by SIGTERM
        return 130
    if args.json:
        begin = "retake-flow run agent.yaml --rehearse --name rehearsal --detach --json"
        terminal.emit({**found, "next": [begin if found["ready"] else "retake-flow doctor --json"]})
    else:
        _say(found)
    return 0 if found["ready"] else 6


async def _examine(settings: Settings, *, offline: bool) -> dict[str, Any]:
    import asyncio
    import signal

    from retake_flow.wiring.diagnosis.examination import examine

    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await examine(settings, offline=offline)


def _say(found: dict[str, Any]) -> None:
    from retake_flow import printable
    from retake_flow.cli import terminal

    for each in found["checks"]:
        terminal.say(f"{_MARKS[each['status']]:<7}  {each['check']:<15} {printable.line(each['message'])}")
        if each["hint"]:
            terminal.say(f"{'':<24} → {printable.line(each['hint'])}")
    if found["install"]:
        terminal.say(f"\nInstall what is missing:\n    {found['install']}")
    number, warnings = found["missing"], found["warnings"]
    told = "This machine is ready" if found["ready"] else f"{number} of what a stream needs is missing"
    beside = f"; a stream goes on without what is warned of ({warnings})" if warnings else ""
    terminal.say(f"\n{told}{beside}. It took {found['seconds']} s.")

"""`retake-flow check`: all mistakes of flows, before anything runs."""

from __future__ import annotations

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("check", help="say all that is wrong with flows, before anything runs")
    parser.add_argument("flows", nargs="+", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument("--json", action="store_true", help="one JSON object a flow")
    parser.set_defaults(command=check)


def check(args: argparse.Namespace) -> int:
    """Check flows; 0 when all are good, 3 when one is not."""
    from retake_flow.cli import flows, terminal
    from retake_flow.settings import Settings

    settings = Settings.from_environment()
    bad = 0
    for name in args.flows:
        found = flows.problems(name, settings)
        bad += bool(found)
        if args.json:
            terminal.emit({"flow": name, "valid": not found, "problems": [_described(problem) for problem in found]})
        else:
            for problem in found:
                terminal.say(str(problem))
            mistakes = "no mistakes" if not found else f"{len(found)} mistake{'s' if len(found) > 1 else ''}"
            terminal.say(f"{name}: {mistakes}")
    return 3 if bad else 0


def _described(problem: Any) -> dict[str, Any]:
    return {
        "file": problem.position.file,
        "line": problem.position.line,
        "column": problem.position.column,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }

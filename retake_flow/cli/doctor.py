"""`retake-flow doctor`: whether everything is there that going live needs."""

from __future__ import annotations

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("doctor", help="show what is installed and set, and what is missing")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Look at programs, credentials and settings; 6 when something needed is missing."""
    from retake_flow.cli import terminal
    from retake_flow.settings import Settings
    from retake_flow.wiring.diagnosis import diagnose

    found = diagnose(Settings.from_environment())
    if args.json:
        terminal.emit(found)
        return 0 if found["ready"] else 6
    for program in found["programs"]:
        mark = "ok" if program["path"] else "MISSING" if program["required"] else "none"
        terminal.say(f"{mark:<7}  {program['name']:<10} {program['purpose']:<45} {program['path'] or ''}".rstrip())
    if found["install"]:
        terminal.say(f"\nInstall what is missing:\n    {found['install']}\n")
    if found["install_optional"]:
        terminal.say(f"\nTo speak on a stream, which is silent without, install:\n    {found['install_optional']}\n")
    account = found["credentials"]
    terminal.say(f"{'ok     ' if account['ok'] else 'PROBLEM'}  credentials: {account['message']}")
    terminal.say(f"ok       platform: {found['platform']}")
    terminal.say(f"ok       runs are kept in {found['state_folder']}")
    return 0 if found["ready"] else 6

"""`retake-flow skill`: prints the skill for AI agents, or installs it."""

from __future__ import annotations

import argparse
from pathlib import Path

from retake_flow import printable, private_file
from retake_flow.cli import terminal
from retake_flow.errors import UsageError
from retake_flow.flow.text import locate


def skill(args: argparse.Namespace) -> int:
    """Print the skill, or install it."""
    text = locate.skill_file().read_text("utf-8")
    if args.install is None:
        if args.json:
            terminal.emit({"skill": text, "next": ["retake-flow doctor --json"]})
        else:
            terminal.say(text.rstrip("\n"))
        return 0
    file = Path(args.install).expanduser() / "retake-flow" / "SKILL.md"
    try:
        private_file.own_folder(file.parent)
        private_file.replace(file, text.encode())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    if args.json:
        terminal.emit({"installed": str(file), "next": ["retake-flow doctor --json"]})
    else:
        terminal.say(printable.line(f"installed {file}"))
    return 0

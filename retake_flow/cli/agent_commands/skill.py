"""`retake-flow skill`: prints the skill for AI agents, or installs it."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_json

_EPILOG = """\
example:
  retake-flow skill --install ~/.claude/skills
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "skill", help="print what an AI agent has to know to use this, as an Agent Skill", epilog=_EPILOG
    )
    parser.add_argument("--install", metavar="DIR", help="write it to DIR/retake-flow, as in ~/.claude/skills")
    add_json(parser)
    parser.set_defaults(command=skill)


def skill(args: argparse.Namespace) -> int:
    """Print the skill, or install it."""
    from pathlib import Path

    from retake_flow import printable, private_file
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.flow.text import locate

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

"""`retake-flow skill` and `mcp`: give AI agents instructions, and tools over the Model Context Protocol."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from retake_flow import printable, private_file
from retake_flow.cli import terminal
from retake_flow.errors import MissingProgram, UsageError
from retake_flow.flow.text import locate

_NEXT = ["retake-flow doctor --json"]


def skill(args: argparse.Namespace) -> int:
    """Print the skill, or install it."""
    text = locate.skill_file().read_text("utf-8")
    if args.install is None:
        terminal.tell({"skill": text, "next": _NEXT}, [text.rstrip("\n")], as_json=args.json)
        return 0
    file = Path(args.install).expanduser() / "retake-flow" / "SKILL.md"
    try:
        private_file.own_folder(file.parent)
        private_file.replace(file, text.encode())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    said = printable.line(f"installed {file}")
    terminal.tell({"installed": str(file), "next": _NEXT}, [said], as_json=args.json)
    return 0


def mcp(args: argparse.Namespace) -> int:
    """Serve until the client disconnects or Ctrl-C is pressed."""
    if find_spec("mcp") is None:
        raise MissingProgram("the MCP server needs the package mcp", hint="pip install 'retake-flow[mcp]'")
    from retake_flow.mcp_server.server import serve, server

    if args.http is None:
        server.run("stdio")
    else:
        serve(args.http)
    return 0

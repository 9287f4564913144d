"""`retake-flow schema`: prints the JSON Schema of flow files, for editors."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_json


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of flow files, for editors")
    parser.add_argument(
        "--with-plugins", action="store_true", help="with the actions of installed packages, which are only read"
    )
    add_json(parser, "the schema on one line")
    parser.set_defaults(command=schema)


def schema(args: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    from retake_flow.actions import editor_schema
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli import terminal
    from retake_flow.cli.flow_commands.actions import with_plugins

    known = with_plugins(CATALOGUE)[0] if args.with_plugins else CATALOGUE
    if args.json:
        terminal.emit(editor_schema.schema(known))
        return 0
    terminal.say(json.dumps(editor_schema.schema(known), indent=2, ensure_ascii=False))
    return 0

"""`retake-flow flows`: lists the shipped flows."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli import terminal
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.text import locate


def flows(args: argparse.Namespace) -> int:
    """List the shipped flows by name."""
    from retake_flow.cli.render import table

    found = {
        name: load_flow(file.read_text("utf-8"), str(file)) for name, file in sorted(locate.shipped_flows().items())
    }
    if args.json:
        shown = [
            {
                "name": name,
                "description": flow.description,
                "inputs": {each.name: _input(each.schema, required=each.is_required) for each in flow.inputs.values()},
            }
            for name, flow in found.items()
        ]
        commands = ["retake-flow plan agent.yaml --json", "retake-flow run agent.yaml --detach --json"]
        terminal.emit({"flows": shown, "next": commands})
    else:
        for line in table.table([(name, flow.description) for name, flow in found.items()]):
            terminal.say(line)
    return 0


def _input(schema: Any, *, required: bool) -> dict[str, Any]:
    about = {name: schema[name] for name in ("type", "description", "default") if name in schema}
    return {**about, "required": required}

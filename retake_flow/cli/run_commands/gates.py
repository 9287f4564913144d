"""`retake-flow gates`: lists all open questions and the commands that answer them."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_json


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("gates", help="list the questions that wait for a person, over all runs")
    parser.add_argument("run", nargs="?", metavar="RUN", help="only those of this run: its id, a prefix of it, or last")
    add_json(parser, "one JSON object per question")
    parser.set_defaults(command=gates)


def gates(args: argparse.Namespace) -> int:
    """List open questions, the oldest first."""
    import time
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.monitor.run_text import gate_data, gate_lines
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store

    with closing(open_store(Settings.from_environment())) as store:
        found = store.open_gates(store.find(args.run) if args.run else None)
    for asked in found:
        if args.json:
            terminal.emit(gate_data(asked))
        else:
            terminal.say(f"{printable.line(asked.run)}  {printable.line(asked.flow)}")
            for line in (*(f"  {line}" for line in gate_lines(asked, time.time())), ""):
                terminal.say(line)
    if not found and not args.json:
        terminal.say("nothing is asked")
    return 0

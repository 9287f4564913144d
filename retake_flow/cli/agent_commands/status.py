"""`retake-flow status`: says in a few lines how a run stands."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_json, add_run


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("status", help="say in a few lines how a run stands")
    add_run(parser)
    add_json(parser, "one small JSON object")
    parser.set_defaults(command=status)


def status(args: argparse.Namespace) -> int:
    """Tell how a run stands. The exit code is 0, 1 when the run has failed, and 4 when it waits for a person."""
    from contextlib import closing

    from retake_flow.cli import terminal
    from retake_flow.monitor import brief
    from retake_flow.monitor.following import Following
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_for_reading

    with closing(open_for_reading(Settings.from_environment())) as store:
        followed = Following(store, store.find(args.run))
        if args.json:
            terminal.emit(brief.status(followed))
        else:
            for line in brief.lines(brief.brief(followed)):
                terminal.say(line)
        return brief.exit_code(followed)

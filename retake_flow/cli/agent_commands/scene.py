"""`retake-flow scene`: changes the scene of a run's stage."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.agent_commands.screen import add_options, asked, change
from retake_flow.cli.arguments import add_run

_EPILOG = """\
`brb` comes by itself while the stream heals.

example:
  retake-flow scene last brb --for 5m
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("scene", help="change the scene of a run's stage", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument("scene", metavar="SCENE", help="starting, live, brb, ended, or one of the flow's scenes")
    add_options(parser)
    parser.set_defaults(command=scene)


def scene(args: argparse.Namespace) -> int:
    """Change the scene: 0 when it shows, 1 when not."""
    return change(args, asked("scene", args.scene))

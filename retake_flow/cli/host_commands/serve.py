"""`retake-flow serve`: shows runs on a page, where people answer, speak and stop."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.option_values import port

_EPILOG = """\
It prints the link that lets a browser in. Only this machine reaches the page; docs/page.md says how a phone does, too.

example:
  retake-flow serve --open
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("serve", help="show runs on a page, where people answer and speak", epilog=_EPILOG)
    parser.add_argument("--port", type=port, default=8765, help="on 127.0.0.1; 0 for any; default 8765")
    parser.add_argument("--read-only", action="store_true", help="only show: no answers, no requests")
    parser.add_argument("--open", action="store_true", help="open it in a browser")
    parser.set_defaults(command=serve)


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from retake_flow.settings import Settings
    from retake_flow.web.serving import serve as serve_page

    serve_page(Settings.from_environment(), args.port, read_only=args.read_only, browser=args.open)
    return 0

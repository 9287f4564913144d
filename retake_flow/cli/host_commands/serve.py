"""`retake-flow serve`: shows runs on a page, where people answer, speak and stop."""

from __future__ import annotations

import argparse

from retake_flow.settings import Settings


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from retake_flow.web.serving import serve as serve_page

    serve_page(Settings.from_environment(), args.port, read_only=args.read_only, browser=args.open)
    return 0

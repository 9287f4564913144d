"""`retake-flow graph`: a flow as a picture."""

from __future__ import annotations

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("graph", help="draw a flow")
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow")
    parser.add_argument(
        "--format", choices=("mermaid", "dot", "svg", "png"), default="mermaid", help="default: mermaid"
    )
    parser.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    parser.set_defaults(command=graph)


def graph(args: argparse.Namespace) -> int:
    """Draw a flow."""
    import sys
    from pathlib import Path

    from retake_flow.cli import flows
    from retake_flow.errors import UsageError
    from retake_flow.flow import diagram
    from retake_flow.settings import Settings

    flow = flows.opened(args.flow, Settings.from_environment())
    if args.format == "mermaid":
        content = diagram.mermaid(flow).encode()
    elif args.format == "dot":
        content = diagram.dot(flow).encode()
    else:
        import asyncio

        from retake_flow.wiring.drawing import draw

        content = asyncio.run(draw(diagram.dot(flow), args.format))
    if args.output:
        try:
            Path(args.output).write_bytes(content)
        except OSError as error:
            raise UsageError(f"{args.output} cannot be written: {error.strerror}") from None
    elif args.format == "png" and sys.stdout.isatty():
        raise UsageError("a PNG is not for the terminal", hint="add --output FILE.png")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return 0

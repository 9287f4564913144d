"""`retake-flow mcp`: serves the Model Context Protocol."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.option_values import port

_EPILOG = """\
Tell the client of your agent how to start it; settings such as RETAKE_CREDENTIALS go into env:
  {"mcpServers": {"retake-flow": {"command": "retake-flow", "args": ["mcp"], "env": {"HOME": "/home/owl"}}}}

With --http it prints its address and the token that every request has to bear.
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "mcp", help="serve tools for AI agents over the Model Context Protocol, on stdio", epilog=_EPILOG
    )
    parser.add_argument(
        "--http", type=port, metavar="PORT", help="on 127.0.0.1 by streamable HTTP instead, with a token; 0: any port"
    )
    parser.set_defaults(command=mcp)


def mcp(args: argparse.Namespace) -> int:
    """Serve until the client is gone, or until Ctrl-C."""
    from importlib.util import find_spec

    from retake_flow.errors import MissingProgram

    if find_spec("mcp") is None:
        raise MissingProgram("the MCP server needs the package mcp", hint="pip install 'retake-flow[mcp]'")
    if args.http is None:
        from retake_flow.mcp_server.server import server

        server.run("stdio")
    else:
        from retake_flow.mcp_server.http import serve

        serve(args.http)
    return 0

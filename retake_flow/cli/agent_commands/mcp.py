"""`retake-flow mcp`: serves the Model Context Protocol."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from retake_flow.errors import MissingProgram


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

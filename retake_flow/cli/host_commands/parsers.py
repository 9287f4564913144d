"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import (
    add_allow_outside,
    add_json,
    add_metrics,
    add_within,
    cores,
    label,
    port,
)

_SERVE_EPILOG = """\
It prints the link that lets a browser in. Only this machine can reach the page; docs/page.md explains
how to open it on a phone.

example:
  retake-flow serve --open
"""
_STORE_EPILOG = """\
A store is a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE. Other users of this machine see the command line:
leave the password out, and give it in PGPASSWORD or ~/.pgpass.

examples:
  retake-flow store prepare postgresql://owner@db.example/retake
  retake-flow store copy ~/.local/state/retake-flow/runs.sqlite postgresql://retake@db.example/retake
"""
_AGENTS_EPILOG = """\
`export` writes access tokens to standard output, and `import` reads them from standard input.

examples:
  retake-flow agents
  retake-flow agents export owl fox | ssh worker-2 retake-flow agents import
  retake-flow agents import owl <~/.config/retake/credentials.json
  retake-flow agents export --kubernetes agents | kubectl apply -f -
"""
_WORKER_EPILOG = """\
Signals: SIGTERM and SIGINT drain the host, so that other hosts continue its runs; a second one ends the worker at
once, and runs that were asked to hand over still do. SIGHUP restarts the worker, for example after an update, while its
runs continue.
"""
_MCP_EPILOG = """\
Tell the client of your agent how to start it; settings such as RETAKE_CREDENTIALS go into env:
  {"mcpServers": {"retake-flow": {"command": "retake-flow", "args": ["mcp"], "env": {"HOME": "/home/owl"}}}}

With --http it prints its address and the token that every request must carry.
"""
_SKILL_EPILOG = """\
example:
  retake-flow skill --install ~/.claude/skills
"""


def serve(parser: Any) -> None:
    """Show runs on a page, where people answer and speak."""
    parser.epilog = _SERVE_EPILOG
    parser.add_argument("--port", type=port, default=8765, help="on 127.0.0.1; 0 for any; default 8765")
    parser.add_argument("--read-only", action="store_true", help="only show: no answers, no requests")
    parser.add_argument("--open", action="store_true", help="open it in a browser")


def notify(parser: Any) -> None:
    """Send a notice to every address, to try them."""
    parser.add_argument("flow", metavar="FLOW", nargs="?", help="also notify the addresses of this flow")
    parser.add_argument("--test", action="store_true", required=True, help="say that it is only a test")
    add_allow_outside(parser)
    add_json(parser)


def guide(parser: Any) -> None:
    """Show the platform's guide, or its changes."""
    parser.add_argument("--diff", action="store_true", help="show the changes since the previous version")
    parser.add_argument("--since", metavar="VERSION", default="", help="compare with this version instead")
    parser.add_argument("--refresh", action="store_true", help="ask retake.tv even if it was asked within a day")
    add_json(parser)


def doctor(parser: Any) -> None:
    """Test everything that a stream needs on this machine, and say how to fix it."""
    parser.add_argument("--offline", action="store_true", help="do not use the network")
    add_within(parser, "the checks may take together", default="3m")
    add_json(parser)


def rehearsal(parser: Any) -> None:
    """Serve a rehearsed retake.tv on this machine, until Ctrl-C."""
    parser.add_argument("--port", type=port, default=0, help="the HTTP port; chosen by the system by default")
    parser.add_argument("--folder", metavar="DIR", help="where recordings, thumbnails and the report go")
    parser.add_argument(
        "--options", metavar="FILE", help="JSON: latency, lag, agents, viewers, faults, … (docs/rehearsal.md)"
    )
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="keep agents, posts and pending faults in FILE, with their secrets, to continue with --options FILE",
    )
    add_json(parser, "print nothing but the address, always as a JSON line")
    parser.set_defaults(drives=True)


def store(parser: Any) -> None:
    """Move all runs to another store, or prepare one."""
    parser.epilog = _STORE_EPILOG
    whats = "copy: move all runs; they continue in TARGET only. prepare: update the tables, as their owner"
    parser.add_argument("what", choices=("copy", "prepare"), metavar="WHAT", help=whats)
    parser.add_argument("source", metavar="SOURCE", nargs="?", default="", help="the store that has the runs")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="default: RETAKE_FLOW_STORE")
    add_json(parser)


def agents(parser: Any) -> None:
    """List this machine's agents, or move their credentials."""
    parser.epilog = _AGENTS_EPILOG
    parser.add_argument("what", nargs="?", choices=("list", "export", "import"), default="list", metavar="WHAT")
    parser.add_argument("names", nargs="*", metavar="AGENT", help="only these; for `import` of one file, its name")
    parser.add_argument("--agents", metavar="DIR", help="the folder of AGENT.json files; default RETAKE_FLOW_AGENTS")
    parser.add_argument("--kubernetes", metavar="NAME", help="export them as a Secret of this name")
    parser.add_argument("--replace", action="store_true", help="replace files of other accounts too")
    add_json(parser)


def worker(parser: Any) -> None:
    """Drive submitted runs on this host."""
    parser.epilog = _WORKER_EPILOG
    parser.add_argument(
        "--capacity", type=cores, metavar="CORES", help="the total cost of its runs; default the number of its cores"
    )
    parser.add_argument("--label", action="append", type=label, default=[], metavar="NAME", help="a label of this host")
    parser.add_argument("--agents", metavar="DIR", help="the folder of AGENT.json files; default RETAKE_FLOW_AGENTS")
    parser.add_argument("--flows", metavar="DIR", help="the folder of flows and their files on this host")
    parser.add_argument("--name", type=label, metavar="NAME", help="the name of this host; its own by default")
    parser.add_argument("--restarts", type=int, default=0, help=argparse.SUPPRESS)
    add_metrics(parser)
    add_json(parser, "one JSON object per line")


def hosts(parser: Any) -> None:
    """List the hosts that drive submitted runs, and the runs that wait for one."""
    add_json(parser, "one JSON object per host")


def drain(parser: Any) -> None:
    """Have a host hand its runs over, take no more and end its worker."""
    parser.add_argument("host", metavar="HOST", help="its name, as listed by `retake-flow hosts`")
    parser.add_argument("--end", action="store_true", help="end its runs cleanly instead of handing them over")
    add_within(parser, "to wait for it", default="2m")
    add_json(parser)


def mcp(parser: Any) -> None:
    """Serve tools for AI agents over the Model Context Protocol, on stdio."""
    parser.epilog = _MCP_EPILOG
    parser.add_argument(
        "--http", type=port, metavar="PORT", help="on 127.0.0.1 by streamable HTTP instead, with a token; 0: any port"
    )


def skill(parser: Any) -> None:
    """Print instructions for AI agents, as an Agent Skill."""
    parser.epilog = _SKILL_EPILOG
    parser.add_argument("--install", metavar="DIR", help="write it to DIR/retake-flow, as in ~/.claude/skills")
    add_json(parser)

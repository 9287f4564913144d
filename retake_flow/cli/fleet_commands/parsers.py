"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

import argparse
import re
from typing import Any

from retake_flow.cli.arguments import add_allow_outside, add_json, add_metrics, add_set, add_within, run_name

_SUBMIT_EPILOG = """\
examples:
  retake-flow submit go-live.yaml --agent owl
  retake-flow submit go-live.yaml --agent owl --cost 1.5 --label nvenc --at 18:00
  retake-flow submit --run last             # a stored run, also one that is held
"""
_WORKER_EPILOG = """\
Signals: SIGTERM and SIGINT drain the host, so that other hosts continue its runs; a second one ends the worker at
once, and runs that were asked to hand over still do. SIGHUP restarts the worker, for example after an update, while its
runs continue.
"""


def _future(text: str) -> float:
    from time import time

    from retake_flow.cli.arguments import moment

    at = moment(text)
    if at < time() - 60:  # the minute that a person reads from a clock has not passed
        raise argparse.ArgumentTypeError(f"{text!r} is in the past; without --at, the run starts at once")
    return at


def _agent_name(text: str) -> str:
    """The name of an agent's file, or of an agent on the platform."""
    if not re.fullmatch(r"[A-Za-z0-9 _-]{1,63}|[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", text, re.ASCII):
        said = "1 to 63 letters, digits, spaces, dots, dashes, _; with a dot, a letter or digit at both ends"
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid name of an agent: {said}")
    return text


def label(text: str) -> str:
    """A label of hosts on the command line.

    Raises:
        ArgumentTypeError: It is not a valid label.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid label: use letters, digits, dots, dashes, _, at most 63"
        )
    return text


def _cores(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.01 <= number <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores from 0.01 to 4096")
    return number


def _priority(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,4}", text, re.ASCII) or abs(int(text)) > 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from -1000 to 1000")
    return int(text)


def submit(parser: Any) -> None:
    """Store a run that any worker may drive."""
    parser.epilog = _SUBMIT_EPILOG
    parser.add_argument("flow", metavar="FLOW", nargs="?", help="a file, or the name of a shipped flow")
    parser.add_argument("--run", metavar="RUN", help="a stored run in place of a new one; a held one is tried again")
    parser.add_argument(
        "--agent", type=_agent_name, metavar="NAME", help="the agent whose credentials the host must have"
    )
    add_set(parser)
    parser.add_argument(
        "--cost", type=_cores, metavar="CORES", help="how much of a host's capacity it takes; default 0.5"
    )
    parser.add_argument(
        "--label", action="append", type=label, default=[], metavar="NAME", help="a label that the host must have"
    )
    parser.add_argument(
        "--priority", type=_priority, metavar="N", help="the smallest comes first, -1000 to 1000; default 0"
    )
    parser.add_argument(
        "--at", type=_future, metavar="TIME", help="the earliest start: 18:00, 2026-12-24T18:00, or 2h from now"
    )
    parser.add_argument("--name", type=run_name, metavar="NAME", help="a name by which every command finds it")
    parser.add_argument("--rehearse", action="store_true", help=argparse.SUPPRESS)  # refused, with what to do
    add_allow_outside(parser)
    add_json(parser)


def worker(parser: Any) -> None:
    """Drive submitted runs on this host."""
    parser.epilog = _WORKER_EPILOG
    parser.add_argument(
        "--capacity", type=_cores, metavar="CORES", help="the total cost of its runs; default the number of its cores"
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


def drive(parser: Any) -> None:
    """Drive a run that a worker has taken; only workers use this command."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("epoch", metavar="EPOCH", type=int)
    add_json(parser, "one JSON object per line")
    parser.set_defaults(drives=True)

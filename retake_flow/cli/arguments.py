"""Arguments: those that several commands declare."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.durations import span


def add_run(parser: Any, **others: Any) -> None:
    """Declare the run that a command is about."""
    parser.add_argument("run", metavar="RUN", help="its id, its name, a prefix of its id, or last", **others)


def add_json(parser: Any, help: str = "one JSON object") -> None:
    """Declare that a program reads the output."""
    parser.add_argument("--json", action="store_true", help=help)


def add_by(parser: Any, does: str) -> None:
    """Declare who asks for something, in words such as `who answers`."""
    parser.add_argument("--by", default="", metavar="NAME", help=f"{does}; you by default")


def add_within(parser: Any, how_long: str, default: str = "50s") -> None:
    """Declare how long a command waits for something to happen."""
    parser.add_argument(
        "--within", type=span, default=default, metavar="TIME", help=f"how long {how_long}; default {default}"
    )


def add_wait(parser: Any, what: str) -> None:
    """Declare how long a command that reads waits when there is nothing new."""
    parser.add_argument(
        "--wait", type=span, default=0.0, metavar="TIME", help=f"how long to wait for {what} if there is none"
    )


def add_allow_outside(parser: Any) -> None:
    """Declare the option that lets a flow name files outside its folder."""
    parser.add_argument(
        "--allow-outside",
        action="append",
        default=[],
        metavar="FOLDER",
        help="let the flow name files in this folder too, or this file; by default it names those in its own folder",
    )


def add_metrics(parser: Any) -> None:
    """Declare where the metrics of this process are served."""
    parser.add_argument("--metrics", metavar="ADDR", help="serve Prometheus metrics there (127.0.0.1:9464)")


def add_detach(parser: Any) -> None:
    """Declare the options that let a run go on by itself."""
    parser.add_argument(
        "--detach",
        action="store_true",
        help="return when it is on air, waits for a person or has ended; the run goes on by itself",
    )
    add_within(parser, "--detach waits at most")

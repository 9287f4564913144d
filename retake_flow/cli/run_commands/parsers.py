"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import (
    add_allow_outside,
    add_by,
    add_detach,
    add_flow,
    add_json,
    add_metrics,
    add_run,
    add_set,
    add_within,
    count,
    run_name,
    span,
)

_ANSWER_EPILOG = """\
examples:
  retake-flow answer last --decision posted tweet_url=https://x.com/owl/status/42
  retake-flow answer last prove_human --decision posted tweet_url=https://x.com/owl/status/42
  echo '{"decision": "posted", "tweet_url": "…"}' | retake-flow answer last -
"""
# Written out, since importing `Phase` would import the model of runs at each start of the program.
_PHASES = ("pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed")
_SAY_EPILOG = """\
Without --voice, --screen or --chat it is spoken if the run has a voice, and shown if it has a content window.

examples:
  retake-flow say last "Back in five minutes"
  echo "A long story" | retake-flow say last - --voice
"""
_WAYS = {"voice": "spoken", "screen": "shown in the content window", "chat": "sent to the agent's chat"}
_SEND_EPILOG = """\
A flow declares under `events:` which events it takes from outside. Every flow with a `timeout` also takes `extend`,
which extends it.

examples:
  retake-flow send last raid --set by=kim --set viewers=40
  retake-flow send last extend --set by=30m
"""


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0.01 <= hours <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours between 0.01 and 1000")
    return hours


def run(parser: Any) -> None:
    """Run a flow, for example go-live.yaml."""
    add_flow(parser)
    parser.add_argument("--rehearse", action="store_true", help="use a rehearsed retake.tv on this machine")
    parser.add_argument(
        "--rehearsal-options", metavar="FILE", help="JSON: latency, viewers, faults, … (docs/rehearsal.md)"
    )
    parser.add_argument("--folder", metavar="DIR", help="the folder for a rehearsal's recordings and report")
    add_set(parser)
    parser.add_argument("--for", dest="duration", metavar="TIME", help="end the time on air after this long (10s, 2h)")
    parser.add_argument(
        "--hours",
        type=_hours,
        metavar="NUMBER",
        help="rehearse this long with busy chat and faults, and measure (0.5, 8)",
    )
    parser.add_argument("--wait", action="store_true", help="keep running while the run only waits for a person")
    add_allow_outside(parser)
    parser.add_argument("--name", type=run_name, metavar="NAME", help="a name by which every command finds it")
    add_detach(parser)
    add_metrics(parser)
    add_json(parser, "one JSON object per line")
    parser.set_defaults(drives=True)


def resume(parser: Any) -> None:
    """Resume a run after an answer, a crash or a reboot."""
    add_run(parser, nargs="?")
    parser.add_argument(
        "--all", action="store_true", help="all runs that can continue: their process died, or they were answered"
    )
    parser.add_argument(
        "--answer", action="append", default=[], metavar="NAME=VALUE", help="answer its question first; - reads JSON"
    )
    parser.add_argument("--decision", default="", metavar="NAME", help="the decision of the answer")
    add_by(parser, "who answers")
    parser.add_argument("--upgrade", action="store_true", help="continue with the flow's file as it is now")
    parser.add_argument("--force", action="store_true", help="take the run from a process that is, or may be, alive")
    parser.add_argument("--wait", action="store_true", help="keep running while the run only waits for a person")
    add_allow_outside(parser)
    add_detach(parser)
    add_metrics(parser)
    add_json(parser, "one JSON object per line")
    parser.set_defaults(drives=True)


def answer(parser: Any) -> None:
    """Answer a question that a run has asked."""
    parser.epilog = _ANSWER_EPILOG
    add_run(parser)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="GATE | NAME=VALUE | -",
        help="the gate, when more than one is open (its id, or the end of its place); the fields; or - to read a "
        "JSON object from standard input",
    )
    parser.add_argument(
        "--decision", default="", metavar="NAME", help="the decision, if the fields do not determine it"
    )
    add_by(parser, "who answers")
    add_within(parser, "to wait until the run takes it", default="10s")
    add_json(parser)


def gates(parser: Any) -> None:
    """List the questions that wait for a person, over all runs."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="only those of this run: its id, a prefix of it, or last")
    add_json(parser, "one JSON object per question")


def runs(parser: Any) -> None:
    """List the runs, the newest first."""
    parser.add_argument(
        "--phase", action="append", default=[], choices=_PHASES, help="only those in this phase; may be repeated"
    )
    parser.add_argument("--state", metavar="STATE", help="only those in this state: its path, or the end of it")
    parser.add_argument("--agent", default="", metavar="NAME", help="only those of this agent")
    parser.add_argument("--flow", default="", metavar="NAME", help="only those of this flow")
    parser.add_argument(
        "--limit", type=count, default=20, metavar="N", help="show at most this many, 0 for all; default 20"
    )
    add_json(parser, "one JSON object per run")


def show(parser: Any) -> None:
    """Show where a run is and what it waits for."""
    add_run(parser)
    parser.add_argument("--journal", action="store_true", help="print its whole journal as JSON lines instead")
    add_json(parser)


def watch(parser: Any) -> None:
    """Follow a run until it ends; Ctrl-C ends only the watching."""
    add_run(parser)
    add_json(parser, "print its whole journal as JSON lines, then new records")


def say(parser: Any) -> None:
    """Say something on the stream of a run."""
    parser.epilog = _SAY_EPILOG
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input")
    for way, how in _WAYS.items():
        parser.add_argument(f"--{way}", dest="ways", action="append_const", const=way, help=f"it is {how}")
    add_by(parser, "who says it")
    add_within(parser, "to wait until it was said", default="2m")
    add_json(parser)


def send(parser: Any) -> None:
    """Send an event that its flow declares to a run."""
    parser.epilog = _SEND_EPILOG
    add_run(parser)
    parser.add_argument("event", metavar="EVENT", help="one of the flow's `events`, or `extend`")
    add_set(parser, "set a field of its data")
    add_by(parser, "who sends it")
    add_json(parser)


def stop(parser: Any) -> None:
    """Stop a run cleanly, from any terminal."""
    _add_end_options(parser, within="2m")


def kill(parser: Any) -> None:
    """Kill a run at once, without undos."""
    _add_end_options(parser, within="30s")


def _add_end_options(parser: Any, within: str) -> None:
    add_run(parser)
    add_within(parser, "to wait for it", default=within)
    add_json(parser)
    parser.set_defaults(drives=True)


def prune(parser: Any) -> None:
    """Delete old runs that have ended, with their journals."""
    parser.add_argument(
        "--older-than",
        default="30d",
        type=span,
        metavar="TIME",
        help="delete runs that ended longer ago than this; default 30d",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list them")
    add_json(parser)

"""Parsers: the arguments of each command, whose help is the docstring of its function."""

from __future__ import annotations

import argparse
import re
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
    add_wait,
    add_within,
    cores,
    count,
    label,
    moment,
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
_WAIT_EPILOG = """\
what to wait for:
  on-air   the stream is live           gate     a person is asked
  message  somebody writes in chat      ended    the run has ended
  a name: a record of the journal (`events` shows them) or an event of the flow has it

`message` and names count from now on, or from the record that --after names.

example:
  retake-flow wait last --until on-air --until gate --within 50s --json
"""
_EVENTS_EPILOG = """\
Each record has a number. --after the last number that you have read prints the new ones: nothing twice, nothing missed.

example:
  retake-flow events last --after 120 --wait 50s --json
"""
_CHAT_EPILOG = """\
--after the id of the last message that you have read prints the new ones: nothing twice, nothing missed.

examples:
  retake-flow chat last --wait 50s --json
  retake-flow chat last --after 66f1c0 --wait 50s --json
"""
_REPLY_EPILOG = """\
The messages that it answers need no other answer: where the flow leaves chat to the agent (responder: {agent: {}}),
nobody else answers them. Without --to it answers everything that was read so far.

examples:
  retake-flow reply last "Hi mira, good to see you" --to 66f1c0
  retake-flow reply last "Thank you all" --json
"""
_SAY_EPILOG = """\
Without --voice, --screen or --chat it is spoken if the run has a voice, and shown if it has a content window.

examples:
  retake-flow say last "Back in five minutes"
  echo "A long story" | retake-flow say last - --voice
"""
_WAYS = {"voice": "spoken", "screen": "shown in the content window", "chat": "sent to the agent's chat"}
_SCREEN_EPILOG = """\
It overrides what the flow shows, for the time given by --for or until `screen RUN clear`.

examples:
  retake-flow screen last title "Rebuilding a radio"
  retake-flow screen last picture schematic.png --for 2m
  retake-flow screen last page https://example.org/ --for 1m
  retake-flow screen last clear
"""
_WHATS = {
    "title": "what the stream is about",
    "note": "a line below the headline",
    "ticker": "a line at the bottom",
    "picture": "a picture's file, in place of the log",
    "page": "a web page over all of it, by its address",
    "scene": "starting, live, brb, ended, or one of the flow's scenes",
    "clear": "show again what the flow shows",
}
_SCENE_EPILOG = """\
`brb` comes on by itself during a recovery.

example:
  retake-flow scene last brb --for 5m
"""
_SEND_EPILOG = """\
A flow declares under `events:` which events it takes from outside. Every flow with a `timeout` also takes `extend`,
which extends it.

examples:
  retake-flow send last raid --set by=kim --set viewers=40
  retake-flow send last extend --set by=30m
"""
_SUBMIT_EPILOG = """\
examples:
  retake-flow submit go-live.yaml --agent owl
  retake-flow submit go-live.yaml --agent owl --cost 1.5 --label nvenc --at 18:00
  retake-flow submit --run last             # a stored run, also one that is held
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


def status(parser: Any) -> None:
    """Show the status of a run in a few lines."""
    add_run(parser)
    add_json(parser, "one small JSON object")


def wait(parser: Any) -> None:
    """Wait until a run is on air, asks a question or ends, or for a record."""
    parser.epilog = _WAIT_EPILOG
    add_run(parser)
    parser.add_argument(
        "--until", action="append", metavar="WHAT", required=True, help="what to wait for; several times: any of them"
    )
    parser.add_argument("--after", type=count, metavar="N", help="the number of the last record that was seen")
    add_within(parser, "to wait at most")
    add_json(parser)


def events(parser: Any) -> None:
    """Print the new records in the journal of a run."""
    parser.epilog = _EVENTS_EPILOG
    add_run(parser)
    parser.add_argument("--after", type=count, default=0, metavar="N", help="the number of the last record read")
    parser.add_argument("--kind", action="append", default=[], metavar="EVENT", help="only records of this kind")
    parser.add_argument("--limit", type=count, default=200, metavar="N", help="how many at most; default 200")
    add_wait(parser, "a record")
    add_json(parser, "one JSON object per line, each with its number")


def chat(parser: Any) -> None:
    """Read the chat of a run."""
    parser.epilog = _CHAT_EPILOG
    add_run(parser)
    parser.add_argument("--after", default="", metavar="ID", help="the id of the last message that was read")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="how many at most, the newest; default 50")
    add_wait(parser, "a message")
    add_json(parser)


def reply(parser: Any) -> None:
    """Answer messages in the chat of a run."""
    parser.epilog = _REPLY_EPILOG
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", help="the answer; - reads it from standard input")
    parser.add_argument("--to", action="append", default=[], metavar="ID", help="the id of a message that it answers")
    add_by(parser, "who answers")
    add_within(parser, "to wait until it was sent")
    add_json(parser)


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


def screen(parser: Any) -> None:
    """Change what a run's stage shows."""
    parser.epilog = _SCREEN_EPILOG
    add_run(parser)
    meanings = "; ".join(f"{name}: {text}" for name, text in _WHATS.items())
    parser.add_argument("what", choices=_WHATS, metavar="WHAT", help=meanings)
    value = "the text, file, address or scene; empty: show again what the flow shows"
    parser.add_argument("value", nargs="?", default="", metavar="VALUE", help=value)
    _add_stage_options(parser)


def scene(parser: Any) -> None:
    """Change the scene of a run's stage."""
    parser.epilog = _SCENE_EPILOG
    add_run(parser)
    parser.add_argument("scene", metavar="SCENE", help="starting, live, brb, ended, or one of the flow's scenes")
    _add_stage_options(parser)


def _add_stage_options(parser: Any) -> None:
    """Declare the options of all commands that change the stage."""
    parser.add_argument(
        "--for", dest="lasts", type=span, metavar="TIME", help="for how long; until the next by default"
    )
    add_by(parser, "who asks for it")
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


def _future(text: str) -> float:
    from time import time

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
        "--cost", type=cores, metavar="CORES", help="how much of a host's capacity it takes; default 0.5"
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

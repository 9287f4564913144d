"""`retake-flow answer`: answers a question of a run from any terminal or program."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_by, add_json, add_run, add_within

_EPILOG = """\
examples:
  retake-flow answer last --decision posted tweet_url=https://x.com/owl/status/42
  retake-flow answer last prove_human --decision posted tweet_url=https://x.com/owl/status/42
  echo '{"decision": "posted", "tweet_url": "…"}' | retake-flow answer last -
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("answer", help="answer a question that a run has asked", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="GATE | NAME=VALUE | -",
        help="the gate, when more than one is open (its id, or the end of its place); the fields; or - to read a "
        "JSON object from standard input",
    )
    parser.add_argument(
        "--decision",
        default="",
        metavar="NAME",
        help="the decision, if the fields do not determine it",
    )
    add_by(parser, "who answers")
    add_within(parser, "to wait until the run takes it", default="10s")
    add_json(parser)
    parser.set_defaults(command=answer)


def answer(args: argparse.Namespace) -> int:
    """Answer a gate. The first valid answer wins."""
    from contextlib import closing

    from retake_flow.cli.run_commands.given_answer import parse_words
    from retake_flow.monitor.answering import store_answer, wait_until_taken
    from retake_flow.monitor.brief import next_for
    from retake_flow.monitor.requests import why_undriven
    from retake_flow.run.records import timestamp
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store, this_user

    said = parse_words(args.words)  # before the store is opened: standard input may take its time
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        gate, answer = store_answer(store, run, said, args.decision, args.by or this_user())
        taken = wait_until_taken(store, run, gate, args.within)
        undriven = "" if taken else why_undriven(store, run)  # having taken it, it may have ended
        data = {
            "run": run,
            "gate": gate.id,
            "answered": True,
            "effect": "done" if taken else "queued",
            "decision": answer.decision,
            "by": answer.by,
            "channel": answer.channel,
            "at": timestamp(answer.at),
            "driven": not undriven,
            "submitted": store.load(run).submitted,
            "next": next_for(store, run),
        }
    _report(data, undriven, args.json)
    return 0


def _report(data: dict[str, Any], undriven: str, as_json: bool) -> None:
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.run.records import plain

    if as_json:
        terminal.emit(plain(data))
        return
    run = printable.line(data["run"])
    waits = "; the run has not taken it yet" if data["driven"] and data["effect"] == "queued" else ""
    if undriven and data["submitted"]:
        waits, undriven = "; a worker goes on with it", ""
    terminal.say(f"answered {printable.line(data['gate'])} of {run}{waits}")
    if undriven:
        terminal.say(printable.line(undriven))

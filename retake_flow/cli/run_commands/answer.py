"""`retake-flow answer`: answers a question of a run from any terminal or program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retake_flow.run.gates import Answer, Gate

_EPILOG = """\
examples:
  retake-flow answer last --decision posted tweet_url=https://x.com/owl/status/42
  retake-flow answer last prove_human --decision posted tweet_url=https://x.com/owl/status/42
  echo '{"decision": "posted", "tweet_url": "…"}' | retake-flow answer last -
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("answer", help="answer a question that a run has asked", epilog=_EPILOG)
    parser.add_argument("run", metavar="RUN", help="its id, a prefix of it, or last")
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
    parser.add_argument("--by", default="", metavar="NAME", help="who answers; you by default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=answer)


def answer(args: argparse.Namespace) -> int:
    """Answer a gate. The first valid answer wins."""
    from contextlib import closing

    from retake_flow.cli.run_commands.given_answer import parse_words
    from retake_flow.monitor.answering import store_answer
    from retake_flow.run.run import Phase
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import is_driven, open_store, this_user

    said = parse_words(args.words)  # before the store is opened: standard input may take its time
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        kept = store_answer(store, run, said, args.decision, args.by or this_user())
        stored = store.load(run)
        driven = (
            is_driven(stored.holder) and stored.run.phase is not Phase.SUSPENDED
        )  # the process may be about to exit
    _report(run, kept, driven, args.json)
    return 0


def _report(run: str, kept: tuple[Gate, Answer], driven: bool, as_json: bool) -> None:
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.run.records import plain, timestamp

    gate, answer = kept
    if as_json:
        data = {"run": run, "gate": gate.id, "answered": True, "decision": answer.decision, "by": answer.by}
        rest = {"channel": answer.channel, "at": timestamp(answer.at), "driven": driven}
        terminal.emit(plain({**data, **rest}))
        return
    terminal.say(f"answered {printable.line(gate.id)} of {printable.line(run)}")
    if not driven:
        terminal.say(f"no process drives it; go on with `retake-flow resume {printable.line(run)}`")

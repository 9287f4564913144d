"""`retake-flow events`: prints the records of a run's journal after a number, and waits for them if there are none."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json, add_run, add_wait
from retake_flow.cli.option_values import count

if TYPE_CHECKING:
    from retake_flow.ports.runs import ReadableRuns

_EPILOG = """\
Each record has a number. --after the last number that was read gives what is new: nothing twice, nothing missed.

example:
  retake-flow events last --after 120 --wait 50s --json
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("events", help="print what is new in the journal of a run", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument("--after", type=count, default=0, metavar="N", help="the number of the last record read")
    parser.add_argument("--kind", action="append", default=[], metavar="EVENT", help="only records of this kind")
    parser.add_argument("--limit", type=count, default=200, metavar="N", help="how many at most; default 200")
    add_wait(parser, "a record")
    add_json(parser, "one JSON object per line, each with its number")
    parser.set_defaults(command=events)


def events(args: argparse.Namespace) -> int:
    """Print records. The exit code is 0, also when there are none."""
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.monitor.journal_text import clock, lines
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_for_reading

    if args.limit < 1:
        raise UsageError("--limit is at least 1")
    with closing(open_for_reading(Settings.from_environment())) as store:
        found = _found(store, store.find(args.run), args)
    for number, record in found:
        if args.json:
            terminal.emit({"number": number, **record})
        else:
            for line in lines(record):
                terminal.say(f"{number:>6}  {clock(record)}  {printable.line(line)}")
    return 0


def _found(store: ReadableRuns, run: str, args: argparse.Namespace) -> list[tuple[int, dict[str, Any]]]:
    """The records that were asked for; waits for the first one, as long as the run has not ended."""
    from retake_flow.monitor.polling import Polling

    polling = Polling(args.wait)
    while True:
        ended = store.load(run).run.ended  # before the journal, so that no record of the end is missed
        found = store.journal(run, args.after, events=args.kind)
        if found or ended or not polling.again():
            return found[: args.limit]

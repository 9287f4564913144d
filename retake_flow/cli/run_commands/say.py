"""`retake-flow say`: says something on a stream from any terminal or program."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_by, add_json, add_run, add_within

_WAYS = {"voice": "spoken", "screen": "shown in the content window", "chat": "sent to the agent's chat"}
_EPILOG = """\
Without --voice, --screen or --chat it is spoken and shown, as far as the run has a voice and a content window.

examples:
  retake-flow say last "Back in five minutes"
  echo "A long story" | retake-flow say last - --voice
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("say", help="say something on the stream of a run", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input")
    for way, how in _WAYS.items():
        parser.add_argument(f"--{way}", dest="ways", action="append_const", const=way, help=f"it is {how}")
    add_by(parser, "who says it")
    add_within(parser, "to wait until it was said", default="2m")
    add_json(parser)
    parser.set_defaults(command=say)


def say(args: argparse.Namespace) -> int:
    """Say something. The exit code is 0 when it was said in every requested way, and 1 when not."""
    from contextlib import closing

    from retake_flow.monitor.brief import next_for
    from retake_flow.monitor.requests import ask_to_say
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store, this_user

    text = read_text(args.text)
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        data = {"text": text, "ways": list(dict.fromkeys(args.ways or ())), "by": args.by or this_user()}
        said = ask_to_say(store, run, data, args.within)
        said["next"] = next_for(store, run)
    report_said(run, said, args.json)
    return 0 if said["said"] else 1


def read_text(given: str) -> str:
    """The text to say.

    Raises:
        UsageError: The text is empty or too long.
    """
    import sys

    from retake_flow.errors import UsageError
    from retake_flow.monitor.requests import LONGEST, text_to_say

    try:
        return text_to_say(sys.stdin.read(LONGEST + 2) if given == "-" else given)
    except UsageError as error:
        hint = error.hint or 'write it behind the run: retake-flow say last "Hello!"'
        raise UsageError(error.message, hint=hint) from None


def report_said(run: str, said: dict[str, Any], as_json: bool) -> None:
    """Report in which ways something was said, and why not in others."""
    from retake_flow import printable
    from retake_flow.cli import terminal

    if as_json:
        terminal.emit({"run": run, **said})
        return
    if said["how"]:
        terminal.say(printable.line(f"said on {run}: {', '.join(said['how'])}"))
    for way, why in said["failed"].items():
        terminal.advise(printable.line(f"not by {way}: {why}"))
    if said["reason"]:
        terminal.advise(printable.line(f"not said: {said['reason']}"))

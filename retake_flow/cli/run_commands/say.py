"""`retake-flow say`: says something on a stream from any terminal or program."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.durations import span

if TYPE_CHECKING:
    from retake_flow.ports.runs import Runs

LONGEST = 500  # characters, as many as are spoken
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
    parser.add_argument("run", metavar="RUN", help="its id, a prefix of it, or last")
    parser.add_argument("text", metavar="TEXT", help="what is said; - reads it from standard input")
    for way, how in _WAYS.items():
        parser.add_argument(f"--{way}", dest="ways", action="append_const", const=way, help=f"it is {how}")
    parser.add_argument("--by", default="", metavar="NAME", help="who says so; you by default")
    parser.add_argument(
        "--within", type=span, default="2m", metavar="TIME", help="how long to wait until it was said; default 2m"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=say)


def say(args: argparse.Namespace) -> int:
    """Say something. The exit code is 0 when it was said in every requested way, and 1 when not."""
    from contextlib import closing

    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import opened, this_user

    text = _text(args.text)
    with closing(opened(Settings.from_environment())) as store:
        run = store.find(args.run)
        data = {"text": text, "ways": list(dict.fromkeys(args.ways or ())), "by": args.by or this_user()}
        said = _request(store, run, data, args.within)
    _tell(run, said, args.json)
    return 0 if said["said"] else 1


def _text(given: str) -> str:
    """The text to say.

    Raises:
        UsageError: The text is empty or too long.
    """
    import sys

    from retake_flow.errors import UsageError
    from retake_flow.sanitize import strip_controls

    text = (sys.stdin.read(LONGEST + 2) if given == "-" else given).strip()
    if len(text) > LONGEST:
        raise UsageError(f"that is longer than {LONGEST} characters", hint="say it in several pieces")
    text = strip_controls(text).strip()
    if not text:
        raise UsageError("there is nothing to say", hint='write it behind the run: retake-flow say last "Hello!"')
    return text


def _request(store: Runs, run: str, data: dict[str, Any], within: float) -> dict[str, Any]:
    """Ask the run to say it, and return the result."""
    from retake_flow.cli.run_commands.requests import HEARD_WITHIN, SentRequest, why_undriven

    answer: dict[str, Any] = {"said": False, "how": [], "failed": {}, "reason": why_undriven(store, run)}
    if answer["reason"]:
        return answer
    asked = SentRequest.send(store, run, "say", data)
    if asked.wait_for_record(("say_requested",), HEARD_WITHIN) is None:
        answer["reason"] = (
            why_undriven(store, run) or f"{run} has not taken it within {HEARD_WITHIN:g} s; it may still do"
        )
        return answer
    record = asked.wait_for_record(("said",), within)
    if record is None:
        answer["reason"] = why_undriven(store, run) or f"{run} is not done with it within {within:g} s; it may still be"
        return answer
    answer.update({name: record[name] for name in ("how", "failed", "reason")})
    # When no way was requested, one way is enough.
    answer["said"] = bool(record["how"]) and not (record["failed"] and data["ways"])
    return answer


def _tell(run: str, said: dict[str, Any], as_json: bool) -> None:
    from retake_flow.cli import terminal
    from retake_flow.cli.render import printable

    if as_json:
        terminal.emit({"run": run, **said})
        return
    if said["how"]:
        terminal.say(printable.line(f"said on {run}: {', '.join(said['how'])}"))
    for way, why in said["failed"].items():
        terminal.advise(printable.line(f"not by {way}: {why}"))
    if said["reason"]:
        terminal.advise(printable.line(f"not said: {said['reason']}"))

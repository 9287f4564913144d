"""`retake-flow send`: let something that happened outside be an event of a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retake_flow.ports.runs import Runs

_EPILOG = """\
A flow says under `events:` what it takes from outside.

example:
  retake-flow send last raid --set by=kim --set viewers=40
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("send", help="send an event that its flow declares to a run", epilog=_EPILOG)
    parser.add_argument("run", metavar="RUN", help="its id, a prefix of it, or last")
    parser.add_argument("event", metavar="EVENT", help="one of the flow's `events`")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set a field of its data")
    parser.add_argument("--by", default="", metavar="NAME", help="who sends it; you by default")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=send)


def send(args: argparse.Namespace) -> int:
    """Send an event; 0 when the run has taken it, 1 when nobody heard of it, 2 when it is refused."""
    from contextlib import closing

    from retake_flow.cli.options import pairs
    from retake_flow.engine.outside import fitting
    from retake_flow.flow.load import stored
    from retake_flow.flow.sources import parsed
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import opened, this_user

    given = pairs(args.set)
    with closing(opened(Settings.from_environment())) as store:
        run = store.find(args.run)
        data = fitting(stored(parsed(store.load(run).flow_text)), args.event, given)
        reason = _sent(store, run, {"name": args.event, "data": data, "by": args.by or this_user()})
    _tell(run, args.event, data, reason, args.json)
    return 1 if reason else 0


def _sent(store: Runs, run: str, event: dict[str, Any]) -> str:
    """Send it; gives why nobody heard of it, or nothing.

    Raises:
        EventRefused: The run does not expect it now.
    """
    from retake_flow.cli.requests import HEARD_WITHIN, Asked, undriven
    from retake_flow.errors import EventRefused

    reason = undriven(store, run)
    if reason:
        return reason
    record = Asked.of(store, run, "event", event).record(("event_raised", "event_refused"), HEARD_WITHIN)
    if record is None:
        return undriven(store, run) or f"{run} has not taken it within {HEARD_WITHIN:g} s; it may still do"
    if record["event"] == "event_refused":
        raise EventRefused(record["message"], hint=record["hint"])
    return ""


def _tell(run: str, name: str, data: dict[str, Any], reason: str, as_json: bool) -> None:
    from retake_flow.cli import printable, terminal
    from retake_flow.run.records import plain

    if as_json:
        terminal.emit(plain({"run": run, "event": name, "data": data, "taken": not reason, "reason": reason}))
    elif reason:
        terminal.advise(printable.line(f"not sent: {reason}"))
    else:
        terminal.say(printable.line(f"{run} has taken {name}"))

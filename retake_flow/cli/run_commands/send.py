"""`retake-flow send`: sends an outside event to a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retake_flow.run.errors import EventRefused, RunUnheard

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
    """Send an event: 0 when the run took it, 1 when it did not now or no process noticed, 2 when it was refused."""
    from contextlib import closing

    from retake_flow.cli.option_values import pairs
    from retake_flow.engine.core.external_events import read_data
    from retake_flow.flow.load.load import load_stored
    from retake_flow.flow.text.bundle import parse
    from retake_flow.monitor.requests import send_event
    from retake_flow.run.errors import EventRefused, RunUnheard
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store, this_user

    given = pairs(args.set)
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        data: dict[str, Any] = {}
        refusal: EventRefused | RunUnheard | None = None
        try:
            data = read_data(load_stored(parse(store.load(run).flow_text)), args.event, given)
            send_event(store, run, {"name": args.event, "data": data, "by": args.by or this_user()})
        except (EventRefused, RunUnheard) as error:
            refusal = error
    _tell(run, args.event, data, refusal, args.json)
    return refusal.exit_code if refusal else 0


def _tell(run: str, name: str, data: dict[str, Any], refusal: EventRefused | RunUnheard | None, as_json: bool) -> None:
    """Report the result. Programs always get the same object, whatever the result."""
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.run.errors import RunUnheard
    from retake_flow.run.records import plain

    if as_json:
        why = ("", "", "") if refusal is None else (refusal.kind, refusal.message, refusal.hint)
        told = dict(zip(("kind", "reason", "hint"), why, strict=True))
        terminal.emit(plain({"run": run, "event": name, "data": data, "taken": refusal is None, **told}))
    elif isinstance(refusal, RunUnheard):
        terminal.advise(printable.line(f"not sent: {refusal.message}"))
    elif refusal is not None:
        terminal.fail(refusal, as_json=False)
    else:
        terminal.say(printable.line(f"{run} has taken {name}"))

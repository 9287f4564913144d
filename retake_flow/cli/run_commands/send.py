"""`retake-flow send`: sends an outside event to a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_by, add_json, add_run

if TYPE_CHECKING:
    from retake_flow.run.errors import EventRefused, RunUnheard

_EPILOG = """\
A flow says under `events:` what it takes from outside. Every flow with a `timeout` also takes `extend`, which lets it
come later.

examples:
  retake-flow send last raid --set by=kim --set viewers=40
  retake-flow send last extend --set by=30m
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("send", help="send an event that its flow declares to a run", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument("event", metavar="EVENT", help="one of the flow's `events`, or `extend`")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set a field of its data")
    add_by(parser, "who sends it")
    add_json(parser)
    parser.set_defaults(command=send)


def send(args: argparse.Namespace) -> int:
    """Send an event: 0 when the run took it, 1 when it did not now or no process noticed, 2 when it was refused."""
    from contextlib import closing

    from retake_flow.cli.option_values import pairs
    from retake_flow.engine.core.external_events import read_data
    from retake_flow.flow.load.load import load_stored
    from retake_flow.flow.text.bundle import parse
    from retake_flow.monitor.brief import next_for
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
        commands = next_for(store, run)
    told = {"run": run, "event": args.event, "data": data, "taken": refusal is None, "next": commands}
    _tell(told, refusal, args.json)
    return refusal.exit_code if refusal else 0


def _tell(told: dict[str, Any], refusal: EventRefused | RunUnheard | None, as_json: bool) -> None:
    """Report the result. Programs always get the same object, whatever the result."""
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.run.errors import RunBusy, RunUnheard
    from retake_flow.run.records import plain

    if as_json:
        why = ("", "", "") if refusal is None else (refusal.kind, refusal.message, refusal.hint)
        effect = "done" if refusal is None else "queued" if isinstance(refusal, RunBusy) else "none"
        terminal.emit(plain({**told, "effect": effect, **dict(zip(("kind", "reason", "hint"), why, strict=True))}))
    elif isinstance(refusal, RunUnheard):
        terminal.advise(printable.line(f"not sent: {refusal.message}"))
    elif refusal is not None:
        terminal.fail(refusal, as_json=False)
    else:
        terminal.say(printable.line(f"{told['run']} has taken {told['event']}"))

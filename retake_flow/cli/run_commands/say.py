"""`retake-flow say`, `reply` and `send`: say something on a stream, answer in its chat, and send its run an event."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.cli.arguments import pairs
from retake_flow.engine.core.external_events import read_data
from retake_flow.errors import UsageError
from retake_flow.flow.load.load import load_stored
from retake_flow.flow.text.bundle import parse
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.chat_inbox import ChatInbox
from retake_flow.monitor.requests import LONGEST, ask_to_say, send_event, text_to_say
from retake_flow.run.errors import EventRefused, RunBusy, RunUnheard
from retake_flow.run.records import masked
from retake_flow.wiring.storing import named_run, this_user


def say(args: argparse.Namespace) -> int:
    """Say something. The exit code is 0 when it was said in every requested way, and 1 when not."""
    return _say(args, list(dict.fromkeys(args.ways or ())), {})


def reply(args: argparse.Namespace) -> int:
    """Send an answer. The exit code is 0 when it was sent, 1 when not, and 2 when a message is unknown."""
    return _say(args, ["chat"], {"answers": args.to})


def _say(args: argparse.Namespace, ways: list[str], more: dict[str, Any]) -> int:
    text = _read_text(args.text)
    with named_run(args.run) as (store, run):
        for message in (answered := more.get("answers", ())):
            ChatInbox(store, run, message)  # an unknown message is refused
        said = ask_to_say(store, run, {"text": text, "ways": ways, "by": args.by or this_user(), **more}, args.within)
        said["next"] = next_for(store, run, read=answered[-1] if answered else "")
    _report(run, said, args.json)
    return 0 if said["said"] else 1


def _read_text(given: str) -> str:
    """The text to say; raises a UsageError when it is empty or too long."""
    try:
        return text_to_say(sys.stdin.read(LONGEST + 2) if given == "-" else given)
    except UsageError as error:
        hint = error.hint or 'write it after the run: retake-flow say last "Hello!"'
        raise UsageError(error.message, hint=hint) from None


def _report(run: str, said: dict[str, Any], as_json: bool) -> None:
    """Report in which ways something was said, and why not in others."""
    if as_json:
        terminal.emit({"run": run, **said})
        return
    if said["how"]:
        terminal.say(printable.line(f"said on {run}: {', '.join(said['how'])}"))
    for way, why in said["failed"].items():
        terminal.advise(printable.line(f"not by {way}: {why}"))
    if said["reason"]:
        terminal.advise(printable.line(f"not said: {said['reason']}"))


def send(args: argparse.Namespace) -> int:
    """Send an event. The exit code is 0 if the run took it, 1 if it did not yet, and 2 if it refused it."""
    given = pairs(args.set)
    with named_run(args.run) as (store, run):
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
    if as_json:
        why = ("", "", "") if refusal is None else (refusal.kind, refusal.message, refusal.hint)
        effect = "done" if refusal is None else "queued" if isinstance(refusal, RunBusy) else "none"
        terminal.emit(masked({**told, "effect": effect, **dict(zip(("kind", "reason", "hint"), why, strict=True))}))
    elif isinstance(refusal, RunUnheard):
        terminal.advise(printable.line(f"not sent: {refusal.message}"))
    elif refusal is not None:
        terminal.fail(refusal, as_json=False)
    else:
        terminal.say(printable.line(f"{told['run']} has taken {told['event']}"))

"""`retake-flow chat` and `events`: print what is new in the chat or the journal of a run, and wait for it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.errors import UsageError
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.chat_inbox import ChatInbox
from retake_flow.monitor.following import Polling
from retake_flow.monitor.journal_text import clock, lines
from retake_flow.ports.runs import ReadableRuns
from retake_flow.wiring.storing import readable_run


def chat(args: argparse.Namespace) -> int:
    """Print the messages after `--after`. The exit code is 0 even without any, and 2 if the id is unknown."""
    if args.limit < 1:
        raise UsageError("--limit is at least 1")
    with readable_run(args.run) as (store, run):
        inbox = ChatInbox(store, run, args.after)
        ended = inbox.wait(args.wait)
        commands = next_for(store, run)
    found = inbox.messages
    shown = found[-args.limit :]
    last = shown[-1]["id"] if shown else args.after or None
    if args.json:
        more = f"retake-flow chat {run}{f' --after {shlex.quote(last)}' if last else ''} --wait 50s --json"
        answer = [f"retake-flow reply {run} TEXT --to {shlex.quote(shown[-1]['id'])} --json"] if shown else []
        terminal.emit(
            {"run": run, "messages": shown, "left_out": len(found) - len(shown), "last": last, "ended": ended}
            | {"next": commands if ended else [*answer, more]}
        )
    else:
        for message in shown:
            terminal.say(printable.line(_line(message)))
    return 0


def _line(message: dict[str, Any]) -> str:
    marks: Iterable[str] = (
        "new" if message["newcomer"] else "",
        f"{message['kind']} {message['paid']['amount']} {message['paid']['currency']}".strip()
        if message["paid"]
        else "",
    )
    marked = ", ".join(filter(None, marks))
    return (
        f"{message['at']}  {message['author']}{f' ({marked})' if marked else ''}: {message['text'] or message['kind']}"
    )


def events(args: argparse.Namespace) -> int:
    """Print records. The exit code is 0 even without any."""
    if args.limit < 1:
        raise UsageError("--limit is at least 1")
    with readable_run(args.run) as (store, run):
        found = _poll_records(store, run, args)
    for number, record in found:
        if args.json:
            terminal.emit({"number": number, **record})
        else:
            for line in lines(record):
                terminal.say(f"{number:>6}  {clock(record)}  {printable.line(line)}")
    return 0


def _poll_records(store: ReadableRuns, run: str, args: argparse.Namespace) -> list[tuple[int, dict[str, Any]]]:
    """The requested records; waits for the first one unless the run has ended."""
    polling = Polling(args.wait)
    while True:
        ended = store.load(run).run.has_ended  # before the journal, so that no record of the end is missed
        found = store.journal(run, args.after, events=args.kind)
        if found or ended or not polling.wait_for_next():
            return found[: args.limit]

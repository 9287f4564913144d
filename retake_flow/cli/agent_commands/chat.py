"""`retake-flow chat`: gives the messages in the chat of a run after one, and waits for them if there are none."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from retake_flow.cli.durations import span

if TYPE_CHECKING:
    from retake_flow.ports.runs import Runs

_EPILOG = """\
--after the id of the last message that was read gives what is new: nothing twice, nothing missed.

examples:
  retake-flow chat last --wait 50s --json
  retake-flow chat last --after 66f1c0 --wait 50s --json
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("chat", help="read the chat of a run", epilog=_EPILOG)
    parser.add_argument("run", metavar="RUN", help="its id, a prefix of it, or last")
    parser.add_argument("--after", default="", metavar="ID", help="the id of the last message that was read")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many at most, the newest; default 50")
    parser.add_argument(
        "--wait", type=span, default=0.0, metavar="TIME", help="how long to wait for a message if there is none"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=chat)


def chat(args: argparse.Namespace) -> int:
    """Give the messages after one. The exit code is 0, also when there are none, and 2 when the id is unknown."""
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store

    if args.limit < 1:
        raise UsageError("--limit is at least 1")
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        found, ended = _found(store, run, args.after, args.wait)
    shown = found[-args.limit :]
    last = shown[-1]["id"] if shown else args.after or None
    if args.json:
        more = f"retake-flow chat {run}{f' --after {last}' if last else ''} --wait 50s --json"
        terminal.emit(
            {"run": run, "messages": shown, "left_out": len(found) - len(shown), "last": last, "ended": ended}
            | {"next": [] if ended else [more, f"retake-flow say {run} --chat TEXT --json"]}
        )
    else:
        for message in shown:
            terminal.say(printable.line(_line(message)))
    return 0


def _found(store: Runs, run: str, after: str, wait: float) -> tuple[list[dict[str, Any]], bool]:
    """The messages after one, and whether the run has ended; waits for the first as long as it has not.

    Raises:
        UsageError: No message has this id.
    """
    import time

    from retake_flow.errors import UsageError
    from retake_flow.monitor.chat_inbox import ChatInbox
    from retake_flow.monitor.following import EVERY

    inbox, read, deadline = ChatInbox(after), 0, time.monotonic() + wait
    while True:
        ended = store.load(run).run.ended  # before the journal, so that no message is missed
        for number, record in store.journal(run, read):
            inbox.take(record)
            read = number
        if after and not inbox.found:
            raise UsageError(f"{run} has read no message {after!r}", hint=f"`retake-flow chat {run}` lists the newest")
        if inbox.messages or ended or time.monotonic() >= deadline:
            return inbox.messages, ended
        time.sleep(EVERY)


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

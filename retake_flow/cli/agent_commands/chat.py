"""`retake-flow chat`: gives the messages in the chat of a run after one, and waits for them if there are none."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from retake_flow.cli.arguments import add_json, add_run, add_wait
from retake_flow.cli.option_values import count

_EPILOG = """\
--after the id of the last message that was read gives what is new: nothing twice, nothing missed.

examples:
  retake-flow chat last --wait 50s --json
  retake-flow chat last --after 66f1c0 --wait 50s --json
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("chat", help="read the chat of a run", epilog=_EPILOG)
    add_run(parser)
    parser.add_argument("--after", default="", metavar="ID", help="the id of the last message that was read")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="how many at most, the newest; default 50")
    add_wait(parser, "a message")
    add_json(parser)
    parser.set_defaults(command=chat)


def chat(args: argparse.Namespace) -> int:
    """Give the messages after one. The exit code is 0, also when there are none, and 2 when the id is unknown."""
    import shlex
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.monitor.brief import next_for
    from retake_flow.monitor.chat_inbox import ChatInbox
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_for_reading

    if args.limit < 1:
        raise UsageError("--limit is at least 1")
    with closing(open_for_reading(Settings.from_environment())) as store:
        run = store.find(args.run)
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

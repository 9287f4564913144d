"""`retake-flow reply`: answers messages in the chat of a run."""

from __future__ import annotations

import argparse
from contextlib import closing

from retake_flow.cli.run_commands.say import read_text, report_said
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.chat_inbox import require_known
from retake_flow.monitor.requests import ask_to_say
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_store, this_user


def reply(args: argparse.Namespace) -> int:
    """Send an answer. The exit code is 0 when it was sent, 1 when not, and 2 when a message is unknown."""
    text = read_text(args.text)
    with closing(open_store(Settings.from_environment())) as store:
        run = store.find(args.run)
        for message in args.to:
            require_known(store, run, message)
        data = {"text": text, "ways": ["chat"], "by": args.by or this_user(), "answers": args.to}
        said = ask_to_say(store, run, data, args.within)
        said["next"] = next_for(store, run, read=args.to[-1] if args.to else "")
    report_said(run, said, args.json)
    return 0 if said["said"] else 1

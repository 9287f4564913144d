"""`retake-flow prune`: deletes runs that ended long ago."""

from __future__ import annotations

import argparse
from typing import Any

from retake_flow.cli.arguments import add_json
from retake_flow.cli.durations import span


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("prune", help="delete old runs that have ended, with their journals")
    parser.add_argument(
        "--older-than",
        default="30d",
        type=span,
        metavar="TIME",
        help="delete runs that ended longer ago than this; default 30d",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list them")
    add_json(parser)
    parser.set_defaults(command=prune)


def prune(args: argparse.Namespace) -> int:
    """Delete old runs and print their ids."""
    import time

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.run.records import timestamp

    before = time.time() - args.older_than
    found = _old(before, args.dry_run)
    if args.json:
        told = {"pruned": found, "dry_run": args.dry_run, "before": timestamp(before)}
        terminal.emit({**told, "next": ["retake-flow runs --json"]})
        return 0
    for run in found:
        terminal.say(printable.line(run))
    runs = f"{len(found)} run{'' if len(found) == 1 else 's'}"
    terminal.say(f"{runs} would be deleted" if args.dry_run else f"{runs} deleted")
    return 0


def _old(before: float, dry_run: bool) -> list[str]:
    import shutil
    from contextlib import closing

    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_store

    settings = Settings.from_environment()
    with closing(open_store(settings)) as store:
        if not dry_run:
            pruned = store.prune(before)
            for run in filter(_is_name, pruned):  # unless another folder was named
                shutil.rmtree(settings.state_folder / "rehearsals" / run, ignore_errors=True)
                (settings.state_folder / "tokens" / f"{run}.json").unlink(missing_ok=True)
                for log in (f"{run}.log", f"{run}.log.1"):
                    (settings.state_folder / "logs" / log).unlink(missing_ok=True)
            return pruned
        runs = store.summaries()
        return sorted(run.id for run in runs if run.outcome is not None and run.updated < before and not run.damage)


def _is_name(run: str) -> bool:
    """Whether an id can be the name of a file in a folder. In a damaged store it may be anything."""
    return run not in ("", ".", "..") and not {"/", "\0"} & {*run}

"""`retake-flow store`: moves all runs of one store into another, and brings the tables of a store up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json

if TYPE_CHECKING:
    from retake_flow.store.sql.copying import Copied

_EPILOG = """\
A store is a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE. Other users of this machine see the command line:
leave the password out, and give it in PGPASSWORD or ~/.pgpass.

examples:
  retake-flow store prepare postgresql://owner@db.example/retake
  retake-flow store copy ~/.local/state/retake-flow/runs.sqlite postgresql://retake@db.example/retake
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("store", help="move all runs to another store, or prepare one", epilog=_EPILOG)
    whats = "copy: move all runs; they go on in TARGET only. prepare: bring the tables up to date, as their owner"
    parser.add_argument("what", choices=("copy", "prepare"), metavar="WHAT", help=whats)
    parser.add_argument("source", metavar="SOURCE", nargs="?", default="", help="the store that has the runs")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="default: RETAKE_FLOW_STORE")
    add_json(parser)
    parser.set_defaults(command=store)


def store(args: argparse.Namespace) -> int:
    """Copy or prepare a store: 0 when that is done, 1 when damaged runs were left out."""
    from retake_flow.errors import UsageError

    if args.what == "prepare":
        if args.target:
            raise UsageError("`store prepare` takes one store")
        return _prepare(args)
    if not args.source:
        raise UsageError("`store copy` needs the store that has the runs", hint="retake-flow store copy SOURCE TARGET")
    return _copy(args)


def _prepare(args: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from retake_flow.cli import terminal
    from retake_flow.fleet import queue
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import prepare_store

    place = args.source or Settings.from_environment().store
    version, has_queue = prepare_store(place), find_spec("dbos") is not None
    if has_queue:
        queue.prepare(place)
    if args.json:
        terminal.emit({"version": version, "queue": has_queue, "next": ["retake-flow runs --json"]})
        return 0
    terminal.say(f"the tables of runs are of version {version}")
    terminal.say("the tables of the queue are up to date" if has_queue else "no queue: DBOS Transact is not installed")
    return 0


def _copy(args: argparse.Namespace) -> int:
    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import copy_store

    target = args.target or Settings.from_environment().store
    with _Progress() as progress:
        copied, source_name, target_name = copy_store(args.source, target, progress)
    if args.json:
        terminal.emit(_as_json(copied, source_name, target_name))
    else:
        terminal.say(printable.line(f"{_sentence(copied)} copied to {target_name}"))
        if copied.there:
            terminal.say(f"{_count(copied.there, 'run')} {'was' if copied.there == 1 else 'were'} there already")
        terminal.say(printable.line(f"{source_name} can still be read; name the new store with RETAKE_FLOW_STORE"))
        for run, why in copied.left.items():
            terminal.advise(printable.line(f"retake-flow: {run} was not copied: {why}"))
    return 1 if copied.left else 0


class _Progress:
    """A line on the terminal that counts the runs; nothing elsewhere."""

    def __enter__(self) -> Callable[[int, int], None]:
        from retake_flow.cli import terminal

        self._shown = terminal.foreground(sys.stderr)
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _tell(self, done: int, of: int) -> None:
        if self._shown:
            sys.stderr.write(f"\r{done} of {of} runs copied")
            sys.stderr.flush()


def _sentence(copied: Copied) -> str:
    """What was copied, in words."""
    counts = (
        _count(copied.runs, "run"),
        _count(copied.records, "record"),
        f"{_count(copied.gates, 'question')} ({copied.answers} answered)",
        _count(copied.requests, "request"),
        _count(copied.flows, "flow text"),
    )
    return ", ".join(counts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _as_json(copied: Copied, source: str, target: str) -> dict[str, Any]:
    counts = {name: getattr(copied, name) for name in ("runs", "there", "records", "gates", "answers", "requests")}
    left = [{"run": run, "reason": why} for run, why in copied.left.items()]
    told = {"source": source, "target": target, **counts, "flows": copied.flows, "left": left}
    return {**told, "next": ["retake-flow runs --json"]}

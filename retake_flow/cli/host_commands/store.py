"""`retake-flow store`: moves all runs of one store into another, and brings the tables of a store up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.errors import UsageError
from retake_flow.settings import Settings
from retake_flow.store.sql.copying import Copied
from retake_flow.wiring.storing import copy_store, prepare_store


def store(args: argparse.Namespace) -> int:
    """Copy or prepare a store. The exit code is 0, or 1 if damaged runs were left out."""
    if args.what == "prepare":
        if args.target:
            raise UsageError("`store prepare` takes one store")
        return _prepare(args)
    if not args.source:
        raise UsageError("`store copy` needs the store that has the runs", hint="retake-flow store copy SOURCE TARGET")
    return _copy(args)


def _prepare(args: argparse.Namespace) -> int:
    from retake_flow.fleet import queue

    place = args.source or Settings.from_environment().store
    version, has_queue = prepare_store(place), find_spec("dbos") is not None
    if has_queue:
        queue.prepare(place)
    told = {"version": version, "queue": has_queue, "next": ["retake-flow runs --json"]}
    about = "the tables of the queue are up to date" if has_queue else "no queue: DBOS Transact is not installed"
    terminal.tell(told, [f"the tables of runs are of version {version}", about], as_json=args.json)
    return 0


def _copy(args: argparse.Namespace) -> int:
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

"""How a run looks from outside: JSON lines for programs, plain lines for logs, a live picture on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from retake_flow.cli import terminal
from retake_flow.cli.reports import report_lines
from retake_flow.flow.model import Flow
from retake_flow.run.records import Record


class View(Protocol):
    """Shows what happens."""

    def heard(self, record: Record) -> None:
        """Show a record of the journal."""
        ...

    def report(self, report: dict[str, Any]) -> None:
        """Show how a rehearsal went."""
        ...


@contextmanager
def view_for(as_json: bool, flow: Flow) -> Iterator[View]:
    """The view that fits who is looking."""
    if as_json:
        view = JsonView()
        try:
            yield view
        finally:
            view.close()
    elif sys.stdout.isatty() and os.get_terminal_size().columns >= 40:
        from retake_flow.cli.live import LiveView

        with LiveView(flow) as live:
            yield live
    else:
        yield PlainView()


class JsonView:
    """Prints every record as one line; `run_ended` is always the last."""

    def __init__(self) -> None:
        self._last: Record | None = None

    def heard(self, record: Record) -> None:
        """Print a record, or keep it when it is the last."""
        if record["event"] == "run_ended":
            self._last = record
        else:
            terminal.emit(record)

    def report(self, report: dict[str, Any]) -> None:
        """Print the report."""
        at = self._last["t"] if self._last else None
        terminal.emit({"t": at, "event": "rehearsal_report", **report})

    def close(self) -> None:
        """Print the last record."""
        if self._last is not None:
            terminal.emit(self._last)


class PlainView:
    """Prints a line for what a person wants to know."""

    def heard(self, record: Record) -> None:
        """Print a record if it is of interest."""
        for line in lines(record):
            terminal.say(f"{clock(record)}  {line}")

    def report(self, report: dict[str, Any]) -> None:
        """Print the report."""
        for line in report_lines(report):
            terminal.say(line)


def clock(record: Record) -> str:
    """The local time of a record."""
    return datetime.fromisoformat(record["t"]).astimezone().strftime("%H:%M:%S")


def lines(record: Record) -> list[str]:
    """What a record says to a person, as lines; nothing for most."""
    said = _SAID.get(record["event"])
    return said(record).splitlines() if said else []


def _hinted(record: Record) -> str:
    return f" ({record['hint']})" if record.get("hint") else ""


def _ended(record: Record) -> str:
    name = record["activity"].rpartition(":")[2]
    return f"! {name}: {record['reason']}" if record["outcome"] == "exited" else ""


def _undone(record: Record) -> str:
    problem = f": {record['message']}" if "message" in record else ""
    return f"← undid {record['state']}: {record['outcome']}{problem}"


def _run_ended(record: Record) -> str:
    reason = f": {record['reason']}" if record["reason"] else ""
    return f"{record['outcome']} in {record['state'] or 'no state'}{reason}"


_SAID: dict[str, Callable[[Record], str]] = {
    "run_started": lambda r: f"run {r['run']} of {r['flow']}",
    "state_entered": lambda r: f"→ {r['state']}" + (f" (visit {r['visit']})" if r["visit"] > 1 else ""),
    "error": lambda r: f"! {r['place']}: {r['message']}{_hinted(r)}",
    "retry_scheduled": lambda r: f"  again in {r['after']:g} s",
    "activity_ended": _ended,
    "notice": lambda r: "\n".join(f"• {line}" for line in r["message"].splitlines()),
    "chat_message": lambda r: f"{r['author']}: {r['text']}",
    "chat_sent": lambda r: f"> {r['text']}",
    "stop_requested": lambda r: f"stopping: {r['reason']} (once more to kill)",
    "undo_finished": _undone,
    "run_ended": _run_ended,
}

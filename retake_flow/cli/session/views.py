"""Views of a run: JSON lines for programs, plain lines for logs, a live picture on a terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from retake_flow.cli import terminal
from retake_flow.run.records import Record

#: The size at which a log is moved to `….1`, in bytes.
MOST_IN_LOG = 1 << 20


class View(Protocol):
    """Shows a run."""

    def pause(self) -> None:
        """Hide the view while somebody types on the terminal."""

    def go_on(self) -> None:
        """Show again."""

    def earlier(self, record: Record) -> None:
        """Take note of an earlier record without showing it."""

    def on_record(self, record: Record) -> None:
        """Show a record of the journal."""

    def report(self, report: dict[str, Any]) -> None:
        """Show the report of a rehearsal."""


@contextmanager
def view_for(
    as_json: bool, name: str, hint: str = "Ctrl-C stops", *, prompted: bool = False, log: Path | None = None
) -> Iterator[View]:
    """The view for the reader of the output; `log` is the file that standard output is written to, if any."""
    if as_json or log is not None:
        view = JsonView() if log is None else LogView(log)
        try:
            yield view
        finally:
            view.close()
    elif terminal.foreground(sys.stdout) and os.get_terminal_size().columns >= 40:
        from retake_flow.cli.session.live_view import LiveView

        with LiveView(name, hint=hint, prompted=prompted) as live:
            yield live
    else:
        yield PlainView(prompted)


class NoView:
    """Shows nothing; base class of views without a picture."""

    def pause(self) -> None:
        """Do nothing."""

    def go_on(self) -> None:
        """Do nothing."""

    def earlier(self, record: Record) -> None:
        """Do nothing."""

    def on_record(self, record: Record) -> None:
        """Do nothing."""

    def report(self, report: dict[str, Any]) -> None:
        """Do nothing."""


class JsonView(NoView):
    """Prints each record as one line. The end, suspension or handover is printed last, even after notices."""

    def __init__(self) -> None:
        self._last: Record | None = None

    def on_record(self, record: Record) -> None:
        """Print a record, or hold it when it may be the last."""
        if record["event"] in ("notice_sent", "notice_failed"):
            terminal.emit(record)
            return
        self.close()
        if record["event"] in ("run_ended", "run_suspended", "run_handed_over"):
            self._last = record
        else:
            terminal.emit(record)

    def report(self, report: dict[str, Any]) -> None:
        """Print the report."""
        at = self._last["t"] if self._last else None
        seen = {name: value for name, value in report.items() if name != "soak"}
        terminal.emit({"t": at, "event": "rehearsal_report", **seen})
        if "soak" in report:
            terminal.emit({"t": at, "event": "soak_report", **report["soak"]})

    def close(self) -> None:
        """Print the last record."""
        if self._last is not None:
            terminal.emit(self._last)
            self._last = None


class LogView(JsonView):
    """Prints records to a log on standard output, and begins a new log when it is full."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    def on_record(self, record: Record) -> None:
        """Print a record."""
        super().on_record(record)
        if os.fstat(1).st_size > MOST_IN_LOG:
            self._log.replace(self._log.with_name(f"{self._log.name}.1"))
            _open_log(self._log)


def leave_terminal(log: Path) -> None:
    """Ignore hang-ups, read nothing from standard input, and write to a log."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _open_log(log)


def _open_log(log: Path) -> None:
    """Send standard output and standard error to a log."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


class PlainView(NoView):
    """Prints a line for each record that is of interest to people."""

    def __init__(self, prompted: bool = False) -> None:
        self._prompted = prompted

    def on_record(self, record: Record) -> None:
        """Print a record if it is of interest."""
        from retake_flow.monitor.journal_text import clock, lines

        for line in lines(record, prompted=self._prompted):
            terminal.say(f"{clock(record)}  {line}")

    def report(self, report: dict[str, Any]) -> None:
        """Print the report."""
        from retake_flow.cli.session.rehearsal_report import report_lines

        for line in report_lines(report):
            terminal.say(line)

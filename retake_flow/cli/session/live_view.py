"""Live view: a run on a terminal, with events scrolling above and the current status at the bottom."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from retake_flow import printable
from retake_flow.cli import output
from retake_flow.cli.session.rehearsal_report import report_lines
from retake_flow.flow.duration import words
from retake_flow.monitor.journal_text import clock, entry, lines
from retake_flow.run.records import Record, record_to_run_time
from retake_flow.run.scenes import Scenes
from retake_flow.run.vitals import Vitals

_CHAT_LINES = 4
_DOING = {
    "activity_started": "starting",
    "activity_ready": "ready",
    "activity_result": "running",
    "activity_failed": "failing",
}


class _Picture(Live):
    """Picture that is not drawn while the terminal accepts nothing, as after Ctrl-S."""

    def refresh(self) -> None:
        """Draw the picture, if the terminal has accepted the last one."""
        out = output.standard()
        if out is None or not out.behind():
            super().refresh()


class LiveView:
    """Shows the state, running activities, the stream's vitals and the latest chat, twice a second."""

    def __init__(
        self, name: str, console: Console | None = None, *, hint: str = "Ctrl-C stops", prompted: bool = False
    ) -> None:
        self._prompted = prompted
        self._title = name
        self._hint = hint
        self._console = console or Console(highlight=False)
        self._began = time.time()  # until the journal gives the start of the run
        self._ahead = 0.0  # by how many seconds the run's time is ahead of the wall clock
        self._state = ""
        self._activities: dict[str, str] = {}
        self._vitals = Vitals()
        self._scenes = Scenes()
        self._chat: deque[str] = deque(maxlen=_CHAT_LINES)
        self._dropped = 0  # lines that the terminal did not accept in time
        self._live = self._new_live()

    def __enter__(self) -> Self:
        if (out := output.standard()) is not None:
            out.dropped = self._note_dropped
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def pause(self) -> None:
        """Remove the picture while somebody types."""
        self._live.stop()

    def go_on(self) -> None:
        """Show the picture again."""
        # A new one, since the old one would erase the text written in the meantime.
        self._live = self._new_live()
        self._live.start()

    def _new_live(self) -> Live:
        return _Picture(console=self._console, get_renderable=self._picture, refresh_per_second=2, transient=True)

    def earlier(self, record: Record) -> None:
        """Add an earlier record to the picture."""
        self._note(record)

    def on_record(self, record: Record) -> None:
        """Add a record to the picture, and print it above if it is of interest."""
        self._note(record)
        for line in lines(record, prompted=self._prompted):
            # As text, not as markup: viewers' text must not style our terminal.
            self._console.print(Text(f"{clock(record)}  {line}"), soft_wrap=True)

    def report(self, report: dict[str, Any]) -> None:
        """Print the report of a rehearsal."""
        self._live.stop()
        for line in report_lines(report):
            self._console.print(Text(line), soft_wrap=True)

    def _note(self, record: Record) -> None:
        self._ahead = record.get("ahead", 0.0)
        match record:
            case {"event": "run_started"}:
                self._began = record_to_run_time(record)
            case {"event": "state_entered", "state": str(state)}:
                self._state = state
            case {"event": "state_left", "state": str(state)}:
                self._activities = {k: v for k, v in self._activities.items() if not k.startswith(f"{state}:")}
            case {"event": "activity_ended", "activity": str(key)}:
                self._activities.pop(key, None)
            case {"event": "chat_message", "author": str(), "text": str()}:
                self._chat.append(entry(record))
            case {"event": "chat_sent", "text": str(text)}:
                self._chat.append(printable.line(f"> {text}"))
            case {"event": event, "activity": str(key)} if event in _DOING:
                self._activities[key] = _DOING[event]
        self._vitals.note(record)
        self._scenes.note(record, record_to_run_time(record))

    def _note_dropped(self, lines: int) -> str:
        self._dropped += lines
        return ""  # the picture shows it; a line between two pictures would be erased

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 2))
        table.add_row(Text("state", "dim"), Text(self._state or "starting", "bold"))
        running = "  ".join(f"{key.rpartition(':')[2]} {doing}" for key, doing in self._activities.items())
        table.add_row(Text("running", "dim"), Text(running or "nothing"))
        now = time.time() + self._ahead
        vitals = self._vitals
        table.add_row(Text("viewers", "dim"), Text(vitals.viewers))
        for name, value, style in (
            ("on air", vitals.on_air(now), ""),
            ("stream", vitals.stream(now), "bold red"),
            ("scene", printable.line(self._scenes.visible(now)), ""),
            ("encoder", vitals.encoder(now), ""),
        ):
            if value:
                table.add_row(Text(name, "dim"), Text(value, style))
        if self._dropped:
            table.add_row(Text("output", "dim"), Text(f"{self._dropped} lines dropped"))
        table.add_row(Text("chat", "dim"), Text("\n".join(self._chat) or "quiet"))
        title = f"{self._title} · {words(now - self._began)} · {self._hint}"
        return Group(Panel(table, title=title, title_align="left", border_style="dim"))

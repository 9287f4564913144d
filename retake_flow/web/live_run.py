"""Live run: one run as the page shows it, read from the store once for all browsers."""

from __future__ import annotations

import stat
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from retake_flow.monitor.brief import remaining, stream_page
from retake_flow.monitor.chat_inbox import CHAT_EVENTS, as_message
from retake_flow.monitor.following import Following
from retake_flow.monitor.journal_text import lines
from retake_flow.monitor.run_text import process
from retake_flow.monitor.run_trace import Way
from retake_flow.ports.runs import Runs
from retake_flow.run.records import Record, parse_timestamp
from retake_flow.run.run import Run
from retake_flow.web.charts import VitalsHistory

#: How many records and messages the page shows.
MOST_RECORDS: Final = 250
MOST_MESSAGES: Final = 60
#: Seconds after which a run is read even without new records, since its process may have died.
_ANYWAY: Final = 2.0
#: Most of a journal; none of these has a line for people.
_SILENT: Final = frozenset(
    {"activity_result", "action_started", "action_finished", "activity_started", "activity_ready", "state_left"}
)
_TROUBLES: Final = ("error", "activity_ended", "sound_silent", "page_refused", "notice_failed", "gate_expired")
_CHAT: Final = (*CHAT_EVENTS, "chat_sent")
#: How many records are read at once.
_AT_ONCE: Final = 2000
_LARGEST: Final = 8 << 20  # bytes


@dataclass(frozen=True)
class Entry:
    """A record as the page shows it.

    Attributes:
        number: Its number in the journal.
        record: The record.
        message: What it adds to chat; None for most.
    """

    number: int
    record: Record
    message: dict[str, Any] | None


class LiveRun:
    """A run as last read. Its methods read the store, or are quick.

    Attributes:
        followed: Its snapshot, vitals and figures.
        history: Its measurements over time.
        way: The path to the state that it is in.
        entries: Its last records with a line for people, the oldest first.
        messages: The last of its chat, the oldest first.
        trouble: The last trouble, and when it was; None when there was none.
    """

    def __init__(self, store: Runs, run: str) -> None:
        self._store = store
        self._next = 0.0
        self._oldest = 1
        self.followed = Following(store, run)
        self.history = VitalsHistory()
        self.way = Way()
        self.entries: deque[Entry] = deque(maxlen=MOST_RECORDS)
        self.messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)
        self.trouble: tuple[float, str] | None = None
        self._take(self._recent_records())

    def look(self, *, now: bool = False) -> None:
        """Read what is new; `now` also when the journal has nothing new."""
        if not now and time.monotonic() < self._next and not self._store.journal(self.followed.run, self.number):
            return
        self.followed.look()
        self._take(self.followed.records)

    def look_back(self) -> None:
        """Read some more of the older measurements, so that a long journal delays nothing."""
        if self.is_whole:
            return
        older, found = VitalsHistory(), self._store.journal(self.followed.run, before=self._oldest, last=_AT_ONCE)
        for _, record in found:
            older.note(record)
        self.history.precede(older)
        self._oldest = found[0][0] if found else 1

    @property
    def is_whole(self) -> bool:
        """Whether `history` reaches back to the beginning."""
        return self._oldest <= 1

    @property
    def version(self) -> object:
        """A value that changes whenever anything but the time may have changed."""
        followed = self.followed
        asked = tuple(one.gate.id for one in followed.gates)
        return self.number, followed.driven, asked, followed.stored.run.phase, followed.scene, self.is_whole

    def since(self, number: int) -> list[Entry]:
        """What the page shows of the records after a number."""
        return [entry for entry in self.entries if entry.number > number]

    @property
    def number(self) -> int:
        """The number of the last record."""
        return self.followed.figures.number

    @property
    def over(self) -> bool:
        """Whether no more records will follow; after the end of a run, its undos and notices may."""
        return self.followed.stored.run.has_ended and not self.followed.driven

    @property
    def facts(self) -> dict[str, Any]:
        """The status of the run, with times by the wall clock."""
        followed, stored, now = self.followed, self.followed.stored, self.followed.now
        run, on_air = stored.run, followed.on_air
        left = remaining(run, now - run.ahead)
        return {
            "id": run.id,
            "agent": stored.agent or run.flow,
            "flow": run.flow,
            "rehearsal": bool(run.rehearsal),
            "phase": run.phase.value,
            "state": run.state,
            "created": stored.created,
            "updated": stored.updated,
            "ended": run.has_ended,
            "over": self.over,
            "sheet": contact_sheet(run) is not None,
            "succeeded": run.has_succeeded,
            "outcome": run.outcome,
            "scene": followed.scene,
            "reason": run.reason,
            "elsewhere": process(stored.holder, run.has_ended).partition("@")[2].partition(",")[0],
            **stream_facts(followed),
            "until": None if left is None or not on_air else time.time() + left,
            "address": stream_page(run),
            "encoder": followed.figures.vitals.encoder(now) if on_air else "",
            "trouble": self.trouble,
            "now": time.time(),
        }

    def _recent_records(self) -> Mapping[int, Record]:
        """The last records, and the last of chat, trouble and states, however long ago."""
        run, before = self.followed.run, self.number + 1
        found = self._store.journal(run, before=before, last=_AT_ONCE)
        self._oldest = found[0][0] if found else 1
        if not self.is_whole:
            found += self._store.journal(run, before=self._oldest, last=MOST_MESSAGES, events=_CHAT)
            found += self._store.journal(run, before=self._oldest, last=MOST_MESSAGES, events=_TROUBLES)
            found += self._store.journal(run, before=self._oldest, last=MOST_RECORDS, events=("state_entered",))
        return dict(sorted(found, key=itemgetter(0)))

    def _take(self, records: Mapping[int, Record]) -> None:
        for number, record in records.items():
            self.history.note(record)
            self.way.note(record)
            message = self._message(record)
            if message:
                self.messages.append({"number": number, **message})
            if record["event"] not in _SILENT:
                self.entries.append(Entry(number, record, message))
            if record["event"] in _TROUBLES and (said := lines(record)):
                self.trouble = parse_timestamp(record["t"]), said[0].removeprefix("!").strip()
        ends = self.followed.stored.run.has_ended  # its process may be gone at any moment
        self._next = 0.0 if ends else time.monotonic() + _ANYWAY

    def _message(self, record: Record) -> dict[str, Any] | None:
        if record["event"] == "chat_sent":
            author = self.followed.stored.agent or "agent"
            return {"at": record["t"], "kind": "message", "author": author, "text": record.get("text", ""), "own": True}
        return {**as_message(record), "own": False} if record["event"] in CHAT_EVENTS else None


def stream_facts(followed: Following) -> dict[str, Any]:
    """The status of a run's stream, with times by the wall clock."""
    now, run = followed.now, followed.stored.run
    vitals = followed.figures.vitals.data(now)
    return {
        "driven": followed.driven,
        "on_air": followed.on_air,
        "live_since": now - run.ahead - vitals["uptime_seconds"] if followed.on_air else None,
        "viewers": vitals.get("viewers"),
        "problem": "" if run.has_ended else followed.trouble,
        "figures": followed.stats,
    }


def contact_sheet(run: Run) -> Path | None:
    """The newest contact sheet of a run; None when it has none."""
    if not (run.has_ended and run.rehearsal):
        return None
    found: list[tuple[float, Path]] = []
    for path in Path(run.rehearsal).glob("recordings/*.png"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
            found.append((status.st_mtime, path))
    return max(found)[1] if found else None

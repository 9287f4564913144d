"""Following: reads a run from its store again and again, and each of its records once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from retake_flow.engine.notify.stream_summary import StreamSummary
from retake_flow.monitor.run_text import not_driven
from retake_flow.monitor.vitals import Vitals
from retake_flow.ports.runs import OpenGate, Runs, Stored
from retake_flow.run.records import Record
from retake_flow.wiring.storing import is_driven

#: Seconds between two looks at the store.
EVERY = 0.2


class Following:
    """A run as last read.

    Attributes:
        stored: Its snapshot.
        records: The records that the last look found, by number.
        number: The number of its last record.
        vitals: The state of its stream.
        summary: The figures of its stream.
    """

    def __init__(self, store: Runs, run: str) -> None:
        self._store = store
        self.run = run
        self.stored: Stored
        self.records: Mapping[int, Record] = {}
        self.number = 0
        self.vitals = Vitals()
        self.summary = StreamSummary()
        self.unanswered = 0
        self.look()

    def look(self) -> None:
        """Read the run as it is now."""
        self.stored = self._store.load(self.run)  # before the journal, so that no record of an end is missed
        self.records = dict(self._store.journal(self.run, self.number))
        for number, record in self.records.items():
            self.number = number
            self.vitals.note(record)
            self.summary.count(record)
            self._count(record)

    def until(self, met: Callable[[Following], bool], within: float) -> bool:
        """Look until a condition is met, for at most `within` seconds; returns whether it was."""
        deadline = time.monotonic() + within
        while not met(self):
            if time.monotonic() >= deadline:
                return False
            time.sleep(EVERY)
            self.look()
        return True

    @property
    def now(self) -> float:
        """The run's own time."""
        return time.time() + self.stored.run.ahead

    @property
    def driven(self) -> bool:
        """Whether a process drives it."""
        return is_driven(self.stored.holder)

    @property
    def on_air(self) -> bool:
        """Whether its stream is known to be on air."""
        return self.driven and bool(self.vitals.on_air(self.now))

    @property
    def gates(self) -> list[OpenGate]:
        """Its open questions, the oldest first."""
        return self._store.open_gates(self.run)

    @property
    def trouble(self) -> str:
        """The reason why it is not on air although it should be, or why nothing happens; "" when all is well."""
        run = self.stored.run
        if run.ended:
            return "" if run.succeeded else run.reason
        if not self.driven:
            return "" if self.stored.holder is None else str(not_driven(self.run, self.stored.holder)["message"])
        return self.vitals.stream(self.now)

    def _count(self, record: Record) -> None:
        match record:
            case {"event": "chat_message"}:
                self.unanswered += 1
            case {"event": "chat_sent"}:
                self.unanswered = 0

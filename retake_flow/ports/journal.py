"""Port for the journal: where a run is recorded, and who hears its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from retake_flow.run.records import Record
from retake_flow.run.run import Run


class RunStore(Protocol):
    """Stores a run: its snapshot and its append-only journal, in one transaction."""

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the run and the new records; all of it or nothing.

        Raises:
            StoreError: It cannot be written.
            Fenced: Another process has claimed the run.
            AnswerWaiting: The run no longer holds a gate that has an answer which the run has not taken. Nothing was
                written: take the answer first, then step again.
        """
        ...


class Listener(Protocol):
    """Receives every record after it was written."""

    def on_record(self, record: Record) -> None:
        """Receive a record; must not fail."""
        ...

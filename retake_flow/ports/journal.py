"""Port for the journal: where a run is recorded, and who hears its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from retake_flow.run.records import Record
from retake_flow.run.run import Run


class RunStore(Protocol):
    """Keeps a run: its snapshot and its journal, append-only, in one transaction."""

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Keep the run as it is now, and what happened; all of it or nothing.

        Raises:
            StoreError: It cannot be written.
            Fenced: Somebody else has claimed the run.
            AnswerWaiting: The run no longer holds a gate whose answer it has not been given. Nothing was written:
                take the answer first, then step again.
        """
        ...


class Listener(Protocol):
    """Hears every record after it was written."""

    def heard(self, record: Record) -> None:
        """Take notice of a record; must not fail."""
        ...

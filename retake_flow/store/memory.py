"""Runs that live as long as the process."""

from __future__ import annotations

from collections.abc import Sequence

from retake_flow.run.records import Record
from retake_flow.run.run import Run


class MemoryStore:
    """Keeps the latest snapshot and the whole journal of each run.

    Attributes:
        runs: The snapshots by the run's id.
        journals: The records by the run's id.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.journals: dict[str, list[Record]] = {}

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Keep the run as it is now, and what happened."""
        self.runs[run.id] = run
        self.journals.setdefault(run.id, []).extend(records)

"""Journals as files of JSON lines, one a run, readable by their owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from retake_flow.errors import StoreError
from retake_flow.run.records import VERSION, Record
from retake_flow.run.run import Run


class LinesStore:
    """Appends each run's records to `FOLDER/RUN.jsonl`; a line is either whole or not there.

    Args:
        folder: Where the files are; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run: str) -> Path:
        """The file of a run."""
        return self._folder / f"{run}.jsonl"

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Append what happened.

        Raises:
            StoreError: The file cannot be written.
        """
        if not records:
            return
        path = self.path(run.id)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                head = [{"version": VERSION}] if os.fstat(handle).st_size == 0 else []
                lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in (*head, *records))
                # One write, so that a reader or a crash never sees a part of it.
                _write_all(handle, lines.encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(
                f"the journal {path} cannot be written: {error.strerror or error}",
                hint="free some space or make the folder writable, or name another with RETAKE_FLOW_STATE",
            ) from error


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]

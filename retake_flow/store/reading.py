"""Reading: reads runs from a SQLite file without SQLAlchemy, whose import takes longer than everything else.

It knows one version of the tables, and only files that can be read as they are. All else is left to `open_runs`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from retake_flow.store import columns
from retake_flow.store.queries import FILE_CLOCK, RunReader

#: The version of the tables that this module knows; `migrations.STEPS` leads to it.
VERSION: Final = 7


class FileReader(RunReader):
    """The runs in a SQLite file.

    Args:
        connection: A connection that only reads.
        place: The path of the file.
        owner: The agent for whom it is opened; "" for nobody in particular.
    """

    def __init__(self, connection: sqlite3.Connection, place: str, owner: str) -> None:
        super().__init__(place, owner, FILE_CLOCK)
        self._connection = connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _all(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        try:
            return self._connection.execute(query, columns.storable_row(values)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            from retake_flow.store.sql.db_errors import as_store_errors  # it imports SQLAlchemy

            with as_store_errors(self._place):
                raise


def open_file(place: str, owner: str = "") -> FileReader | None:
    """A reader of a store; None when it is not such a file, so that the caller has to use `open_runs`.

    Args:
        place: The path of a SQLite file, or anything else that `open_runs` takes.
        owner: The agent for whom it is opened; "" for nobody in particular.
    """
    if "://" in place:
        return None
    path = Path(os.path.expanduser(place))
    if not path.is_file():
        return None
    try:
        # Opening the file for writing gives a better error.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
    except sqlite3.Error:
        return None
    connection.text_factory = _text
    try:
        ((version, readable_by),) = connection.execute("SELECT version, readable_by FROM schema_version").fetchall()
        if readable_by <= VERSION <= version:
            return FileReader(connection, str(path), owner)
    except (sqlite3.Error, ValueError, TypeError):  # damaged: the names, or the version
        pass
    connection.close()
    return None


def _text(raw: bytes) -> str:
    # Text that is not UTF-8 is damaged; it must not keep the rows next to it from being read.
    return raw.decode("utf-8", "surrogateescape")

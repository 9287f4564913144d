"""What a database complains of, in words for a person who can do something about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from retake_flow.errors import StoreError

_ELSEWHERE = "or name another store with RETAKE_FLOW_STORE"

# By the beginning of SQLite's name for it, the longer first.
_SQLITE = (
    ("SQLITE_IOERR_WRITE", "cannot grow: the disk or its quota is full", "free some space; what was written is safe"),
    ("SQLITE_FULL", "cannot grow: the disk or its quota is full", "free some space; what was written is safe"),
    ("SQLITE_READONLY", "cannot be written", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_CANTOPEN", "cannot be opened", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_PERM", "cannot be opened", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_NOTADB", "is not a store of retake-flow", f"it was left as it is; move it away, {_ELSEWHERE}"),
    ("SQLITE_CORRUPT", "is damaged", f"it was left as it is; try `sqlite3 FILE .recover` on a copy, {_ELSEWHERE}"),
    ("SQLITE_BUSY", "is kept busy by another process", "try again; if it stays so, see which process has it open"),
)


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turn what goes wrong with the database at `place` into a `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(place, error.orig) from error
    except sqlite3.Error as error:  # from where the driver is used directly
        raise _translated(place, error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the store {place} cannot be used: {error}") from error


def _translated(place: str, error: BaseException | None) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    said = str(error).strip().split("\n", 1)[0]
    for beginning, complaint, hint in _SQLITE:
        if name.startswith(beginning):
            return StoreError(f"the store {place} {complaint} ({said})", hint=hint)
    return StoreError(f"the store {place} cannot be used: {said}")

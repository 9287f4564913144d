"""Database errors: turns them into messages that a person can act on."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from retake_flow.errors import StoreAway, StoreError

_ELSEWHERE = "or name another store with RETAKE_FLOW_STORE"
_RECOVER = (
    "it was left as it is; make another of what can be saved, `sqlite3 {place} .recover | sqlite3 saved.sqlite`, "
    "and export RETAKE_FLOW_STORE=saved.sqlite, or the name of a new one"
)

# By the beginning of SQLite's name for the error, longer ones first.
_SQLITE = (
    ("SQLITE_IOERR_WRITE", "cannot grow: the disk or its quota is full", "free some space; what was written is safe"),
    ("SQLITE_FULL", "cannot grow: the disk or its quota is full", "free some space; what was written is safe"),
    ("SQLITE_READONLY", "cannot be written", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_CANTOPEN", "cannot be opened", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_PERM", "cannot be opened", f"make the file and its folder writable by you, {_ELSEWHERE}"),
    ("SQLITE_NOTADB", "is not a store of retake-flow", f"it was left as it is; move it away, {_ELSEWHERE}"),
    *(
        (name, "is damaged", _RECOVER)
        for name in ("SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT", "SQLITE_TOOBIG")
    ),
    ("SQLITE_BUSY", "is kept busy by another process", "try again; if it stays so, see which process has it open"),
)


_AS_OWNER = "run `retake-flow store prepare` as the owner of its tables, and grant this role what it needs"
# What a server says to a client that it does not let in; the driver has no code of it.
_REFUSALS = r"authentication failed|no password supplied|no pg_hba\.conf entry|(role|database) \".*\" does not exist"
_FULL = r"too many (clients|connections)|remaining connection slots are reserved"
_RAISE_LIMIT = (
    "all connections of the server are taken: give it max_connections of two for each run and ten for each host"
)
_NOT_LET_IN = "the server runs and does not let you in: correct the user, password or database in RETAKE_FLOW_STORE"
_HINTS = ((_REFUSALS, _NOT_LET_IN), (_FULL, _RAISE_LIMIT))
_PASSING = "SQLITE_BUSY"  # another program writes
_FORBIDDEN = "42501"  # PostgreSQL's code for what a role may not do
_AWAY = ("OperationalError", "InterfaceError")  # classes of errors of a connection
# PostgreSQL's codes for a server that has become a standby, and for one that ended a connection which stood still in a
# transaction, as when this machine was suspended.
_AWAY_CODES = ("25006", "25P03")


@contextmanager
def as_store_errors(place: str) -> Iterator[None]:
    """Turn errors of the database at `place` into a `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        raise _store_error(place, error.orig, type(error)) from error
    except sqlite3.Error as error:  # from code that uses the driver directly
        raise _store_error(place, error, type(error)) from error
    except UnicodeDecodeError as error:  # from SQLite, for a damaged name
        raise store_damaged(place, "the name of a table or a column is no text") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the store {place} cannot be used: {error}") from error
    except Exception as error:  # the drivers of servers, which need not be installed, are known by their codes
        if not hasattr(error, "sqlstate"):
            raise
        raise _store_error(place, error, type(error)) from error


def _is_away(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether a database server cannot be reached, or refuses to work at present."""
    if not hasattr(error, "sqlstate"):  # SQLite's have none
        return False
    names = {each.__name__ for each in kind.__mro__}  # SQLAlchemy and each driver have classes by these names
    return not names.isdisjoint(_AWAY) or getattr(error, "sqlstate", None) in _AWAY_CODES


def _store_error(place: str, error: BaseException | None, kind: type[BaseException]) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    said = str(error).strip().split("\n", 1)[0]
    if _is_away(error, kind):
        hint = next((hint for words, hint in _HINTS if re.search(words, said)), "")
        return StoreAway(f"the store {place} cannot be reached: {said}", hint=hint)
    for beginning, complaint, hint in _SQLITE:
        if name.startswith(beginning):
            ours = StoreAway if name.startswith(_PASSING) else StoreError
            return ours(f"the store {place} {complaint} ({said})", hint=hint.replace("{place}", shlex.quote(place)))
    if getattr(error, "sqlstate", None) == _FORBIDDEN:
        return StoreError(f"the store {place} cannot be used: {said}", hint=_AS_OWNER)
    return StoreError(f"the store {place} cannot be used: {said}", hint=f"see whether it is damaged, {_ELSEWHERE}")


def store_damaged(place: str, why: str) -> StoreError:
    """The error that a store is damaged, and what to do about it."""
    return StoreError(f"the store {place} is damaged: {why}", hint=_RECOVER.replace("{place}", shlex.quote(place)))

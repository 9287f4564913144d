"""Opening a store: by the path of a file, or by the URL of a database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from retake_flow.errors import SettingsError, StoreError
from retake_flow.ports.runs import Holder, Runs
from retake_flow.redact import Secret
from retake_flow.settings import USUAL_LEASE
from retake_flow.store import holders

if TYPE_CHECKING:
    from sqlalchemy import URL

    from retake_flow.store.sql.database import Database


def open_runs(
    place: str | Path,
    *,
    alive: Callable[[Holder], bool] | None = None,
    now: Callable[[], float] = time.time,
    lease: float = USUAL_LEASE,
    owner: str = "",
) -> Runs:
    """Open a store, and create it if it does not exist.

    Args:
        place: The path of a SQLite file, or a URL: `sqlite:///PATH` or `postgresql://…`.
        alive: Tells whether the process that holds a run is alive, as far as this process can know; by default from its
            lock beside the store, or else from its process id.
        now: Seconds since the epoch.
        lease: For how long a claim lasts when it is not renewed, in seconds.
        owner: The agent for whom it is opened; "" for nobody in particular.

    Raises:
        StoreError: The store cannot be opened or created; what is there is unchanged.
        SettingsError: The place is neither a path nor the URL of a supported database.
    """
    # Imported here, since this import takes longer than most commands.
    from retake_flow.store.sql.runs import SqlRuns

    locks = holders.locks_beside(place)
    judge = alive or partial(holders.alive, locks=locks)
    return SqlRuns(_database(str(place)), alive=judge, now=now, lease=lease, locks=locks, owner=owner)


def reached(place: str) -> str:
    """The description of a store's database server, once it has answered; nothing in it is changed.

    Raises:
        StoreError: The server does not answer.
        SettingsError: The place is not the URL of a supported database.
    """
    database = _server(_url(place))
    with closing(database), database.reading():
        return database.place


def _database(place: str) -> Database:
    from retake_flow.store.sql.database import SQLiteFile

    if place == ":memory:" or place.startswith("file:"):  # SQLite's special names; no other process would find the runs
        raise SettingsError(f"the store cannot be {place}", hint=_KNOWN)
    if "://" not in place:
        return SQLiteFile(Path(os.path.expanduser(place)))
    url = _url(place)
    if url.get_backend_name() == "sqlite":
        return SQLiteFile(Path(os.path.expanduser(url.database or "")))
    return _server(url)


def _server(url: URL) -> Database:
    from retake_flow.store.sql.postgresql import PostgreSQL

    if find_spec("psycopg") is None:
        raise StoreError("a store on PostgreSQL needs psycopg", hint="pip install 'retake-flow[postgres]'")
    return PostgreSQL(url.set(drivername="postgresql+psycopg"))


def _url(place: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        # Many database hosts write "postgres".
        url = make_url(place.replace("postgres://", "postgresql://", 1))
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise SettingsError("the store is no URL of a database", hint=_KNOWN) from None
    if url.password:
        Secret(str(url.password))  # from now on it is masked wherever it is printed
    if backend not in ("sqlite", "postgresql") or (backend == "sqlite" and url.database in (None, "", ":memory:")):
        raise SettingsError(f"the store cannot be {url.render_as_string(hide_password=True)}", hint=_KNOWN)
    return url


_KNOWN = "RETAKE_FLOW_STORE takes a path, sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"

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
from urllib.parse import unquote

from retake_flow.errors import SettingsError, StoreError
from retake_flow.ports.runs import Holder
from retake_flow.redact import Secret
from retake_flow.settings import USUAL_LEASE
from retake_flow.store import holders

if TYPE_CHECKING:
    from sqlalchemy import URL

    from retake_flow.store.sql.copying import Copied
    from retake_flow.store.sql.database import Database
    from retake_flow.store.sql.fleet import SqlFleet
    from retake_flow.store.sql.runs import SqlRuns


def open_runs(
    place: str | Path,
    *,
    alive: Callable[[Holder], bool] | None = None,
    now: Callable[[], float] = time.time,
    lease: float = USUAL_LEASE,
    owner: str = "",
) -> SqlRuns:
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
    judge = alive or partial(holders.is_alive, locks=locks)
    return SqlRuns(_database(str(place)), alive=judge, now=now, lease=lease, locks=locks, owner=owner)


def open_fleet(
    place: str | Path,
    *,
    alive: Callable[[Holder], bool] | None = None,
    now: Callable[[], float] = time.time,
    lease: float = USUAL_LEASE,
    owner: str = "",
) -> SqlFleet:
    """Open the same store for work on the runs that any host may drive; arguments and errors as for `open_runs`."""
    from retake_flow.store.sql.fleet import SqlFleet

    runs = open_runs(place, alive=alive, now=now, lease=lease, owner=owner)
    return SqlFleet(runs, shared=holders.locks_beside(place) is None)


def describe_server(place: str) -> str:
    """Describe a store's database server once it has answered; nothing in it is changed.

    Raises:
        StoreError: The server does not answer.
        SettingsError: The place is not the URL of a supported database.
    """
    database = _server(_url(place))
    with closing(database), database.reading():
        return database.place


def copy_store(
    source: str, target: str, owner: Callable[[str], str], progress: Callable[[int, int], None]
) -> tuple[Copied, str, str]:
    """Copy all runs of one store into another; see `copying.copy_runs`.

    Args:
        source: The store to copy, as for `open_runs`; it has to exist.
        target: The store to copy to; created if it does not exist.
        owner: The owner of a run in the target, from its owner in the source.
        progress: Called with the number of runs done so far, and of all.

    Returns:
        What was copied, and the names of both stores.

    Raises:
        StoreError: A store cannot be used, or runs in both of them differ.
        RunHeld: A run in the source is driven.
        RunMoved: A run in the source was moved to a third store.
        SettingsError: A place is neither a path nor the URL of a supported database, or both are the same.
    """
    from retake_flow.store.sql.copying import copy_runs

    if (file := _file(source)) and not file.exists():
        raise StoreError(f"there is no store {file}", hint="`retake-flow store copy SOURCE TARGET` reads SOURCE")
    with closing(_database(source)) as origin, closing(_database(target)) as destination:
        names = _name(source), _name(target)
        if names[0] == names[1]:
            raise SettingsError(f"both stores are {names[0]}", hint="name another one to copy to")
        judge = partial(holders.is_alive, locks=holders.locks_beside(source))
        return copy_runs(origin, destination, name=names[1], alive=judge, owner=owner, progress=progress), *names


def _file(place: str) -> Path | None:
    """The file of a store; None for a server."""
    if "://" not in place:
        return Path(os.path.expanduser(place))
    url = _url(place)
    return Path(os.path.expanduser(url.database or "")) if url.get_backend_name() == "sqlite" else None


def _name(place: str) -> str:
    """The name of a store without user and password, however its place is written."""
    if file := _file(place):
        return os.path.realpath(file)
    from sqlalchemy import URL

    url = _url(place)
    query = {name: value for name, value in url.query.items() if name in ("host", "port", "dbname", "options")}
    plain = URL.create("postgresql", host=url.host, port=url.port, database=url.database, query=query)
    return unquote(plain.render_as_string())


def _database(place: str) -> Database:
    from retake_flow.store.sql.database import SQLiteFile

    if place == ":memory:" or place.startswith("file:"):  # SQLite's special names; no other process would find the runs
        raise SettingsError(f"the store cannot be {place}", hint=_KNOWN)
    file = _file(place)
    return _server(_url(place)) if file is None else SQLiteFile(file)


def _server(url: URL) -> Database:
    if find_spec("psycopg") is None:
        raise StoreError("a store on PostgreSQL needs psycopg", hint="pip install 'retake-flow[postgres]'")
    from retake_flow.store.sql.postgresql import PostgreSQL

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

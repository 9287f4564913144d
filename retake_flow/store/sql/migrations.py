"""Migrations: bring tables of any older version up to date, each step once, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import (
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    text,
    update,
)

from retake_flow.errors import StoreError
from retake_flow.store.decoding import parse_json
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.db_errors import store_damaged
from retake_flow.store.sql.tables import (
    ACCOUNTS,
    HOSTS,
    JOBS,
    METADATA,
    REQUESTS,
    RUNS,
    SCHEMA_VERSION,
    SNAPSHOTS,
)


def _first_tables(connection: Connection) -> None:
    first = MetaData()
    for table in METADATA.sorted_tables:
        if table not in (ACCOUNTS, HOSTS, JOBS, REQUESTS, RUNS, SCHEMA_VERSION, SNAPSHOTS):
            table.to_metadata(first)
    Table("schema_version", first, Column("version", Integer, nullable=False))
    Table(
        "runs",
        first,
        Column("id", Text, primary_key=True),
        *(Column(name, Text, nullable=False) for name in ("flow", "agent", "phase", "state")),
        Column("outcome", Text),
        Column("reason", Text, nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("holder_host", Text),
        Column("holder_pid", Integer),
        Column("holder_started", Double),
        *(Column(name, Double, nullable=False) for name in ("created", "updated")),
        Column("flow_file", Text, nullable=False),
        Column("flow_text", Text, ForeignKey("flows.digest"), nullable=False),
        Index("runs_by_age", "created", "id"),
        Index("runs_by_text", "flow_text"),
    )
    Table(
        "snapshots",
        first,
        Column("run", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, nullable=False),
        Column("data", Text, nullable=False),
    )
    Table(
        "requests",
        first,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("run", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        Column("what", Text, nullable=False),
        Index("requests_by_run", "run", "number"),
        sqlite_autoincrement=True,
    )
    first.create_all(connection, checkfirst=False)


def _requests_with_data(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE requests ADD COLUMN data TEXT NOT NULL DEFAULT '{}'"))


def _runs_with_rehearsal(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN rehearsal TEXT NOT NULL DEFAULT ''"))
    for run, data in connection.execute(text("SELECT run, data FROM snapshots")).all():
        with suppress(StoreError, AttributeError):  # the process that resumes a damaged run reports it
            if folder := parse_json(data).get("rehearsal"):
                values = {"folder": folder, "run": run}
                connection.execute(text("UPDATE runs SET rehearsal = :folder WHERE id = :run"), values)


def _runs_with_leases(connection: Connection) -> None:
    for column in ("holder_where TEXT", "lease_until DOUBLE PRECISION", "lease_epoch INTEGER"):
        connection.execute(text(f"ALTER TABLE runs ADD COLUMN {column}"))
    connection.execute(text("ALTER TABLE schema_version ADD COLUMN readable_by INTEGER NOT NULL DEFAULT 4"))


def _accounts(connection: Connection) -> None:
    ACCOUNTS.create(connection)


def _owners_and_figures(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE snapshots ADD COLUMN figures TEXT NOT NULL DEFAULT ''"))


def _jobs_and_hosts(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN due DOUBLE PRECISION"))
    JOBS.create(connection)
    HOSTS.create(connection)


#: Step n leads from version n to n + 1. A released step is never changed: the first one names the tables in the first
#: form, where later steps change them; the tables in `tables` are of the newest version.
STEPS: list[Callable[[Connection], None]] = [
    _first_tables,
    _requests_with_data,
    _runs_with_rehearsal,
    _runs_with_leases,
    _accounts,
    _owners_and_figures,
    _jobs_and_hosts,
]

#: The oldest version whose program can use the newest tables. Raise it with a step that does more than add a table, or
#: a column with a default; such a step needs all programs that use a store to be updated together.
READABLE_BY = 4


def make_current(database: Database) -> None:
    """Create the tables, or migrate them to the version that this program knows.

    Raises:
        StoreError: The tables are of a newer version, or another program's; nothing was changed.
    """
    if version(database) >= len(STEPS):
        return
    database.make_ready()
    with database.writing(long=True) as connection:
        database.lock_tables(connection)
        _migrate(connection, _check_version(connection, database.place))  # again: another process may have been first


def version(database: Database) -> int:
    """The version of the tables; 0 when there are none.

    Raises:
        StoreError: The tables are another program's, or of a version that this program cannot use.
    """
    with database.reading() as connection:
        return _check_version(connection, database.place)


def _check_version(connection: Connection, place: str) -> int:
    """The version of the tables; 0 when there are none. This program can use them, at once or once migrated."""
    inspector = inspect(connection)
    if inspector.has_table(SCHEMA_VERSION.name):
        versions = connection.execute(text("SELECT * FROM schema_version")).mappings().all()
        found = versions[0]["version"] if len(versions) == 1 else [each["version"] for each in versions]
        if type(found) is not int or found < 1:
            raise store_damaged(place, f"its version is {found!r}")
        if found > len(STEPS) and versions[0].get("readable_by", found) > len(STEPS):
            raise StoreError(
                f"the store {place} is of version {found}; this program knows {len(STEPS)}", hint="update retake-flow"
            )
        return found
    if inspector.get_table_names():
        raise StoreError(
            f"{place} is the database of another program",
            hint="it was left as it is; give retake-flow one of its own with RETAKE_FLOW_STORE",
        )
    return 0


def _migrate(connection: Connection, found: int) -> None:
    if found >= len(STEPS):
        return
    for step in STEPS[found:]:
        step(connection)
    # The first step creates the table without a row.
    change = insert(SCHEMA_VERSION) if found == 0 else update(SCHEMA_VERSION)
    with_readers = {"readable_by": READABLE_BY} if len(STEPS) >= READABLE_BY else {}
    connection.execute(change.values(version=len(STEPS), **with_readers))

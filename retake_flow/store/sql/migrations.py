"""From any older form of the tables to today's, each step once, all of them or none."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

from retake_flow.errors import StoreError
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.tables import METADATA, REQUESTS, SCHEMA_VERSION


def _first_tables(connection: Connection) -> None:
    first = MetaData()
    for table in METADATA.sorted_tables:
        if table is not REQUESTS:
            table.to_metadata(first)
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


#: Step n leads from version n to n + 1. A released step is never changed: the first one names in their first form the
#: tables that later steps change; those in `tables` are of the newest version.
STEPS: list[Callable[[Connection], None]] = [_first_tables, _requests_with_data]


def make_current(database: Database) -> None:
    """Make the tables, or bring them to the version that this program knows.

    Raises:
        StoreError: They are of a newer version, or another program's; nothing was changed.
    """
    with database.reading() as connection:
        found = _checked(connection, database.place)
    if found == len(STEPS):
        return
    database.make_ready()
    with database.writing() as connection:
        database.alone(connection)
        _migrate(connection, _checked(connection, database.place))  # anew: another process may have been first


def _checked(connection: Connection, place: str) -> int:
    """The version of the tables; 0 when there are none."""
    inspector = inspect(connection)
    if inspector.has_table(SCHEMA_VERSION.name):
        found = connection.scalars(select(SCHEMA_VERSION.c.version)).one()
        if found > len(STEPS):
            raise StoreError(
                f"the store {place} is of version {found}; this program knows {len(STEPS)}", hint="update retake-flow"
            )
        return int(found)
    if inspector.get_table_names():
        raise StoreError(
            f"{place} is the database of another program",
            hint="it was left as it is; give retake-flow one of its own with RETAKE_FLOW_STORE",
        )
    return 0


def _migrate(connection: Connection, found: int) -> None:
    for step in STEPS[found:]:
        step(connection)
    # The first step makes the table without a row.
    change = insert(SCHEMA_VERSION) if found == 0 else update(SCHEMA_VERSION)
    connection.execute(change.values(version=len(STEPS)))

"""Tables. Times are seconds since the epoch; values that are only read as a whole are JSON text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, MetaData, Table, Text, case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from retake_flow.store.queries import FILE_CLOCK, SERVER_CLOCK

METADATA = MetaData()


class StoreClock(FunctionElement[float]):
    """The time by the clock of the database, in seconds since the epoch: all that share it agree on that."""

    type = Double()
    inherit_cache = True


@compiles(StoreClock)
def _on_server(*_: Any, **__: Any) -> str:
    return SERVER_CLOCK


@compiles(StoreClock, "sqlite")
def _in_file(*_: Any, **__: Any) -> str:
    return FILE_CLOCK


def _run_column(*, primary_key: bool = True) -> Column[str]:
    return Column("run", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


#: One row: the version of all other tables, and the oldest program that can use them.
SCHEMA_VERSION = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, nullable=False),
    Column("readable_by", Integer, nullable=False),
)

#: Texts of flows by their SHA-256, each stored once.
FLOWS = Table("flows", METADATA, Column("digest", Text, primary_key=True), Column("text", Text, nullable=False))

#: The columns that lists and claims need of a run; narrow, so that ten thousand are read in a moment.
RUNS = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("reason", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("holder_host", Text),
    Column("holder_pid", Integer),
    Column("holder_started", Double),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("flow_file", Text, nullable=False),
    Column("flow_text", Text, ForeignKey("flows.digest"), nullable=False),
    Column("rehearsal", Text, nullable=False, server_default=""),
    Column("holder_where", Text),
    Column("lease_until", Double),
    Column("lease_epoch", Integer),
    Column("owner", Text, nullable=False, server_default=""),
    Column("due", Double),  # when a suspended run has something to do by itself
    Index("runs_by_age", "created", "id"),
    Index("runs_by_text", "flow_text"),
)

# A program that knows no leases may have claimed the run since: then the lease is of an older epoch.
_LEASED = RUNS.c.lease_epoch == RUNS.c.epoch

#: The process that drives a run, as the arguments of `columns.holder`.
HOLDER = (
    RUNS.c.holder_host,
    RUNS.c.holder_pid,
    RUNS.c.holder_started,
    case((_LEASED, RUNS.c.holder_where)).label("holder_where"),
    case((_LEASED, RUNS.c.lease_until - StoreClock())).label("lease"),
)

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    _run_column(),
    Column("data", Text, nullable=False),
    Column("figures", Text, nullable=False, server_default=""),
)

#: The journals. Numbered from 1 in each run; rows are only added, or deleted with their run.
RECORDS = Table(
    "records",
    METADATA,
    _run_column(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: Gates that are or were open. A closed one stays, so that a late answer learns who was first.
GATES = Table(
    "gates",
    METADATA,
    _run_column(),
    Column("id", Text, primary_key=True),
    Column("data", Text, nullable=False),
    Column("opened", Double, nullable=False),
    Column("closed", Double),
    Column("answered", Double),
    Column("answered_by", Text),
    Column("channel", Text),
    Column("decision", Text),
    Column("fields", Text),
    Column("secrets", Text),
    Index("gates_by_state", "closed", "answered", "opened"),
)

#: Which run streams as which account, by the digest of a key of the account; it holds while that run's lease does.
ACCOUNTS = Table("accounts", METADATA, Column("account", Text, primary_key=True), _run_column(primary_key=False))

#: Runs that any host may drive, what they need of it, and which host has them. A run that has ended loses its row.
JOBS = Table(
    "jobs",
    METADATA,
    _run_column(),
    Column("agent", Text, nullable=False),
    Column("cost", Double, nullable=False),
    Column("labels", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("failures", Text, nullable=False, server_default="[]"),
    Column("failed_on", Text, nullable=False, server_default=""),
    Column("trouble", Text, nullable=False, server_default=""),
    Column("held", Double),
    Column("host", Text),
    Column("epoch", Integer, nullable=False, server_default="0"),
)

#: Hosts, each with the worker that speaks for it.
HOSTS = Table(
    "hosts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Double, nullable=False),
    Column("version", Text, nullable=False),
    Column("capacity", Double, nullable=False),
    Column("labels", Text, nullable=False),
    Column("agents", Text),
    Column("accepts", Integer, nullable=False),
    Column("draining", Text, nullable=False, server_default=""),
    Column("seen", Double, nullable=False),
)

#: Requests to runs that another process drives.
REQUESTS = Table(
    "requests",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _run_column(primary_key=False),
    Column("what", Text, nullable=False),
    Column("data", Text, nullable=False, server_default="{}"),
    Index("requests_by_run", "run", "number"),
    sqlite_autoincrement=True,
)

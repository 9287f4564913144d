"""Run move: moves a run from a database that other processes no longer find into the one now in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnClause, Connection, RowMapping, Table, delete, func, insert, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from retake_flow.errors import Damaged
from retake_flow.ports.runs import Holder
from retake_flow.run.codec import as_data, encode
from retake_flow.run.errors import Fenced
from retake_flow.run.gates import Gate
from retake_flow.run.run import Run
from retake_flow.store import columns
from retake_flow.store.sql import rows
from retake_flow.store.sql.tables import ACCOUNTS, FLOWS, GATES, JOBS, RECORDS, REQUESTS, RUNS, SNAPSHOTS

Rows = dict[str, list[dict[str, Any]]]

_ALL: ColumnClause[Any] = literal_column("*")  # even from tables of an older version

#: The rows that a run cannot do without. They are kept in memory, in case the lost database cannot be read any more.
ESSENTIAL = (RUNS, SNAPSHOTS, ACCOUNTS, JOBS)
ALL = (*ESSENTIAL, GATES, RECORDS, REQUESTS)


def read(connection: Connection, run: str, tables: tuple[Table, ...]) -> Rows:
    """The rows of a run in some tables, and the text of its flow, by table name."""
    found = {table.name: _rows(connection, table, run) for table in tables}
    digests = [row["flow_text"] for row in found[RUNS.name]]
    texts = connection.execute(select(FLOWS).where(FLOWS.c.digest.in_(digests))).mappings()
    return {FLOWS.name: [dict(row) for row in texts], **found}


def _rows(connection: Connection, table: Table, run: str) -> list[dict[str, Any]]:
    whose = table.c.id if table is RUNS else table.c.run
    found = connection.execute(select(_ALL).select_from(table).where(whose == run)).mappings()
    return list(map(columns.storable_row, found))


def write(
    connection: Connection, found: Rows, epoch: int, heard: int, alive: Callable[[Holder], bool]
) -> tuple[int, int]:
    """Write the rows of a run in place of those that are there, if this process still owns the run.

    Args:
        connection: The connection of the transaction.
        found: The rows, as returned by `read`.
        epoch: The epoch of our claim.
        heard: The number of the last request that this claim received.
        alive: Tells whether the process that holds a run is alive.

    Returns:
        The epoch of our claim from now on, and the number after which requests are new.

    Raises:
        Fenced: Another process has taken the run over there.
    """
    (row,) = found[RUNS.name]
    run, driver = row["id"], holder(row)
    epoch = max(epoch, _epoch_there(connection, run, epoch, driver, alive)) + 1  # no claim on the other row counts
    connection.execute(delete(RUNS).where(RUNS.c.id == run))
    for text in found[FLOWS.name]:
        if connection.scalar(select(FLOWS.c.digest).where(FLOWS.c.digest == text["digest"])) is None:
            connection.execute(insert(FLOWS), [text])
    known = {name: value for name, value in row.items() if name in RUNS.c}  # a newer program may have added others
    connection.execute(insert(RUNS), [{**known, "epoch": epoch, "lease_epoch": epoch}])
    if accounts := [row["account"] for row in found[ACCOUNTS.name]]:
        connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.account.in_(accounts)))
    raised = epoch - row["epoch"]  # also for its job, so that its host keeps it
    jobs = [{**job, "epoch": job["epoch"] + raised} for job in found.get(JOBS.name, ())]
    for table in (SNAPSHOTS, ACCOUNTS, JOBS, GATES, RECORDS):
        if those := jobs if table is JOBS else found.get(table.name):
            connection.execute(insert(table), those)
    return epoch, _ask_anew(connection, run, heard, found.get(REQUESTS.name, []))


def _epoch_there(
    connection: Connection, run: str, epoch: int, driver: Holder | None, alive: Callable[[Holder], bool]
) -> int:
    """The epoch of the run at its destination; 0 when it is not there."""
    there = connection.execute(select(RUNS).where(RUNS.c.id == run)).mappings().one_or_none()
    if there is None:
        return 0
    try:
        number = columns.number("epoch", there["epoch"])
        other = holder(there)
    except Damaged:
        return 0
    driven = other is not None and other != driver and alive(other)
    if number > epoch or (number == epoch and driven):
        raise Fenced(f"another process has taken {run} over in the store that replaced its own")
    return number


def holder(row: Mapping[str, Any] | RowMapping, now: float | None = None) -> Holder | None:
    """The process that drives a run, from a row of a table of any version.

    Args:
        row: The row.
        now: The time by the clock of the database; by default the host's, which is a file's.

    Raises:
        Damaged: The row does not hold that.
    """
    until, leased = row.get("lease_until"), row.get("lease_epoch") == row["epoch"]
    lease = until - (time.time() if now is None else now) if leased and isinstance(until, float | int) else None
    where = row.get("holder_where") if leased else None
    return columns.holder(row["holder_host"], row["holder_pid"], row["holder_started"], where, lease)


def _ask_anew(connection: Connection, run: str, heard: int, asked: list[dict[str, Any]]) -> int:
    """Copy the requests not yet received, reusing no number, and return the number before the first of them."""
    number = max(heard, connection.scalar(select(func.coalesce(func.max(REQUESTS.c.number), 0))) or 0) + 1
    connection.execute(insert(REQUESTS), [{"number": number, "run": run, "what": "event", "data": "{}"}])
    connection.execute(delete(REQUESTS).where(REQUESTS.c.number == number))  # which the file remembers
    for each in asked:
        if each["number"] > heard:
            connection.execute(insert(REQUESTS).values(run=run, what=each["what"], data=each["data"]))
    return number


def leave(connection: Connection, run: str) -> None:
    """Delete a run from the database that it left, if that is writable, so that only one has it."""
    with suppress(SQLAlchemyError), connection.begin():
        connection.execute(delete(RUNS).where(RUNS.c.id == run))


def rows_in_memory(kept: Rows, run: Run | None, now: float) -> Rows:
    """The rows of a run that a process has in memory: all but its journal.

    Args:
        kept: Its essential rows from the time of the claim.
        run: As it was last written; None when it was not written since.
        now: Seconds since the epoch.
    """
    if run is None:
        return kept
    (row,) = kept[RUNS.name]
    agent = {"agent": columns.storable(run.identity.name)} if run.identity.name else {}
    gates = () if run.has_ended else run.gates.values()
    return {
        **kept,
        RUNS.name: [{**row, **rows.progress(run, now), **agent}],
        SNAPSHOTS.name: [{"run": run.id, "data": rows.as_json(encode(run))}],
        GATES.name: [
            {"run": run.id, "id": gate.id, "data": rows.as_json(as_data(Gate, gate)), "opened": gate.opened_at}
            for gate in gates
        ],
    }

"""Copying: moves all runs of one store to another, so that they go on there and nowhere else.

Each run is copied in one transaction, and no run is overwritten. Before the first of them, all runs that have something
left to do are marked in the source as moved. So a copy that was killed leaves no run that two processes could drive,
and the same call again copies the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, Table, bindparam, insert, select, update
from sqlalchemy.exc import InterfaceError, OperationalError, StatementError

from retake_flow.errors import Damaged, StoreError
from retake_flow.ports.runs import MOVED, Holder
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.errors import RunMoved, RunsHeld
from retake_flow.sanitize import first_line
from retake_flow.store import columns
from retake_flow.store.sql import moving, rows, shared_rows
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.jobs import owes_undos
from retake_flow.store.sql.migrations import STEPS, make_current, version
from retake_flow.store.sql.tables import ACCOUNTS, FLOWS, GATES, METADATA, RECORDS, REQUESTS, RUNS, StoreClock

_PAGE = 500  # records that are in memory at a time
#: The tables with rows of a run. A claim on an account ends with its process, and requests get new numbers.
_PARTS = [table for table in METADATA.sorted_tables if "run" in table.c and table not in (ACCOUNTS, REQUESTS)]
_ROWS = select(RUNS, StoreClock().label("clock")).order_by(RUNS.c.created, RUNS.c.id)
_MARK = update(RUNS).where(RUNS.c.id == bindparam("our_run"))

_Row = Mapping[str, Any] | RowMapping


@dataclass(slots=True)
class Copied:
    """What a copy did.

    Attributes:
        runs: How many runs were copied.
        there: How many were in the target before.
        records: How many records of their journals were copied.
        gates: How many questions, open and closed.
        answers: How many of them are answered.
        requests: How many requests that no process has taken yet.
        flows: How many different texts of flows the copied runs have.
        left: The runs that the target cannot take, since they are damaged, and why.
    """

    runs: int = 0
    there: int = 0
    records: int = 0
    gates: int = 0
    answers: int = 0
    requests: int = 0
    flows: int = 0
    left: dict[str, str] = field(default_factory=dict)


def copy_runs(
    source: Database,
    target: Database,
    *,
    name: str,
    alive: Callable[[Holder], bool],
    owner: Callable[[str], str],
    progress: Callable[[int, int], None],
) -> Copied:
    """Copy all runs with all that belongs to them.

    Args:
        source: The store to copy; its runs stay readable.
        target: The store to copy to.
        name: The name of the target.
        alive: Tells whether the process that holds a run of the source is alive.
        owner: The owner of a run in the target, from its owner in the source.
        progress: Called with the number of runs done so far, and of all.

    Raises:
        StoreError: A store cannot be used, or a run in both of them differs; the target is unchanged.
        RunHeld: A run in the source is driven; both stores are unchanged.
        RunMoved: A run in the source was moved to a third store; both are unchanged.
    """
    if version(source) == 0:
        raise StoreError(f"there is no store of retake-flow in {source.place}", hint="name the one that has the runs")
    for database in (source, target):
        make_current(database)
        if (found := version(database)) != len(STEPS):
            said = f"the store {database.place} is of version {found}; this program copies {len(STEPS)}"
            raise StoreError(said, hint="update retake-flow")
    copied, digests = Copied(), set[str]()
    with target.reading() as connection:
        there = {row["id"]: row for row in connection.execute(_ROWS).mappings()}
    waiting = _mark_as_moved(source, there, name, alive, copied)
    for number, row in enumerate(waiting):
        progress(number, len(waiting))
        try:
            digests.add(_copy(source, target, {**row, "owner": owner(row["owner"])}, copied))
        except Damaged as error:
            copied.left[row["id"]] = error.message
    progress(len(waiting), len(waiting))
    copied.flows = len(digests - {""})
    with source.reading() as connection:
        known = {row["id"] for row in waiting} | there.keys() | copied.left.keys()
        for run in set(connection.scalars(select(RUNS.c.id))) - known:
            copied.left.setdefault(columns.as_text(run), "it began meanwhile; copy again")
    return copied


def _mark_as_moved(
    source: Database, there: Mapping[Any, _Row], name: str, alive: Callable[[Holder], bool], copied: Copied
) -> Sequence[_Row]:
    """Mark all runs that have something left to do as moved to the target, and return the rows of the runs to copy.

    It is one transaction, and only if no process drives any run.
    """
    waiting, held, different = list[dict[str, Any]](), dict[str, Holder](), list[str]()
    with source.writing(long=True) as connection:
        for row in connection.execute(_ROWS.with_for_update(of=RUNS)).mappings().all():
            try:
                run, holder = columns.text("id", row["id"]), moving.holder(row, row["clock"])
                epoch = columns.number("epoch", row["epoch"])
            except Damaged as error:
                copied.left[columns.as_text(row["id"])] = error.message
                continue
            moved_to = holder.host if holder is not None and holder.has_moved else ""
            if run in there:
                copied.there += 1
                if not _is_same(there[run], row, moved=bool(moved_to)):
                    different.append(run)
            elif moved_to not in ("", name):
                raise RunMoved(run, moved_to)
            elif holder is not None and not moved_to and alive(holder):
                held[run] = holder
            else:
                marks = not moved_to and (row["outcome"] is None or holder is not None or owes_undos(connection, run))
                waiting.append({**dict(row), "epoch": epoch + marks, "marks": marks})
        if different:
            said = f"both stores have runs of one name that differ: {', '.join(different)}"
            raise StoreError(said, hint="copy into an empty database; nothing was changed")
        if held:
            raise RunsHeld({run: (holder.host, holder.pid) for run, holder in held.items()})
        here = {**rows.holder_columns(None), "holder_host": name, "holder_pid": 0, "holder_started": 0.0}
        values = {**here, "holder_where": MOVED, "epoch": bindparam("next"), "lease_epoch": bindparam("next")}
        if marked := [{"our_run": row["id"], "next": row["epoch"]} for row in waiting if row["marks"]]:
            connection.execute(_MARK.values(values), marked)
    return waiting


def _is_same(there: _Row, row: _Row, *, moved: bool) -> bool:
    """Whether a run was copied before, and has not gone on in the source since."""
    unchanged = row["outcome"] is not None and all(there[each] == row[each] for each in ("updated", "epoch"))
    return bool(there["created"] == row["created"]) and (moved or unchanged)


def _copy(source: Database, target: Database, row: _Row, copied: Copied) -> str:
    """Copy a run in one transaction; returns the digest of its flow, "" when another process was first.

    Raises:
        Damaged: The target cannot take it; nothing of it is copied.
    """
    run, counts = row["id"], dict.fromkeys(("records", "gates", "answers", "requests"), 0)
    with target.writing(long=True) as connection:
        try:
            digest = shared_rows.keep_text(target, connection, _flow(source, row))
            if connection.scalar(select(RUNS.c.id).where(RUNS.c.id == run)) is not None:
                copied.there += 1
                return ""
            values = {column.name: row[column.name] for column in RUNS.c} | rows.holder_columns(None)
            connection.execute(insert(RUNS), [columns.storable_row({**values, "flow_text": digest})])
            for table, page in _pages(source, run):
                connection.execute(insert(table), page)
                if table.name in counts:
                    counts[table.name] += len(page)
                if table is GATES:
                    counts["answers"] += sum(each["answered"] is not None for each in page)
        except StatementError as error:
            if isinstance(error, OperationalError | InterfaceError):
                raise  # of the server or the disk, not of the run
            raise Damaged(f"it does not fit the tables: {first_line(error.orig or error)}") from error
        with source.reading() as reading:
            if reading.scalar(select(RUNS.c.id).where(RUNS.c.id == run)) is None:
                raise Damaged("it was deleted meanwhile")
    copied.runs += 1
    for name, number in counts.items():
        setattr(copied, name, getattr(copied, name) + number)
    return digest


def _flow(source: Database, row: _Row) -> str:
    with source.reading() as connection:
        found = connection.scalar(select(FLOWS.c.text).where(FLOWS.c.digest == row["flow_text"]))
    if not isinstance(found, str):
        raise Damaged("the text of its flow is missing")
    return columns.storable(found)


def _pages(source: Database, run: str) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """All rows of a run but the one in `runs`, as pages of one table."""
    for table in (*_PARTS, REQUESTS):
        chosen = [column for column in table.c if table is not REQUESTS or column is not table.c.number]
        query = select(*chosen).where(table.c.run == run).order_by(*table.primary_key)
        limit, after = (_PAGE, 0) if table is RECORDS else (None, 0)
        while True:
            paged = query.where(RECORDS.c.number > after) if limit else query
            with source.reading() as connection:
                page = [columns.storable_row(row) for row in connection.execute(paged.limit(limit)).mappings()]
            if page:
                yield table, page
            if not limit or len(page) < limit:
                break
            after = page[-1]["number"]

"""Claim: the right to write one run. Each write is one transaction, fenced by the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Integer,
    Text,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from retake_flow.errors import StoreAway, StoreError
from retake_flow.ports.runs import Holder, Request
from retake_flow.run.codec import encode
from retake_flow.run.errors import Fenced, LeaseExpired
from retake_flow.run.figures import Figures
from retake_flow.run.gates import Answer
from retake_flow.run.identity import Identity
from retake_flow.run.records import Record, timestamp
from retake_flow.run.run import Run
from retake_flow.store import columns, decoding
from retake_flow.store.lease import Lease
from retake_flow.store.queries import LAST_RECORD
from retake_flow.store.sql import moving, rows, shared_rows
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.gates import GateRows
from retake_flow.store.sql.keeper import Held
from retake_flow.store.sql.presence import Fate, Loss
from retake_flow.store.sql.tables import RECORDS, REQUESTS, RUNS, SNAPSHOTS, StoreClock

#: Figures are stored with each snapshot, and after so many records without one.
_COUNT_EVERY = 100
#: Seconds within which a server has to renew a lease that may have expired; then the run is given up.
_LAST_TRY = 0.3
#: The highest number that a request can have.
_ALL = 2**31 - 1
_NO_DATE = timestamp(0)  # of unreadable records

# Built once, so that SQLAlchemy finds their compiled text in its cache.
_OURS = (RUNS.c.id == bindparam("our_run")) & (RUNS.c.epoch == bindparam("our_epoch"))
_AGENT = bindparam("agent", type_=Text)
_PROGRESS = (
    update(RUNS)
    .where(_OURS)
    .values({name: bindparam(name) for name in rows.PROGRESS})
    .values(agent=case((_AGENT == "", RUNS.c.agent), else_=_AGENT))
    .values(lease_until=StoreClock() + bindparam("lease"))
)
_RENEW = update(RUNS).where(_OURS).values(lease_until=StoreClock() + bindparam("lease"))
_SNAPSHOT = (
    update(SNAPSHOTS)
    .where(SNAPSHOTS.c.run == bindparam("our_run"))
    .values(data=bindparam("data"), figures=bindparam("figures"))
)
_FIGURES = update(SNAPSHOTS).where(SNAPSHOTS.c.run == bindparam("our_run")).values(figures=bindparam("figures"))
_COUNTED = select(SNAPSHOTS.c.figures).where(SNAPSHOTS.c.run == bindparam("our_run"))
_SINCE = (
    select(RECORDS.c.number, RECORDS.c.data)
    .where((RECORDS.c.run == bindparam("our_run")) & RECORDS.c.number.between(bindparam("first"), LAST_RECORD))
    .order_by(RECORDS.c.number)
)
_RECORDS = insert(RECORDS)
# For a server, where each statement costs a round trip: all records at once, and a whole macrostep. A pipeline would
# save as much, but when a process is stopped in the middle of one, the server does not end its transaction.
_NEW = (
    func.unnest(bindparam("numbers", type_=ARRAY(Integer)), bindparam("texts", type_=ARRAY(Text)))
    .table_valued(column("number", Integer), column("data", Text), name="new")
    .render_derived()
)
_APPEND = insert(RECORDS).from_select(
    ["run", "number", "data"], select(bindparam("our_run", type_=Text), _NEW.c.number, _NEW.c.data)
)
_KEPT = _PROGRESS.returning(RUNS.c.id).cte("kept")
_MACROSTEP = (
    insert(RECORDS)
    .from_select(["run", "number", "data"], select(_KEPT.c.id, _NEW.c.number, _NEW.c.data).join(_NEW, true()))
    .add_cte(
        update(SNAPSHOTS)
        .where(SNAPSHOTS.c.run == _KEPT.c.id)
        .values(data=bindparam("snapshot"), figures=bindparam("figures"))
        .cte("saved")
    )
    .execution_options(preserve_rowcount=True)
)
_LET_GO = update(RUNS).where(_OURS).values(rows.holder_columns(None))
_OF_RUN = REQUESTS.c.run == bindparam("our_run")
# A stop that this process has not read yet is done as well; a kill is another request.
_STOPPED = delete(REQUESTS).where(
    _OF_RUN
    & (
        ((REQUESTS.c.what == "stop") & (REQUESTS.c.number <= bindparam("stops_up_to")))
        | ((REQUESTS.c.what == "kill") & (REQUESTS.c.number <= bindparam("up_to")))
    )
)
_DONE = delete(REQUESTS).where(_OF_RUN & (REQUESTS.c.number == bindparam("done")))
_REQUESTS = (
    select(RUNS.c.epoch, REQUESTS.c.number, REQUESTS.c.what, REQUESTS.c.data)
    .outerjoin(REQUESTS, (REQUESTS.c.run == RUNS.c.id) & (REQUESTS.c.number > bindparam("after")))
    .where(RUNS.c.id == bindparam("our_run"))
    .order_by(REQUESTS.c.number)
)


class SqlClaim:
    """A claim on a run in a database. It has its own connection until it is released."""

    def __init__(
        self,
        database: Database,
        run: str,
        epoch: int,
        *,
        now: Callable[[], float],
        alive: Callable[[Holder], bool],
        lease: float,
        moved: Callable[[], None],
        released: Callable[[], None],
    ) -> None:
        self._when_moved = moved
        self._when_released = released
        self._database = database
        self._now = now
        self._alive = alive
        self._lease = Lease(lease)
        self._ours: Mapping[str, Any] = {"our_run": run, "our_epoch": epoch}
        self._connection = database.connect()
        self._held: Held | None = None
        self._released = False
        self._doubt = False
        self._late = False  # whether what is written next may have happened a while ago
        self._last: Run | None = None
        self._asked = 0
        self._changes_asked: int | None = None
        self._troubles: list[str] = []
        with database.reading() as connection:
            self._number = self._last_number(connection)
            self._gates = GateRows(database, connection, run)
            self._figures = self._count(connection)
            self._kept = moving.read(connection, run, moving.ESSENTIAL)
        self._held = database.attend(run, epoch, self._lease)

    @property
    def epoch(self) -> int:
        """How often the run has been claimed, including this claim."""
        epoch: int = self._ours["our_epoch"]
        return epoch

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the present run and the records, all or nothing."""
        self._write(run, records, None)

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and store a new flow text for the run, in the same transaction."""
        self._write(run, records, flow_text)

    def _write(self, run: Run, records: Sequence[Record], flow_text: str | None) -> None:
        self._require()
        now, began = self._now(), self._lease.clock()
        try:
            with self._database.writing(self._connection) as connection:
                if self._connection is None and records and not self._doubt and run is not self._last:
                    self._keep_and_append(connection, run, records, now)
                    new = records
                else:
                    self._keep(connection, run, now)
                    new = self._without_written(connection, records)
                    self._append(connection, new, self._number + len(records) - len(new))
                if run.has_ended and run is not self._last:
                    connection.execute(delete(REQUESTS).where(REQUESTS.c.run == run.id))
                self._delete_completed(connection, new)
                open_now = self._gates.write(connection, run, now)
                if flow_text is not None:
                    digest = shared_rows.keep_text(self._database, connection, flow_text)
                    connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(flow_text=digest))
                    self._kept = moving.read(connection, run.id, moving.ESSENTIAL)
        except StoreError as error:
            self._late = True
            self._doubt = self._doubt or isinstance(error, StoreAway)
            raise
        # Only now: a failed transaction has changed nothing.
        self._lease.note_renewal(began)
        self._last, self._doubt, self._late = run, False, False
        self._figures.count(enumerate(records, self._number + 1))
        self._number += len(records)
        if self._gates.note_committed(open_now):
            self._database.erase(self._connection)

    def _keep_and_append(self, connection: Connection, run: Run, records: Sequence[Record], now: float) -> None:
        """Do what `_keep` and `_append` do, for a new run and at least one record, in one statement."""
        saved = {**self._figure_values(), "snapshot": rows.as_json(encode(run))}
        new = _as_arrays(records, self._number)
        if connection.execute(_MACROSTEP, {**self._progress(run, now), **saved, **new}).rowcount == 0:
            raise self._fenced_error()

    def _progress(self, run: Run, now: float) -> dict[str, Any]:
        about = {"agent": columns.storable(run.identity.name), "lease": self._lease.length}
        return {**self._ours, **rows.progress(run, now), **about}

    def _keep(self, connection: Connection, run: Run, now: float) -> None:
        if connection.execute(_PROGRESS, self._progress(run, now)).rowcount == 0:
            raise self._fenced_error()
        if run is not self._last:  # a record outside a macrostep leaves it as it was
            connection.execute(_SNAPSHOT, {**self._figure_values(), "data": rows.as_json(encode(run))})
        elif self._number - self._figures_stored >= _COUNT_EVERY:
            connection.execute(_FIGURES, self._figure_values())

    def _figure_values(self) -> dict[str, Any]:
        """The figures up to the last record that is stored, as values of a statement."""
        self._figures_stored = self._figures.number
        return {"our_run": self._ours["our_run"], "figures": rows.as_json(self._figures.dump())}

    def _count(self, connection: Connection) -> Figures:
        """The figures of the run up to now."""
        run = {"our_run": self._ours["our_run"]}
        figures = decoding.load_figures(connection.scalar(_COUNTED, run))
        self._figures_stored = figures.number
        since = connection.execute(_SINCE, {**run, "first": figures.number + 1})
        figures.count((row.number, decoding.record(row.number, row.data)) for row in since)
        return figures

    def _without_written(self, connection: Connection, records: Sequence[Record]) -> Sequence[Record]:
        """The records that are not stored yet: a write that failed may have been committed all the same.

        The caller tries again with the same records first; their numbers tell whether they are there.
        """
        if not self._doubt:
            return records
        written = self._last_number(connection) - self._number
        if written:
            self._gates.ask_anew(self._gates.open_rows(connection))
        return records[written:]

    def _last_number(self, connection: Connection) -> int:
        numbered = (RECORDS.c.run == self._ours["our_run"]) & (RECORDS.c.number <= LAST_RECORD)
        return int(connection.scalars(select(func.coalesce(func.max(RECORDS.c.number), 0)).where(numbered)).one())

    def _append(self, connection: Connection, records: Sequence[Record], after: int) -> None:
        if not records:
            return
        run = self._ours["our_run"]
        if self._connection is None:
            connection.execute(_APPEND, {"our_run": run, **_as_arrays(records, after)})
        else:
            texts = enumerate(map(rows.as_json, records), after + 1)
            connection.execute(_RECORDS, [{"run": run, "number": number, "data": data} for number, data in texts])

    def _delete_completed(self, connection: Connection, records: Sequence[Record]) -> None:
        """Delete the requests that these records complete."""
        run = self._ours["our_run"]
        if any(record["event"] == "stop_requested" for record in records):
            stops = self._asked if self._late else _ALL  # a stop that was given since then is another one
            connection.execute(_STOPPED, {"our_run": run, "up_to": self._asked, "stops_up_to": stops})
        for record in records:
            if "request" in record:
                connection.execute(_DONE, {"our_run": run, "done": record["request"]})

    def requests(self, *, fresh: bool = False) -> list[Request]:
        """The requests that others sent to the run, the oldest first, each once per claim; renews the lease if due."""
        self._require()
        if self._held is None and self._lease.due:
            with suppress(StoreError):  # it lasts for two more tries; the next write reports what is wrong
                self._renew()
        changes = self._changes()
        if not fresh and changes is not None and changes == self._changes_asked:
            return []
        try:
            with self._database.reading() as connection:
                found = connection.execute(_REQUESTS, {**self._ours, "after": self._asked}).all()
        except StoreError:
            self._late = True
            raise
        if not found or found[0].epoch != self.epoch:
            raise self._fenced_error()
        self._changes_asked = changes
        asked = [row for row in found if row.number is not None]
        self._asked = max((row.number for row in asked), default=self._asked)
        return [rows.request(row.number, row.what, row.data) for row in asked]

    def answers(self, *, fresh: bool = False) -> Mapping[str, Answer]:
        """The answers to gates that are still in the stored snapshot, by the gate's id."""
        self._require()
        if fresh:
            self._gates.ask_anew()
        return self._gates.answers(self._changes())

    def write_error(self, *, once: bool = False) -> None:
        """None: a write that fails raises its error."""

    def on_news(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called when there is news, in any thread; returns whether this store can."""
        if self._held is not None:
            self._held.wake = wake
        return self._held is not None

    def look_within(self) -> float:
        """For how many more seconds this process is sure of the run."""
        return max(0.0, self._lease.seconds_left)

    def _changes(self) -> int | None:
        return self._database.changes(self._connection) if self._held is None else self._held.changes

    # --- holding the run ---------------------------------------------------------------------------------------

    def _require(self) -> None:
        """Make sure that this process holds the run, and is connected to the database that has it.

        Raises:
            Fenced: Another process has taken the run over.
            LeaseExpired: Another process may take it soon.
            StoreError: The store cannot be used.
        """
        self._settle()
        if self._held is None:
            return
        self._held.calls += 1
        if self._held.fenced:
            raise self._fenced_error()
        if self._lease.seconds_left > 0:
            return
        try:
            self._renew(_LAST_TRY)  # possible if no process took it while this one was stopped
        except StoreError as error:
            said = f"the lease of {self._ours['our_run']} has expired and could not be renewed: {error.message}"
            raise LeaseExpired(said, hint=error.hint, undo_within=self._lease.undo_within) from None

    def _renew(self, within: float = 0.0) -> None:
        began = self._lease.note_try()
        with self._database.writing(self._connection, within=within) as connection:
            kept = connection.execute(_RENEW, {**self._ours, "lease": self._lease.length}).rowcount
        if kept == 0:
            raise self._fenced_error()
        self._lease.note_renewal(began)

    def _fenced_error(self) -> Fenced:
        return Fenced(f"another process has taken {self._ours['our_run']} over")

    def hold(self, account: Identity) -> None:
        """Hold an account on all hosts that share the store."""
        self._require()
        with self._database.writing(self._connection) as connection:
            shared_rows.hold_account(self._database, connection, self._ours["our_run"], account, self._alive)
            self._kept = moving.read(connection, self._ours["our_run"], moving.ESSENTIAL)

    def release(self) -> None:
        """Release the run, so that any process can claim it."""
        if self._released:
            return
        self._settle()
        with self._database.writing(self._connection) as connection:
            connection.execute(_LET_GO, self._ours)
        self._released = True
        self._when_released()
        if self._held is not None:
            self._database.leave(self._held)
        if self._connection is not None:
            self._connection.close()

    def troubles(self) -> list[str]:
        """The store's problems since the last call."""
        told, self._troubles = self._troubles, []
        return told

    # --- moving to the database that other processes find ---------------------------------------------------

    def _settle(self) -> None:
        """Connect to the database that other processes find at the place. If it is another one, move the run there.

        Raises:
            StoreError: That database cannot be used.
            Fenced: Another process has taken the run over there.
        """
        if not self._database.is_lost(self._connection):
            return
        run, lost = self._ours["our_run"], self._connection
        assert lost is not None  # only a file can be lost
        loss = self._database.reopen(lost)
        found, complete = self._rows(lost, loss)
        with self._database.writing() as connection:
            epoch, heard = moving.write(connection, found, self.epoch, self._asked, self._alive)
        self._connection = self._database.connect()
        if loss.readable:
            moving.leave(lost, run)
            self._database.erase(lost)  # the file may have been moved alone, without SQLite's files next to it
        self._database.abandon(lost)
        self._ours = {"our_run": run, "our_epoch": epoch}
        self._asked, self._changes_asked = heard, None
        self._gates.ask_anew()
        self._when_moved()
        journal = "with its journal" if complete else "without its journal up to now, which is lost"
        said = f"the store {self._database.place} {loss.fate.value}; the run is in the one that is there now, {journal}"
        self._troubles.append(said)

    def _rows(self, lost: Connection, loss: Loss) -> tuple[moving.Rows, bool]:
        """The rows of the run, and whether they include its whole journal."""
        run = self._ours["our_run"]
        known = moving.rows_in_memory(self._kept, self._last, self._now())
        in_place = loss.fate is Fate.TORN  # everything written is in the new file already
        if not (in_place or loss.readable):
            return known, self._number == 0
        try:
            with self._database.reading() if in_place else self._database.reading_of(lost) as connection:
                found = moving.read(connection, run, moving.ALL)
        except StoreError:
            return known, self._number == 0
        if loss.fate is Fate.OVERWRITTEN:
            records = [
                row for row in found[RECORDS.name] if decoding.record(row["number"], row["data"])["t"] != _NO_DATE
            ]
            return {**known, RECORDS.name: records}, len(records) == self._number
        if [row["epoch"] for row in found[RUNS.name]] != [self.epoch]:
            raise Fenced(f"another process has taken {run} over")
        return found, len(found[RECORDS.name]) == self._number


def _as_arrays(records: Sequence[Record], after: int) -> dict[str, Any]:
    """Records as values of a statement for all of them."""
    numbers = list(range(after + 1, after + 1 + len(records)))
    return {"numbers": numbers, "texts": [rows.as_json(record) for record in records]}

"""The right to write one run: each write is one transaction, fenced by the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Text, bindparam, case, delete, func, insert, select, update

from retake_flow.errors import Fenced
from retake_flow.ports.runs import Request
from retake_flow.run.codec import encode
from retake_flow.run.gates import Answer
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.store.sql import rows, texts
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.gates import GateRows
from retake_flow.store.sql.tables import LAST_RECORD, RECORDS, REQUESTS, RUNS, SNAPSHOTS

# Built once: with the same statement object, SQLAlchemy finds the compiled text at once.
_OURS = (RUNS.c.id == bindparam("our_run")) & (RUNS.c.epoch == bindparam("our_epoch"))
_AGENT = bindparam("agent", type_=Text)
_PROGRESS = (
    update(RUNS)
    .where(_OURS)
    .values({name: bindparam(name) for name in rows.PROGRESS})
    .values(agent=case((_AGENT == "", RUNS.c.agent), else_=_AGENT))
)
_SNAPSHOT = update(SNAPSHOTS).where(SNAPSHOTS.c.run == bindparam("our_run")).values(data=bindparam("data"))
_RECORDS = insert(RECORDS)
_LET_GO = update(RUNS).where(_OURS).values(rows.held_by(None))
_OF_RUN = REQUESTS.c.run == bindparam("our_run")
_STOPPED = delete(REQUESTS).where(
    _OF_RUN & (REQUESTS.c.number <= bindparam("up_to")) & REQUESTS.c.what.in_(("stop", "kill"))
)
_DONE = delete(REQUESTS).where(_OF_RUN & (REQUESTS.c.number == bindparam("done")))
_REQUESTS = (
    select(RUNS.c.epoch, REQUESTS.c.number, REQUESTS.c.what, REQUESTS.c.data)
    .outerjoin(REQUESTS, (REQUESTS.c.run == RUNS.c.id) & (REQUESTS.c.number > bindparam("after")))
    .where(RUNS.c.id == bindparam("our_run"))
    .order_by(REQUESTS.c.number)
)


class SqlClaim:
    """A claim on a run in a database; has a connection of its own until it is released."""

    def __init__(
        self, database: Database, run: str, epoch: int, now: Callable[[], float], released: Callable[[], None]
    ) -> None:
        self.epoch = epoch
        self._when_released = released
        self._database = database
        self._now = now
        self._ours: Mapping[str, Any] = {"our_run": run, "our_epoch": epoch}
        self._connection = database.connect()
        self._released = False
        self._last: Run | None = None
        self._asked = 0
        self._changes_asked: int | None = None
        with database.reading() as connection:
            numbered = (RECORDS.c.run == run) & (RECORDS.c.number <= LAST_RECORD)
            last = select(func.coalesce(func.max(RECORDS.c.number), 0)).where(numbered)
            self._number = int(connection.scalars(last).one())
            self._gates = GateRows(database, connection, run)

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Keep the run as it is now, and what happened; all of it or nothing."""
        self._write(run, records, None)

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and keep a new text of the flow for the run in the same transaction."""
        self._write(run, records, flow_text)

    def _write(self, run: Run, records: Sequence[Record], flow_text: str | None) -> None:
        now = self._now()
        with self._database.writing(self._connection) as connection:
            self._keep(connection, run, now)
            if records:
                self._append(connection, records)
                self._done(connection, records)
            open_now = self._gates.write(connection, run, now)
            if flow_text is not None:
                digest = texts.keep(self._database, connection, flow_text)
                connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(flow_text=digest))
        # Only now: a transaction that failed has changed nothing.
        self._last = run
        self._number += len(records)
        if self._gates.written(open_now):
            self._database.erase(self._connection)

    def _keep(self, connection: Connection, run: Run, now: float) -> None:
        told = {**self._ours, **rows.progress(run, now), "agent": rows.words(run.identity.name)}
        if connection.execute(_PROGRESS, told).rowcount == 0:
            raise Fenced(f"another process has taken {run.id} over")
        if run is not self._last:  # a record outside a macrostep leaves it as it was
            connection.execute(_SNAPSHOT, {"our_run": run.id, "data": rows.dumped(encode(run))})
            if run.ended:
                connection.execute(delete(REQUESTS).where(REQUESTS.c.run == run.id))

    def _append(self, connection: Connection, records: Sequence[Record]) -> None:
        numbered = enumerate(records, self._number + 1)
        run = self._ours["our_run"]
        connection.execute(_RECORDS, [{"run": run, "number": n, "data": rows.dumped(record)} for n, record in numbered])

    def _done(self, connection: Connection, records: Sequence[Record]) -> None:
        """Forget the requests that these records are the end of."""
        run = self._ours["our_run"]
        if any(record["event"] == "stop_requested" for record in records):
            connection.execute(_STOPPED, {"our_run": run, "up_to": self._asked})
        for record in records:
            if "request" in record:
                connection.execute(_DONE, {"our_run": run, "done": record["request"]})

    def requests(self) -> list[Request]:
        """What others have asked of the run, oldest first, each once in this claim."""
        changes = self._database.changes(self._connection)
        if changes is not None and changes == self._changes_asked:
            return []
        with self._database.reading() as connection:
            found = connection.execute(_REQUESTS, {**self._ours, "after": self._asked}).all()
        if not found or found[0].epoch != self.epoch:
            raise Fenced(f"another process has taken {self._ours['our_run']} over")
        self._changes_asked = changes
        asked = [row for row in found if row.number is not None]
        self._asked = max((row.number for row in asked), default=self._asked)
        return [rows.request(row.number, row.what, row.data) for row in asked]

    def answers(self) -> Mapping[str, Answer]:
        """The answers to gates that the written snapshot still holds, by the gate's id."""
        return self._gates.answers(self._database.changes(self._connection))

    def release(self) -> None:
        """Let go of the run, so that anybody may claim it."""
        if self._released:
            return
        with self._database.writing(self._connection) as connection:
            connection.execute(_LET_GO, self._ours)
        self._released = True
        self._when_released()
        self._connection.close()

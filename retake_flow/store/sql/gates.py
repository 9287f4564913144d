"""Gate rows: opened and closed by the run, answered by any process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from retake_flow.errors import Damaged
from retake_flow.run.codec import as_data
from retake_flow.run.errors import AlreadyAnswered, AnswerWaiting, GateUnknown
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Run
from retake_flow.store import columns, decoding
from retake_flow.store.sql import rows
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.tables import GATES

_ROW = (GATES.c.run == bindparam("of_run")) & (GATES.c.id == bindparam("of_gate"))
_OPEN = GATES.c.closed.is_(None)
_ANSWERED = select(GATES).where((GATES.c.run == bindparam("of_run")) & _OPEN & GATES.c.answered.is_not(None))


class GateRows:
    """The rows of one run's open gates, kept in step with its snapshot by the process that has the claim."""

    def __init__(self, database: Database, connection: Connection, run: str) -> None:
        self._database = database
        self._run = run
        self._open = self.open_rows(connection)
        self._answers: dict[str, Answer] = {}
        self._changes: int | None = None

    def open_rows(self, connection: Connection) -> dict[str, str]:
        """The open rows as they are in the database."""
        found = connection.execute(select(GATES.c.id, GATES.c.data).where((GATES.c.run == self._run) & _OPEN))
        return {row.id: row.data for row in found if columns.as_text(row.id) == row.id}

    def write(self, connection: Connection, run: Run, now: float) -> dict[str, str]:
        """Update the rows from the run, and return the open rows, for `written`.

        Raises:
            AnswerWaiting: The run no longer has a gate whose answer it has not received.
        """
        held = {key: rows.as_json(as_data(Gate, gate)) for key, gate in run.gates.items()}
        open_now = {} if run.has_ended else held
        for key in self._open.keys() - open_now.keys():
            # A run that was killed with a gate open ignores its answer.
            self._close(connection, key, now, even_if_answered=key in self._answers or key in held)
        for key, data in open_now.items():
            if key not in self._open:
                connection.execute(delete(GATES).where(_ROW), self._at(key))
                opened = run.gates[key].opened_at
                connection.execute(insert(GATES), {"run": self._run, "id": key, "data": data, "opened": opened})
            elif data != self._open[key]:
                connection.execute(update(GATES).where(_ROW).values(data=data), self._at(key))
        return open_now

    def note_committed(self, open_now: dict[str, str]) -> bool:
        """Note that the transaction of a `write` is committed, and return whether it closed a gate."""
        closed = self._open.keys() - open_now.keys()
        self._open = open_now
        for key in closed:
            self._answers.pop(key, None)
        return bool(closed)

    def answers(self, changes: int | None) -> Mapping[str, Answer]:
        """The answers to open gates. Queries the database only when its count of changes differs or is unknown."""
        if self._open and (changes is None or changes != self._changes):
            with self._database.reading() as connection:
                found = connection.execute(_ANSWERED, {"of_run": self._run}).mappings().all()
            self._answers = _readable(row for row in found if row["id"] in self._open)
            self._changes = changes
        return dict(self._answers)

    def ask_anew(self, stored: dict[str, str] | None = None) -> None:
        """Query the database at the next call of `answers`, whatever its count of changes is.

        Args:
            stored: The open rows, when a write in doubt turned out to have changed them.
        """
        self._changes = None
        self._open = self._open if stored is None else stored

    def _close(self, connection: Connection, key: str, now: float, *, even_if_answered: bool) -> None:
        row = _ROW if even_if_answered else _ROW & GATES.c.answered.is_(None)
        changed = connection.execute(update(GATES).where(row).values(closed=now, secrets=None), self._at(key))
        if changed.rowcount == 0:
            raise AnswerWaiting(f"{key} of {self._run} is answered, and the run does not know yet")

    def _at(self, key: str) -> dict[str, str]:
        return {"of_run": self._run, "of_gate": key}


def answer(connection: Connection, run: str, key: str, given: Answer) -> None:
    """Store an answer in the transaction of `connection`.

    Raises:
        AlreadyAnswered: Another answer came first.
        GateUnknown: The gate was never asked, has expired, or is closed.
    """
    at = {"of_run": run, "of_gate": key}
    row = connection.execute(select(GATES).where(_ROW).with_for_update(), at).one_or_none()
    if row is None:
        raise GateUnknown(f"{run} does not ask {key!r}")
    if first := _readable([row._mapping]).get(key):
        raise AlreadyAnswered(key, by=first.by, at=first.at, channel=first.channel)
    gate = decoding.stored_gate(run, key, row.data)
    if gate.is_expired(given.at):
        raise GateUnknown(f"{key} of {run} has expired")
    if row.closed is not None:
        raise GateUnknown(f"{key} of {run} is no longer open")
    connection.execute(update(GATES).where(_ROW).values(rows.answer_columns(gate, given)), at)


def _readable(found: Iterable[RowMapping]) -> dict[str, Answer]:
    """The readable answers in rows of gates, by the gate's id. An unreadable answer counts as none."""
    answers: dict[str, Answer] = {}
    for row in found:
        if row["answered"] is not None:
            with suppress(Damaged):
                answers[row["id"]] = rows.answer(row)
    return answers

"""Reading: reads runs from a SQLite file without SQLAlchemy, whose import takes longer than everything else.

It knows one version of the tables, and only files that can be read as they are. All else is left to `open_runs`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow.ports.runs import OpenGate, Stored, Summary
from retake_flow.run.ids import DATED, name_of
from retake_flow.run.run import LATEST, Phase
from retake_flow.store import columns
from retake_flow.store.run_lookup import EXAMPLES, only, unknown

if TYPE_CHECKING:
    from retake_flow.run.records import Record

#: The version of the tables that this module knows; `migrations.STEPS` leads to it.
VERSION = 7

_LAST_RECORD = 2**31 - 1
_HOLDER = (
    "holder_host, holder_pid, holder_started, CASE WHEN lease_epoch = epoch THEN holder_where END,"
    " CASE WHEN lease_epoch = epoch THEN lease_until - (julianday('now') - 2440587.5) * 86400.0 END"
)
_SUBMITTED = "EXISTS (SELECT run FROM jobs WHERE run = runs.id)"
_SUMMARY = (
    f"SELECT id, flow, agent, phase, state, outcome, reason, {_HOLDER}, created, updated, flow_file, rehearsal,"
    f" {_SUBMITTED},"
    " (SELECT count(*) FROM gates WHERE run = runs.id AND closed IS NULL AND answered IS NULL) FROM runs"
)
_STORED = (
    "SELECT data, figures, agent, flow_file, flow_text, text,"
    f" epoch, created, updated, {_SUBMITTED}, {_HOLDER} FROM runs"
    " LEFT JOIN snapshots ON snapshots.run = id LEFT JOIN flows ON digest = flow_text WHERE id = ?"
)
_OPEN_GATES = (
    "SELECT run, flow, gates.id, data FROM gates JOIN runs ON runs.id = run"
    " WHERE closed IS NULL AND answered IS NULL AND ? IN (run, '') ORDER BY opened, run, gates.id"
)
_NEWEST = f" ORDER BY created <= {LATEST} DESC, created DESC, id DESC LIMIT {EXAMPLES + 1}"


class FileReader:
    """The runs in a SQLite file, as `SqlRuns` returns them.

    Args:
        connection: A connection that only reads.
        place: The path of the file.
        owner: The agent for whom it is opened; "" for nobody in particular.
    """

    def __init__(self, connection: sqlite3.Connection, place: str, owner: str) -> None:
        self._connection = connection
        self._place = place
        self._owner = owner

    def load(self, run: str) -> Stored:
        """A run as it was last written."""
        from retake_flow.store import decoding

        row = self._first(_STORED, run)
        if row is None:
            raise unknown(run, self._place)
        return decoding.stored(run, row)

    def find(self, name: str) -> str:
        """The id that a name means: an id, a name, a unique prefix, or `last` for the run that started last."""
        ours, owner = ("owner IN ('', ?)", [self._owner]) if self._owner else ("TRUE", [])
        if name == "last":
            return only(name, self._ids(ours, *owner)[:1], self._place)
        if self._first("SELECT id FROM runs WHERE id = ?", name) is not None:
            return name
        begins, named = "substr(id, 1, ?) = ?", "substr(id, 1, ?) = ? AND length(id) = ?"
        of_name = [len(name), name, len(name) + DATED]
        for found in (self._ids(f"{named} AND {ours}", *of_name, *owner), self._ids(named, *of_name)):
            for run in found:
                if name_of(run) == name:
                    return run
        return only(name, self._ids(begins, len(name), name), self._place)

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, the newest first; filtered by phases, agent and flow if given."""
        conditions, values = ["TRUE"], list[Any]()
        if phases:
            conditions.append(f"phase IN ({', '.join('?' * len(phases))})")
            values += [phase.value for phase in phases]
        for column, wanted in (("agent", agent), ("flow", flow)):
            if wanted:
                conditions.append(f"{column} = ?")
                values.append(wanted)
        query = f"{_SUMMARY} WHERE {' AND '.join(conditions)} ORDER BY created DESC, id DESC LIMIT ?"
        found = self._all(query, *values, -1 if limit is None else limit)
        return [columns.summary(row[:-1], row[-1]) for row in found]

    def journal(
        self,
        run: str,
        after: int = 0,
        before: int | None = None,
        *,
        last: int | None = None,
        events: Sequence[str] = (),
    ) -> list[tuple[int, Record]]:
        """A run's records between two numbers, with their own (from 1); only the `last`, only of `events`, if given."""
        from retake_flow.store import decoding

        signs = list(map(decoding.sign, events))
        ours = " OR ".join(f"substr(data, {decoding.SIGN_AT}, {len(sign)}) = ?" for sign in signs) or "TRUE"
        query = f"SELECT number, data FROM records WHERE run = ? AND number BETWEEN ? AND ? AND ({ours})"
        values = [
            run,
            after + 1,
            _LAST_RECORD if before is None else before - 1,
            *signs,
            -1 if last is None else last,
        ]
        found = self._all(f"{query} ORDER BY number DESC LIMIT ?", *values)
        if not found and self._first("SELECT id FROM runs WHERE id = ?", run) is None:
            raise unknown(run, self._place)
        return decoding.events(((int(n), decoding.record(int(n), data)) for n, data in reversed(found)), events)

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The unanswered open gates, the oldest first."""
        found = self._all(_OPEN_GATES, run or "")
        if not found:
            return []
        from retake_flow.store import decoding

        return [decoding.open_gate(*row) for row in found]

    def has_jobs(self) -> bool:
        """Whether there are submitted runs that have not ended; `open_fleet` opens what tells about them."""
        return self._first("SELECT run FROM jobs LIMIT 1") is not None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ids(self, condition: str, *values: object) -> list[str]:
        found = self._all(f"SELECT id FROM runs WHERE {condition}{_NEWEST}", *values)
        return [run for (run,) in found if isinstance(run, str) and columns.shown(run) == run]

    def _first(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(query, *values)), None)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            from retake_flow.store.sql.db_errors import told  # it imports SQLAlchemy

            with told(self._place):
                raise


def open_file(place: str, owner: str = "") -> FileReader | None:
    """A reader of a store; None when it is not such a file, so that the caller has to use `open_runs`.

    Args:
        place: The path of a SQLite file, or anything else that `open_runs` takes.
        owner: The agent for whom it is opened; "" for nobody in particular.
    """
    if "://" in place:
        return None
    path = Path(os.path.expanduser(place))
    if not path.is_file():
        return None
    try:
        # Opening the file for writing gives a better error.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
    except sqlite3.Error:
        return None
    connection.text_factory = _text
    try:
        ((version, readable_by),) = connection.execute("SELECT version, readable_by FROM schema_version").fetchall()
        if readable_by <= VERSION <= version:
            return FileReader(connection, str(path), owner)
    except (sqlite3.Error, ValueError, TypeError):  # damaged: the names, or the version
        pass
    connection.close()
    return None


def _text(raw: bytes) -> str:
    # Text that is not UTF-8 is damaged; it must not keep the rows next to it from being read.
    return raw.decode("utf-8", "surrogateescape")

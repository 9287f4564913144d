"""Run listing: reads a SQLite file without SQLAlchemy, whose import takes longer than everything else.

It only reads, and knows one version of the tables. Everything else is left to `open_runs`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from retake_flow.ports.runs import Summary
from retake_flow.run.run import Phase
from retake_flow.store import columns

#: The version of the tables that this module knows; `migrations.STEPS` leads to it.
VERSION = 5

_COLUMNS = (
    "id, flow, agent, phase, state, outcome, reason, holder_host, holder_pid, holder_started,"
    " CASE WHEN lease_epoch = epoch THEN holder_where END,"
    " CASE WHEN lease_epoch = epoch THEN lease_until - (julianday('now') - 2440587.5) * 86400.0 END, created, updated,"
    " flow_file, rehearsal,"
    " (SELECT count(*) FROM gates WHERE run = runs.id AND closed IS NULL AND answered IS NULL)"
)


def listed(
    place: str, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
) -> list[Summary] | None:
    """The result of `Runs.summaries`; None when the store is not such a file, so that the caller has to open it.

    Args:
        place: The path of a SQLite file, or anything else that `open_runs` takes.
        phases: Only runs in one of these phases; in any phase when empty.
        agent: Only runs of this agent, if given.
        flow: Only runs of this flow, if given.
        limit: The largest number of runs.
    """
    if "://" in place:
        return None
    path = Path(os.path.expanduser(place))
    if not path.is_file():
        return None
    query, values = _query(phases, agent, flow, limit)
    try:
        # Opening the file for writing gives a better error.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            ((version, readable_by),) = connection.execute("SELECT version, readable_by FROM schema_version").fetchall()
            if not readable_by <= VERSION <= version:
                return None
            return [columns.summary(row[:-1], row[-1]) for row in connection.execute(query, values)]
    except (sqlite3.Error, ValueError, TypeError):  # damaged: the names, or the version
        return None


def _query(phases: Sequence[Phase], agent: str, flow: str, limit: int | None) -> tuple[str, list[Any]]:
    conditions, values = ["TRUE"], list[Any]()
    if phases:
        conditions.append(f"phase IN ({', '.join('?' * len(phases))})")
        values += [phase.value for phase in phases]
    for column, wanted in (("agent", agent), ("flow", flow)):
        if wanted:
            conditions.append(f"{column} = ?")
            values.append(wanted)
    where = " AND ".join(conditions)
    query = f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY created DESC, id DESC LIMIT ?"
    return query, [*values, -1 if limit is None else limit]

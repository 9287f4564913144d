"""Rows that runs share: accounts, on each of which only one streams, and the texts of flows, each stored once."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from retake_flow.errors import AccountInUse
from retake_flow.ports.runs import Holder
from retake_flow.run.identity import Identity
from retake_flow.store import columns
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.tables import ACCOUNTS, FLOWS, HOLDER, RUNS


def hold_account(
    database: Database, connection: Connection, run: str, account: Identity, alive: Callable[[Holder], bool]
) -> None:
    """Hold an account for a run, in the transaction of `connection`. It is released with the run, or with its lease.

    Args:
        database: The database.
        connection: A connection to it.
        run: The run that streams.
        account: The account; `NOBODY` for a run that does not stream.
        alive: Tells whether the process that holds a run is alive.

    Raises:
        AccountInUse: A run that a process drives holds it.
    """
    accounts = [sha256(key.encode("utf-8", "replace")).hexdigest()[:32] for key in account.shared_keys]
    if not accounts:
        return
    database.lock_tables(connection)
    others = select(ACCOUNTS.c.run, *HOLDER).join(RUNS, RUNS.c.id == ACCOUNTS.c.run)
    for other, *process in connection.execute(others.where(ACCOUNTS.c.account.in_(accounts), RUNS.c.id != run)).all():
        holder = columns.holder(*process)
        if holder is not None and alive(holder):
            raise AccountInUse(account.label, run=other, host=holder.host, pid=holder.pid)
    connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.account.in_(accounts)))
    connection.execute(insert(ACCOUNTS).values([{"account": each, "run": run} for each in accounts]))


def keep_text(database: Database, connection: Connection, text: str) -> str:
    """Store a text in the transaction of `connection`, and return its SHA-256."""
    raw = text.encode("utf-8", "replace")
    digest = sha256(raw).hexdigest()
    # Otherwise `drop_unused_texts` could delete it before the run that needs it exists.
    database.lock_tables(connection)
    if connection.scalar(select(FLOWS.c.digest).where(FLOWS.c.digest == digest)) is None:
        connection.execute(insert(FLOWS).values(digest=digest, text=raw.decode().replace("\0", "")))
    return digest


def drop_unused_texts(database: Database, connection: Connection) -> None:
    """Delete the texts that no run uses any more, in the transaction of `connection`."""
    database.lock_tables(connection)
    used = select(RUNS.c.id).where(RUNS.c.flow_text == FLOWS.c.digest)
    connection.execute(delete(FLOWS).where(~used.exists()))

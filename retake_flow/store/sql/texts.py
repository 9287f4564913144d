"""Flow texts, each stored once however many runs use it."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from retake_flow.store.sql.database import Database
from retake_flow.store.sql.tables import FLOWS, RUNS


def keep(database: Database, connection: Connection, text: str) -> str:
    """Store a text in the transaction of `connection`, and return its SHA-256."""
    raw = text.encode("utf-8", "replace")
    digest = sha256(raw).hexdigest()
    database.alone(connection)  # otherwise `drop_unused` could delete it before the run that needs it exists
    if connection.scalar(select(FLOWS.c.digest).where(FLOWS.c.digest == digest)) is None:
        connection.execute(insert(FLOWS).values(digest=digest, text=raw.decode().replace("\0", "")))
    return digest


def drop_unused(database: Database, connection: Connection) -> None:
    """Delete the texts that no run uses any more, in the transaction of `connection`."""
    database.alone(connection)
    used = select(RUNS.c.id).where(RUNS.c.flow_text == FLOWS.c.digest)
    connection.execute(delete(FLOWS).where(~used.exists()))

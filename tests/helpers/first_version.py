"""Data that version 0.1 has left behind: a store of runs, a rehearsal, flows and overlays."""

from __future__ import annotations

import re
import socket
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "v0_1"

_WRITTEN = 1796003392.0  # when its last record was written, in seconds since the epoch
_SECONDS = re.compile(r"\b179[56]\d{6}(?:\.\d+)?\b")
_DATES = re.compile(r"\b2026-1[12]-\d\dT[\d:.]+Z")


def leave_store(home: Path, *, on_air: bool = True) -> dict[str, str]:
    """Write its store and rehearsal as if it had been killed just now, with or without the run that was on air.

    Returns:
        The ids of the runs by their flows.
    """
    script = _as_of_now((DATA / "store.sql").read_text(encoding="utf-8"))
    script = script.replace("/home/owl", str(home)).replace("'nest'", f"'{socket.gethostname()}'")
    (home / "state").mkdir(mode=0o700)
    with closing(sqlite3.connect(home / "state" / "runs.sqlite")) as connection:
        connection.executescript(script)
        if not on_air:
            connection.executescript("PRAGMA foreign_keys=ON; DELETE FROM runs WHERE flow = 'go-live'")
        runs = dict(connection.execute("SELECT flow, id FROM runs").fetchall())
    (home / "rehearsal").mkdir()
    for kept, name in (("rehearsal.json", ".rehearsal.json"), ("account.json", "credentials.json")):
        file = home / "rehearsal" / name
        file.touch(mode=0o600)
        file.write_text((DATA / "rehearsal" / kept).read_text(encoding="utf-8"), encoding="utf-8")
    return runs


def _as_of_now(script: str) -> str:
    since = time.time() - _WRITTEN
    script = _SECONDS.sub(lambda found: repr(float(found[0]) + since), script)
    return _DATES.sub(lambda found: _date(found[0], since), script)


def _date(text: str, since: float) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC) + timedelta(seconds=since)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

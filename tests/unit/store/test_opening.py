"""How a store is named, and what opening one brings in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from store_samples import a_run, created

from retake_flow.errors import SettingsError, StoreAway, StoreError
from retake_flow.ports.runs import Runs
from retake_flow.redact import scrub
from retake_flow.store import opening
from retake_flow.store.sql.db_errors import as_store_errors

Opener = Callable[[str], Runs]


def test_nothing_heavy_is_imported_before_a_store_is_opened() -> None:
    """The ports, the codec, and the way to a store bring in no database, no psutil and no Jinja2."""
    program = """
import sys
import retake_flow.store.opening, retake_flow.store.holders, retake_flow.store.memory, retake_flow.run.codec
print(sorted({"sqlalchemy", "psutil", "psycopg", "sqlite3", "jinja2"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_file_is_named_by_path_or_url(tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a path from the home folder and a SQLite URL mean the same file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    created(opened(str(tmp_path / "runs.db")))
    for place in ("~/runs.db", f"sqlite:///{tmp_path}/runs.db", "sqlite:///~/runs.db"):
        assert opened(place).load("go-live-1").run == a_run()


def test_a_postgres_url_may_be_written_as_hosts_write_it(postgres_place: str, opened: Opener) -> None:
    """`postgres://` and a named driver mean the same as `postgresql://`."""
    created(opened(postgres_place))
    for scheme in ("postgres", "postgresql+psycopg", "postgresql+psycopg2"):
        place = postgres_place.replace("postgresql", scheme, 1)
        assert opened(place).load("go-live-1").run == a_run()


@pytest.mark.parametrize(
    "place",
    [
        "mysql://root@db/x",
        "nonsense://x",
        "sqlite://",
        "sqlite:///:memory:",
        "x y://",
        ":memory:",
        "file:x?mode=memory",
    ],
)
def test_other_places_are_refused(place: str, opened: Opener) -> None:
    """A URL of anything else is a mistake in the settings, told with what can be written."""
    with pytest.raises(SettingsError, match="store") as raised:
        opened(place)
    assert "sqlite:///PATH" in raised.value.hint


def test_a_password_is_never_shown(opened: Opener) -> None:
    """A server that cannot be reached is named without the password, which is a secret from then on."""
    with pytest.raises(StoreError, match=r"agent:\*\*\*@127\.0\.0\.1:1/runs cannot be reached") as raised:
        opened("postgresql://agent:sesame-77@127.0.0.1:1/runs")
    assert "sesame-77" not in raised.value.message
    assert scrub("sesame-77") == "•••"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('FATAL:  password authentication failed for user "flow"', "does not let you in"),
        ("fe_sendauth: no password supplied", "does not let you in"),
        ('FATAL:  database "runs" does not exist', "does not let you in"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "max_connections"),
        ('FATAL:  too many connections for role "flow"', "max_connections"),
        ("Connection refused", ""),
    ],
)
def test_a_server_that_refuses_a_client_runs(said: str, hint: str) -> None:
    """It is not its way that has to be looked at, but what RETAKE_FLOW_STORE says, or how many clients it takes."""
    refused = type("Refused", (Exception,), {"sqlstate": None})(f"connection failed: {said}")
    with pytest.raises(StoreAway) as raised, as_store_errors("postgresql://x/y"):
        raise OperationalError("", None, refused)
    assert hint in raised.value.hint
    assert bool(hint) == bool(raised.value.hint)


def test_a_missing_driver_is_named(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, a store on PostgreSQL says how to get it."""
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match="psycopg") as raised:
        opened("postgresql://x/y")
    assert raised.value.hint == "pip install 'retake-flow[postgres]'"

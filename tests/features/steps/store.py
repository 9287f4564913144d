"""Steps about the store of a run: a file that is lost, a database server that is away, a lease."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path

import postgres_server
import pytest
from flow_processes import numbered
from pytest_bdd import given, parsers, then, when
from steps.program import Program

from retake_flow.store.opening import open_runs
from retake_flow.testing.steps.tables import ON_AIR


@pytest.fixture
def database() -> postgres_server.Server | None:
    """The database server that keeps the runs; usually a file does."""
    return None


@pytest.fixture
def lease() -> str:
    """For how long a process has a run."""
    return "35s"


@given(parsers.parse("a lease lasts {seconds:d} s"), target_fixture="lease")
def short_lease(seconds: int) -> str:
    """As `RETAKE_FLOW_LEASE` says."""
    return f"{seconds}s"


@given("its runs are kept on a database server", target_fixture="database")
def kept_on_server(request: pytest.FixtureRequest) -> postgres_server.Server:
    """A real one, which lasts as long as the scenario."""
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    lasting = ExitStack()
    request.addfinalizer(lasting.close)
    return lasting.enter_context(postgres_server.a_server(programs))


@when("the database server stays away")
def server_away(program: Program, database: postgres_server.Server) -> None:
    """From when the stream is on air."""
    program.until("state_entered", state=ON_AIR)
    database.stop()


@when("the database server is back, and the run is resumed", target_fixture="program")
def resumed(
    home: Path, program: Program, started: list[Program], database: postgres_server.Server, lease: str
) -> Program:
    """By any process."""
    database.start()
    words = ("resume", program.records[0]["run"])
    started.append(Program(home, words=words, database=database, lease=lease))
    return started[-1]


@when(parsers.parse("its store is {lost} on air"))
def store_lost(program: Program, lost: str) -> None:
    """As an operator does it by mistake, or by a backup."""
    program.until("state_entered", state=ON_AIR)
    store = program.store
    copy = store.with_name("copy")
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    store.unlink()
    if lost == "replaced by its copy":
        copy.rename(store)
    else:
        assert lost == "replaced by a folder"
        store.mkdir()


@when(parsers.parse("Ctrl-C is pressed once it says that its store {words}"))
def interrupted_by_then(program: Program, words: str) -> None:
    """The notice comes soon, and not at once."""
    program.until("notice", kind="store")
    assert words in program.records[-1]["message"]
    program.process.send_signal(signal.SIGINT)


@then(parsers.parse("it has said once that its store {words}"))
def store_told(program: Program, words: str) -> None:
    """In one notice to people, which the journal has."""
    told = [
        record["message"] for record in program.records if record["event"] == "notice" and record["kind"] == "store"
    ]
    assert len(told) == 1
    assert words in told[0]


@then("the store has the run, completed, with its whole journal")
def store_has_it(program: Program, database: postgres_server.Server | None) -> None:
    """As anybody finds it, with the records that the program printed."""
    runs = open_runs(program.store if database is None else database.url)
    try:
        (summary,) = runs.summaries()
        assert (summary.id, summary.outcome) == (program.records[0]["run"], "completed")
        kept = [record for _, record in runs.journal(summary.id)]
        assert numbered(program.records) == kept
    finally:
        runs.close()


@then(parsers.parse("its error says that the last records of its journal are lost"))
def error_said(program: Program) -> None:
    """The one message with which it ends."""
    (error,) = [record for record in program.records if record["event"] == "error" and "place" not in record]
    assert "records of its journal are lost" in error["message"]


@then("its error says that the lease has run out")
def lease_over(program: Program) -> None:
    """The one message with which it ends, with what to do."""
    (error,) = [record for record in program.records if record["event"] == "error" and "place" not in record]
    assert "has expired and could not be renewed" in error["message"]
    assert "see whether the database server runs" in error["hint"]

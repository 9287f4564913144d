"""Older stores become current ones, whole or not at all; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import pytest
import store_processes
from sqlalchemy import Connection, event, text
from store_samples import US, a_run, created, said

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Runs
from retake_flow.run.codec import encode
from retake_flow.run.identity import NOBODY
from retake_flow.store.reading import open_file
from retake_flow.store.sql import migrations

Opener = Callable[[str], Runs]


def _colour(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"))


def _half(connection: Connection) -> None:
    _colour(connection)
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))


def _colours(runs: Runs) -> list[str]:
    with runs.database.reading() as connection:
        return list(connection.scalars(text("SELECT colour FROM runs")))


def test_an_older_store_is_brought_up_to_date(place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new program takes the missing steps once, and the runs are still there."""
    claim = created(opened(place))
    claim.write(a_run(state="b"), [said("x")])
    monkeypatch.setattr(migrations, "STEPS", [*migrations.STEPS, _colour])
    for _ in range(2):
        runs = opened(place)
        assert _colours(runs) == ["red"]
        assert runs.load("go-live-1").run.state == "b"
    assert len(runs.journal("go-live-1")) == 1


def test_an_older_program_refuses_what_a_newer_one_made(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a newer program has changed the tables so that this one cannot use them, it does not touch them."""
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "STEPS", [*migrations.STEPS, _colour])
        newer.setattr(migrations, "READABLE_BY", len(migrations.STEPS))
        opened(place)
    with pytest.raises(StoreError, match=r"is of version (\d+); this program knows (?!\1)"):
        opened(place)


def test_an_older_program_goes_on_while_a_newer_one_adds_to_the_tables(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open or opened afterwards, it claims, writes and lists as before, and never takes the newer tables back."""
    before = opened(place)
    claim = created(before, a_run("r1"))
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "STEPS", [*migrations.STEPS, _colour])
        created(opened(place), a_run("r2"))
    claim.write(a_run("r1", state="b"), [said("x")])
    after = opened(place)
    after.claim("r2", US, force=True).write(a_run("r2", state="c"), [said("y")])
    assert {each.id: each.state for each in after.summaries()} == {"r1": "b", "r2": "c"}
    assert {each.id for each in (open_file(place) or after).summaries()} == {"r1", "r2"}
    assert _colours(after) == ["red", "red"]


@pytest.mark.parametrize("statement", range(6))
def test_a_migration_that_is_killed_at_a_statement_is_completed_by_the_next(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    """Nothing of the first is left, whichever statement was its last, and the run is there with its journal."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "STEPS", migrations.STEPS[:-1])
        _created_in_older_tables(opened(place), "r1")

    def kill(*_: object) -> None:
        left.pop()  # an IndexError is no error of the database, so nobody handles it

    left = [None] * statement
    with monkeypatch.context() as killed:
        *first, step = migrations.STEPS
        killed.setattr(migrations, "STEPS", [*first, lambda connection: _counting(connection, kill, step)])
        with suppress(IndexError):
            opened(place)
    runs = opened(place)
    runs.claim("r1", US).write(a_run("r1", state="b"), [said("x")])
    assert (runs.load("r1").run.state, len(runs.journal("r1"))) == ("b", 1)


def _counting(connection: Connection, kill: Callable[..., None], step: Callable[[Connection], None]) -> None:
    event.listen(connection, "before_cursor_execute", kill)
    step(connection)
    kill()


def _created_in_older_tables(runs: Runs, name: str, data: object = None) -> None:
    """A run as a program without leases stored it."""
    snapshot = json.dumps(encode(a_run(name)) if data is None else data) if not isinstance(data, str) else data
    columns = "id, flow, agent, phase, state, reason, epoch, created, updated, flow_file, flow_text"
    values = f"'{name}', 'go-live', 'owl', 'running', 'a', '', 1, 10, 10, '/x', :digest"
    digest = sha256(b"flow: x").hexdigest()
    with runs.database.writing() as connection:
        if connection.scalar(text("SELECT count(*) FROM flows")) == 0:
            connection.execute(text("INSERT INTO flows VALUES (:digest, 'flow: x')"), {"digest": digest})
        connection.execute(text(f"INSERT INTO runs ({columns}) VALUES ({values})"), {"digest": digest})
        connection.execute(
            text("INSERT INTO snapshots (run, data) VALUES (:run, :data)"), {"run": name, "data": snapshot}
        )


def test_a_store_of_the_first_form_takes_requests_with_data(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked before the tables had room for more is still asked, and what is asked now comes with its data."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "STEPS", migrations.STEPS[:1])
        runs = opened(place)
        _created_in_older_tables(runs, "go-live-1")
        with runs.database.writing() as connection:
            connection.execute(text("INSERT INTO requests (run, what) VALUES ('go-live-1', 'stop')"))
    runs = opened(place)
    runs.request("go-live-1", "say", {"text": "hello"})
    asked = runs.claim("go-live-1", US).requests()
    assert [(each.what, each.data) for each in asked] == [("stop", {}), ("say", {"text": "hello"})]


def test_a_step_that_fails_changes_nothing(place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store stays in the old form, and the old program goes on with it."""
    created(opened(place))
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "STEPS", [*migrations.STEPS, _half])
        with pytest.raises(StoreError, match="nowhere"):
            opened(place)
    assert opened(place).load("go-live-1").run == a_run()
    monkeypatch.setattr(migrations, "STEPS", [*migrations.STEPS, _colour])
    assert _colours(opened(place)) == ["red"]


def test_two_may_open_a_new_store_at_once(place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits and finds the tables made."""
    store_processes.be_patient(monkeypatch.setattr)
    together = threading.Barrier(4)
    failed: list[BaseException] = []

    def open_it(number: int) -> None:
        together.wait()
        try:
            created(opened(place), a_run(f"r{number}"))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(each.id for each in opened(place).summaries()) == ["r0", "r1", "r2", "r3"]


def test_a_store_of_0_1_tells_which_runs_are_rehearsals(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the snapshots told is in the list of runs; a snapshot that is damaged keeps nobody from it."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "STEPS", migrations.STEPS[:2])
        runs = opened(place)
        old = {"version": 1, "id": "rehearsed", "flow": "f", "digest": "d", "inputs": {}, "rehearsal": "/r"}
        for name, data in (("real", None), ("rehearsed", old), ("damaged", "[{")):
            _created_in_older_tables(runs, name, data)
    runs = opened(place)
    assert {each.id: each.rehearsal for each in runs.summaries()} == {"real": "", "rehearsed": "/r", "damaged": ""}
    assert runs.load("rehearsed").run.identity == NOBODY

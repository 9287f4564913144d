"""What the SQLite file promises beyond the contract: who may read it, what is refused, what it costs to ask."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from store_samples import THEM, TWEET, a_run, an_answer, asked, asking, created, said, whats

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Runs
from retake_flow.run.errors import Fenced
from retake_flow.run.run import Phase

Opener = Callable[[str], Runs]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that SQLAlchemy sends meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be; its folder is missing."""
    return tmp_path / "state" / "runs.db"


class TestPrivacy:
    def test_nobody_else_can_read_the_store(self, path: Path, opened: Opener) -> None:
        """File, write-ahead log and shared memory are for the owner alone, even without a umask; so is the folder."""
        before = os.umask(0)
        try:
            claim = created(opened(str(path)))
            claim.write(a_run(), [said("x")])
        finally:
            os.umask(before)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert modes == {"runs.db": 0o600, "runs.db-wal": 0o600, "runs.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_a_store_that_others_can_read_is_closed_to_them(self, path: Path, opened: Opener) -> None:
        """A copied file with a wider mode is narrowed when it is opened."""
        opened(str(path)).close()
        path.chmod(0o644)
        opened(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_secret_answer_leaves_the_disk_when_it_is_taken(self, path: Path, opened: Opener) -> None:
        """Its bytes are in none of the files once the run has written that it took the answer."""
        runs = opened(str(path))
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer(url="u", token="hunter-22-hunter"))
        assert "prove.1" in claim.answers()

        def on_disk() -> bool:
            return any(b"hunter-22-hunter" in each.read_bytes() for each in path.parent.iterdir())

        assert on_disk()
        claim.write(a_run(), [said("answered")])
        assert not on_disk()


class TestDurability:
    def test_a_commit_is_on_the_disk(self, path: Path, opened: Opener) -> None:
        """The file is in write-ahead mode, and each connection syncs fully and minds foreign keys."""
        runs = opened(str(path))
        created(runs)
        with runs.database.reading() as connection:
            asked = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
            }
        assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}

    def test_a_write_that_fails_half_way_leaves_nothing(self, path: Path, opened: Opener) -> None:
        """When the records cannot be kept, the snapshot stays the old one too, and the claim can go on."""
        runs = opened(str(path))
        claim = created(runs)
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no'); END")
            with pytest.raises(StoreError, match="no"):
                claim.write(asking(TWEET), [said("x")])
            other.execute("DROP TRIGGER no")
        assert (runs.load("go-live-1").run, runs.open_gates()) == (a_run(), [])
        claim.write(asking(TWEET), [said("y")])
        assert [(n, record["event"]) for n, record in runs.journal("go-live-1")] == [(1, "y")]
        assert [each.gate.id for each in runs.open_gates()] == ["prove.1"]

    def test_a_stop_given_before_a_late_record_of_another_is_heard(self, path: Path, opened: Opener) -> None:
        """A record that could not be written at once says nothing about what was asked since."""
        runs = opened(str(path))
        claim = created(runs)
        runs.request("go-live-1", "stop")
        assert whats(claim) == ["stop"]
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no'); END")
            with pytest.raises(StoreError, match="no"):
                claim.write(a_run(state="b"), [said("stop_requested")])
            other.execute("DROP TRIGGER no")
        runs.request("go-live-1", "stop")
        claim.write(a_run(state="b"), [said("stop_requested")])
        assert whats(claim) == ["stop"]


class TestCost:
    def test_a_macrostep_asks_nothing(self, path: Path, opened: Opener) -> None:
        """A write is one transaction of three statements, none of which reads."""
        claim = created(opened(str(path)))
        claim.write(a_run(), [said("warm")])
        with statements() as sent:
            claim.write(a_run(state="b"), [said("x"), said("y")])
        assert [statement.split()[0] for statement in sent] == ["UPDATE", "UPDATE", "INSERT"]

    def test_polling_an_idle_store_sends_no_query(self, path: Path, opened: Opener) -> None:
        """Requests and answers are asked for often; when nobody else has written, no query is sent."""
        runs = opened(str(path))
        claim = asked(runs, TWEET)
        assert (claim.requests(), claim.answers()) == ([], {})
        with statements() as sent:
            for _ in range(10):
                assert (claim.requests(), claim.answers()) == ([], {})
        assert sent == []
        runs.request("go-live-1", "stop")
        runs.answer("go-live-1", "prove.1", an_answer(url="u"))
        assert (whats(claim), list(claim.answers())) == (["stop"], ["prove.1"])

    def test_own_writing_does_not_hide_what_others_write(self, path: Path, opened: Opener) -> None:
        """A request that comes between two writes of the run is found by the next poll, and so is a new holder."""
        runs = opened(str(path))
        claim = asked(runs, TWEET)
        claim.requests()
        claim.write(asking(TWEET, state="b"), [said("x")])
        runs.request("go-live-1", "kill")
        claim.write(asking(TWEET, state="c"), [said("y")])
        assert whats(claim) == ["kill"]
        opened(str(path)).claim("go-live-1", THEM)
        with pytest.raises(Fenced):
            claim.requests()


class TestRefusing:
    def refused(self, path: Path, opened: Opener, match: str) -> StoreError:
        before = path.read_bytes()
        with pytest.raises(StoreError, match=match) as told:
            opened(str(path))
        assert path.read_bytes() == before
        assert (told.value.exit_code, str(path) in told.value.message, bool(told.value.hint)) == (6, True, True)
        return told.value

    def test_what_is_no_database_is_left_alone(self, tmp_path: Path, opened: Opener) -> None:
        """A file of another kind is refused and stays as it is."""
        path = tmp_path / "notes.txt"
        path.write_text("notes\n" * 1000)
        self.refused(path, opened, "is not a store of retake-flow")

    def test_the_database_of_another_program_is_left_alone(self, tmp_path: Path, opened: Opener) -> None:
        """A SQLite file with other tables is refused; not even its mode of writing changes."""
        path = tmp_path / "other.db"
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE runs (x)")
        self.refused(path, opened, "the database of another program")

    def test_a_newer_version_is_left_alone(self, path: Path, opened: Opener) -> None:
        """A store that a newer program has changed is refused with both versions named."""
        opened(str(path)).close()
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE schema_version SET version = 99, readable_by = 98")
        assert "update" in self.refused(path, opened, r"is of version 99; this program knows \d+").hint

    def test_a_damaged_store_is_left_alone(self, path: Path, opened: Opener) -> None:
        """A file whose pages were overwritten is refused, not made anew."""
        opened(str(path)).close()
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
        self.refused(path, opened, "is damaged")

    def test_a_damaged_snapshot_is_named(self, path: Path, opened: Opener) -> None:
        """One unreadable run is an error of its own, and the others can still be read."""
        runs = opened(str(path))
        created(runs)
        created(runs, a_run("other"))
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE snapshots SET data = '{\"version\": 1' WHERE run = 'other'")
        with pytest.raises(StoreError, match="damaged"):
            runs.load("other")
        assert runs.load("go-live-1").run == a_run()

    @pytest.mark.parametrize("name", ["", "file/runs.db"])
    def test_a_place_where_no_file_can_be_is_refused(self, tmp_path: Path, opened: Opener, name: str) -> None:
        """A folder, or a path through a file, is no place for a store."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreError, match="cannot be opened"):
            opened(str(tmp_path / name))

    def test_a_store_that_another_process_keeps_busy_says_so(
        self, path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who waits too long for a writer that does not end is told, and has written nothing."""
        monkeypatch.setattr("retake_flow.store.sql.database.PATIENCE", 0.05)
        runs = opened(str(path))
        claim = created(runs)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="kept busy by another process"):
                claim.write(a_run(state="b"), [said("x")])
            other.execute("ROLLBACK")
        claim.write(a_run(state="c"), [said("y")])
        assert [record["event"] for _, record in runs.journal("go-live-1")] == ["y"]


class TestErasing:
    def test_a_reader_does_not_hold_up_the_run(
        self, path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While somebody reads, the log cannot be emptied: the write goes on at once, and a later gate does it."""
        monkeypatch.setattr("retake_flow.store.sql.database._DRIVING_PATIENCE", 120.0)
        runs = opened(str(path))
        claim = asked(runs, TWEET)
        runs.answer("go-live-1", "prove.1", an_answer(token="hunter-22-hunter"))
        claim.answers()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM runs").fetchall()
            begun = time.monotonic()
            claim.write(a_run(), [said("answered")])
            assert time.monotonic() - begun < 100
        claim.write(asking(TWEET), [])
        claim.write(a_run(), [])
        assert not any(b"hunter-22-hunter" in each.read_bytes() for each in path.parent.iterdir())


def test_a_damaged_id_keeps_no_other_run_from_being_pruned(path: Path, opened: Opener) -> None:
    """An id that is not UTF-8 cannot be passed to the database; its holder cannot be known either."""
    runs = opened(str(path))
    for name in ("damaged", "ended"):
        created(runs, a_run(name, phase=Phase.COMPLETED, outcome="completed"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET id = CAST(x'ff' AS TEXT), holder_pid = 'x' WHERE id = 'damaged'")
    assert runs.prune(99.0) == ["ended"]

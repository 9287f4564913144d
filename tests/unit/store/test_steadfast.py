"""A store that cannot be written: a stream on air goes on, everything else is told at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import THEM, TWEET, a_run, an_answer, asking, created, said

from retake_flow.errors import StoreAway, StoreError
from retake_flow.ports.runs import Runs
from retake_flow.run.errors import AnswerWaiting, Fenced
from retake_flow.run.run import PendingUndo, Run
from retake_flow.store import steadfast
from retake_flow.store.steadfast import AGAIN_AFTER, Steadfast

Opener = Callable[[str], Runs]
RUN = "go-live-1"
OWED = (PendingUndo("live", "live.session", "retake.stop_stream", {}),)


class Disk:
    """A store on a disk that can be full, and a claim that bears it.

    Attributes:
        time: Seconds, as the claim sees them.
    """

    def __init__(self, runs: Runs, path: Path, run: Run) -> None:
        self.runs = runs
        self.time = 100.0
        self._path = path
        self.claim = Steadfast(created(runs, run), run, lambda: self.time)

    def fill(self) -> None:
        """From now on nothing can be written, and everything read."""
        self._do("CREATE TRIGGER full BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")

    def empty(self) -> None:
        """There is room again."""
        self._do("DROP TRIGGER full")

    def _do(self, statement: str) -> None:
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute(statement)

    @property
    def events(self) -> list[str]:
        """What is written down."""
        return [record["event"] for _, record in self.runs.journal(RUN)]


@pytest.fixture
def disk(tmp_path: Path, opened: Opener) -> Disk:
    """With a run that is on air."""
    path = tmp_path / "runs.db"
    return Disk(opened(str(path)), path, a_run(undos=OWED))


def test_a_stream_goes_on_and_all_of_it_is_written_later(disk: Disk) -> None:
    """What happens meanwhile is kept, in its order, and told is that it cannot be written and that it can again."""
    disk.claim.write(a_run(undos=OWED), [said("a")])
    disk.fill()
    disk.claim.write(a_run(undos=OWED, state="b"), [said("b")])
    disk.claim.write(a_run(undos=OWED, state="c"), [said("c"), said("d")])
    (trouble,) = disk.claim.troubles()
    assert "the disk is full" in trouble
    assert "the stream continues" in trouble
    assert (disk.events, disk.claim.troubles()) == (["a"], [])
    disk.empty()
    disk.time += AGAIN_AFTER
    disk.claim.write(a_run(undos=OWED, state="e"), [said("e")])
    assert disk.events == ["a", "b", "c", "d", "e"]
    assert disk.runs.load(RUN).run.state == "e"
    assert disk.claim.troubles() == ["the store can be written again, and nothing is lost"]
    disk.claim.release()
    assert disk.runs.load(RUN).holder is None


@pytest.mark.parametrize("run", [a_run(undos=OWED), a_run()], ids=["on air", "not on air"])
def test_a_file_that_another_program_locks_is_waited_for(tmp_path: Path, opened: Opener, run: Run) -> None:
    """The loop stands still for three seconds at most. What must not happen twice waits, and so does a run that has
    nothing on air; people are told after ten seconds, and of a shorter lock not at all.
    """
    path = tmp_path / "runs.db"
    disk = Disk(opened(str(path)), path, run)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for seconds in (5.0, 11.0):
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            disk.claim.write(run, [said(f"for {seconds:g} s")])
            assert 2.5 < time.monotonic() - began < 120
            assert isinstance(disk.claim.write_error(once=True), StoreAway)
            assert (disk.claim.write_error() is None) == bool(run.undos)
            assert disk.claim.troubles() == []
            other.execute("ROLLBACK")
            disk.time += seconds
            told = disk.claim.troubles()
            disk.claim.write(run, [said("after")])
            assert disk.claim.write_error(once=True) is None
            told += disk.claim.troubles()
            assert [("busy" in said or "again" in said) for said in told] == ([True, True] if seconds > 10 else [])
    assert disk.events == ["for 5 s", "after", "for 11 s", "after"]


def test_it_is_tried_again_at_a_look_too_but_not_all_the_time(disk: Disk) -> None:
    """A store that is kept busy holds up whoever asks it."""
    disk.fill()
    disk.claim.write(a_run(undos=OWED), [said("a")])
    disk.empty()
    disk.time += AGAIN_AFTER - 0.1
    assert (disk.claim.requests(), dict(disk.claim.answers()), disk.events) == ([], {}, [])
    disk.runs.request(RUN, "stop")
    disk.time += 0.2
    assert [request.what for request in disk.claim.requests()] == ["stop"]
    assert disk.events == ["a"]


def test_at_the_end_what_is_lost_is_said(disk: Disk) -> None:
    """A run that could not be written to its end is no success: exit code 6, with the run and what to do."""
    disk.fill()
    disk.claim.write(a_run(undos=OWED), [said("a"), said("b")])
    disk.claim.write(a_run(outcome="completed"), [said("run_ended")])
    with pytest.raises(StoreError) as raised:
        disk.claim.release()
    assert raised.value.exit_code == 6
    for words in (RUN, "completed", "the disk is full", "3 records"):
        assert words in raised.value.message
    disk.empty()
    disk.claim.release()
    assert (disk.events, disk.runs.load(RUN).run.outcome) == (["a", "b", "run_ended"], "completed")


@pytest.mark.parametrize("call", ["write", "requests", "answers"])
def test_what_is_not_on_air_is_told_at_once(tmp_path: Path, opened: Opener, call: str) -> None:
    """Nothing is lost by ending a run that owes no undo; so nothing begins that cannot be written down."""
    path = tmp_path / "runs.db"
    disk = Disk(opened(str(path)), path, a_run())
    for file in tmp_path.glob("runs.db*"):
        file.unlink()
    path.mkdir()
    with pytest.raises(StoreError):
        disk.claim.write(a_run(undos=OWED), [said("a")]) if call == "write" else getattr(disk.claim, call)()
    assert disk.claim.troubles() == []


@pytest.mark.parametrize("call", ["requests", "answers"])
def test_a_look_that_fails_on_air_is_told_and_does_no_harm(tmp_path: Path, opened: Opener, call: str) -> None:
    """Also when nothing is written for a while: the place is a folder now, and then free again."""
    path = tmp_path / "runs.db"
    disk = Disk(opened(str(path)), path, a_run(undos=OWED))
    for file in tmp_path.glob("runs.db*"):
        file.unlink()
    path.mkdir()
    assert not getattr(disk.claim, call)()
    assert not getattr(disk.claim, call)()
    (trouble,) = disk.claim.troubles()
    assert "it is no file" in trouble
    path.rmdir()
    disk.time += AGAIN_AFTER
    disk.claim.write(a_run(undos=OWED, state="b"), [said("b")])
    (moved, again) = sorted(disk.claim.troubles())
    assert ("was removed" in moved, "written again" in again) == (True, True)
    assert opened(str(path)).load(RUN).run.state == "b"


def test_a_takeover_is_no_failure_of_the_store(disk: Disk) -> None:
    """Whoever is fenced is told at once, on air and also while the store could not be written."""
    disk.fill()
    disk.claim.write(a_run(undos=OWED), [said("a")])
    disk.empty()
    disk.runs.claim(RUN, THEM, force=True)
    disk.time += AGAIN_AFTER
    with pytest.raises(Fenced):
        disk.claim.write(a_run(undos=OWED), [said("b")])


def test_an_answer_to_a_question_that_is_over_keeps_nothing_from_being_written(disk: Disk) -> None:
    """It came while nobody could hear it; while all is well it goes first, as ever."""
    disk.claim.write(asking(TWEET, undos=OWED), [said("gate_opened")])
    disk.fill()
    disk.claim.write(a_run(undos=OWED), [said("gate_expired")])
    disk.runs.answer(RUN, TWEET.id, an_answer(url="u", token="t"))
    disk.empty()
    disk.time += AGAIN_AFTER
    disk.claim.write(a_run(undos=OWED), [said("b")])
    assert disk.events == ["gate_opened", "gate_expired", "b"]
    disk.claim.write(asking(TWEET, undos=OWED), [])
    disk.runs.answer(RUN, TWEET.id, an_answer(url="u", token="t"))
    with pytest.raises(AnswerWaiting):
        disk.claim.write(a_run(undos=OWED), [])


def test_only_so_many_records_are_kept(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are lost, and that is said."""
    monkeypatch.setattr(steadfast, "MOST", 3)
    claim = Steadfast(disk.claim._claim, a_run(undos=OWED), lambda: disk.time)
    disk.fill()
    for number in range(5):
        claim.write(a_run(undos=OWED), [said(f"n{number}")])
    disk.empty()
    claim.troubles()
    claim.release()
    assert disk.events == ["n2", "n3", "n4"]
    assert claim.troubles() == ["the store can be written again, but for 2 records, which are lost"]


def test_a_database_that_is_dropped_on_air_is_told_and_does_not_end_the_stream(
    postgres_place: str, opened: Opener
) -> None:
    """On PostgreSQL nothing is moved: the message says what the server says, and so does the end."""
    import psycopg

    claim = Steadfast(created(opened(postgres_place), a_run(undos=OWED)), a_run(undos=OWED), lambda: 0.0)
    url, _, schema = postgres_place.partition("&options=-csearch_path%3D")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        claim.write(a_run(undos=OWED), [said("a")])
        assert claim.requests() == []
        (trouble,) = claim.troubles()
        assert "cannot be used" in trouble
        with pytest.raises(StoreError, match="the last 1 records of its journal are lost") as raised:
            claim.release()
        assert raised.value.exit_code == 6
        connection.execute(f"CREATE SCHEMA {schema}")

"""A store that is lost, replaced or cannot be written while a real stream is on air."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import psutil
import pytest
import store_processes
from flow_processes import WITHIN, Home, Record, Running, at_home, gone, numbered, waited

from retake_flow.errors import StoreError
from retake_flow.run.records import timestamp
from retake_flow.store.opening import open_runs
from retake_flow.store.steadfast import TOLD_AFTER

pytestmark = pytest.mark.real

_spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with nothing in it."""
    with at_home(tmp_path / "home") as made:
        yield made


def rehearse(home: Home, *more: str) -> Running:
    """Begin a rehearsal whose stream goes on until it is stopped."""
    where = ["--folder", str(home.folder / "rehearsed")]
    return home.start("run", "go-live.yaml", "--rehearse", *where, *more)


def one_stream(home: Home) -> Record:
    """The report of a rehearsal in which one session was pushed by one encoder from its beginning to its end."""
    report: Record = json.loads((home.folder / "rehearsed" / "report.json").read_text())
    (agent,) = report["agents"]
    assert [session["ended_by"] for session in agent["sessions"]] == ["stop"]
    assert (report["keys"]["used"], report["broken_rules"]) == (1, [])
    return report


def _remove(store: Path) -> None:
    store.unlink()


def _move_the_folder(store: Path) -> None:
    store.parent.rename(store.parent.with_name("moved"))


def _truncate(store: Path) -> None:
    os.truncate(store, 0)


def _restore_by_cp(store: Path) -> None:
    copy = store.with_name("backup")
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with closing(sqlite3.connect(copy)) as older:  # as if it were from before the run
        older.execute("PRAGMA foreign_keys = ON")
        older.execute("DELETE FROM runs")
        older.commit()
    store.write_bytes(copy.read_bytes()[:24] + bytes(4) + copy.read_bytes()[28:])


def _restore_by_mv(store: Path) -> None:
    copy = store.with_name("backup")
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.replace(store)


def _remove_what_is_beside(store: Path) -> None:
    for name in ("-wal", "-shm"):
        Path(f"{store}{name}").unlink()


def _cut_the_index(store: Path) -> None:
    os.truncate(f"{store}-shm", 0)  # which the process has mapped, and dies of when it touches it


@contextmanager
def stopped_between_transactions(process: int, store: Path) -> Iterator[None]:
    """Stop a process at a moment when it does not read or write a store."""

    def stopped() -> bool:
        os.kill(process, signal.SIGSTOP)
        waited(lambda: psutil.Process(process).status() == psutil.STATUS_STOPPED, "the process to stop")
        if _is_idle(process) and not _is_in_a_transaction(process, store):
            return True
        os.kill(process, signal.SIGCONT)
        return False

    waited(stopped, "a moment between two transactions")
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _is_idle(process: int) -> bool:
    """Whether a stopped process waits for something; one that computes may be about to touch the store (proc(5))."""
    try:
        return Path(f"/proc/{process}/syscall").read_text().split()[0] not in ("-1", "running")
    except OSError:  # not permitted everywhere
        return True


def _is_in_a_transaction(process: int, store: Path) -> bool:
    """Whether a process holds one of SQLite's locks for transactions: the bytes 120-127 of the index."""
    owner, inode = str(process), str(os.stat(f"{store}-shm").st_ino)
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line]
    held = [(int(start), int(end)) for *_, pid, file, start, end in locks
            if pid == owner and file.rpartition(":")[2] == inode and end != "EOF"]  # fmt: skip
    return any(start < 128 and end >= 120 for start, end in held)


def lock_for_a_while(store: Path, running: Running) -> float:
    """Write to the file as another program, until the run has gone on past a write that could not be made.

    Returns:
        For how long, in seconds.
    """
    began = time.monotonic()
    with closing(sqlite3.connect(store, timeout=WITHIN, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        since = timestamp(time.time())
        waited(lambda: any(record["t"] > since for record in running.records), "what happens while it is locked")
        other.execute("ROLLBACK")
    return time.monotonic() - began


def test_a_stream_goes_on_when_its_store_is_lost_and_the_run_is_found_again(home: Home) -> None:
    """In each way: one notice, `runs`, `show`, `say`, `answer` and `stop` reach the run, and nothing is cut.

    Before that, another program locks the file for a while, which is no reason for a notice.
    """
    running = rehearse(home)
    running.on_air()
    run, store = running.run, home.state / "runs.sqlite"
    locked = lock_for_a_while(store, running)
    assert running.store_notices == [] or locked > TOLD_AFTER
    losses = [_remove, _move_the_folder, _truncate, _remove_what_is_beside, _restore_by_mv, _cut_the_index]
    losses.append(_restore_by_cp)
    for number, lose in enumerate(losses, 1):
        before = len(running.store_notices)
        idle = stopped_between_transactions(running.pid, store) if lose is _cut_the_index else nullcontext()
        with idle:
            lose(store)
        waited(lambda before=before: len(running.store_notices) > before, lose.__name__)
        listed = home.call("runs", "--json")
        assert [(each["run"], each["holder"]["pid"]) for each in listed.records] == [(run, running.pid)], lose.__name__
        shown = home.call("show", run, "--json")
        assert running.store_notices[-1] in shown.out, lose.__name__
        said = home.call("say", run, f"number {number}", "--screen")
        assert said.code == 0, f"{lose.__name__}: {said}"
        if lose in (_remove, _move_the_folder):  # with these the whole journal moves
            printed = numbered(running.records[:])
            assert home.journal(run)[: len(printed)] == printed
    answered = home.call("answer", run, "direction=north")
    assert answered.code == 0, str(answered)
    running.until("gate_answered")
    assert home.call("stop", run).code == 0
    assert running.finish() == 0, running.err
    assert len(running.store_notices) == len(losses) or locked > TOLD_AFTER
    assert home.row(run)["outcome"] == "completed"
    one_stream(home)
    gone(run)


def _file_in_the_way(store: Path) -> None:
    shutil.rmtree(store.parent)
    store.parent.write_text("in the way")


def _other_database(store: Path) -> None:
    other = store.with_name("other")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    other.replace(store)


@pytest.mark.parametrize("spoil", [_file_in_the_way, _other_database])
def test_a_stream_that_can_be_written_nowhere_goes_on_and_ends_with_what_is_lost(
    home: Home, spoil: Callable[[Path], None]
) -> None:
    """A notice tells of it; the stream ends in its time and cleanly, and the exit code is 6, never 0."""
    running = rehearse(home, "--for", "8s")
    running.on_air()
    spoil(home.state / "runs.sqlite")
    waited(lambda: running.store_notices, "a notice")
    assert "the stream continues" in running.store_notices[0]
    assert running.finish() == 6
    (error,) = [record for record in running.records if record["event"] == "error" and "place" not in record]
    for words in (running.run, "completed", "are lost"):
        assert words in error["message"], error
    assert [r["outcome"] for r in running.records if r["event"] == "run_ended"] == ["completed"]
    assert len(running.store_notices) == 1
    one_stream(home)
    gone(running.run)


def test_with_room_again_nothing_of_a_stream_on_a_full_disk_is_lost(home: Home) -> None:
    """What cannot be written down is kept, and written as soon as it can be."""
    running = rehearse(home)
    running.on_air()
    with closing(sqlite3.connect(home.state / "runs.sqlite", timeout=WITHIN)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'full'); END")
        waited(lambda: running.store_notices, "a notice")
        before = len(running.records)
        waited(lambda: len(running.records) > before + 3, "the stream to go on")
        connection.execute("DROP TRIGGER full")
    waited(lambda: len(running.store_notices) == 2, "the notice that it can be written")
    assert running.store_notices[1] == "the store can be written again, and nothing is lost"
    assert home.call("stop", running.run).code == 0
    assert running.finish() == 0
    assert home.journal(running.run) == numbered(running.records)
    one_stream(home)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can have a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", "--recursive", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_run_moves_once_the_disk_lets_it(small_disk: Path, trouble: str) -> None:
    """Its store is moved away when nothing can be made in its place; nothing half is left, and later it moves whole."""
    place = small_disk / "state" / "runs.db"
    runs = open_runs(place)
    claim = runs.create(
        store_processes.a_run("r"), agent="", flow_file="f", flow_text="t", holder=store_processes.this_process()
    )
    for number in range(1, 21):
        store_processes.step(claim, number)
    place.rename(place.with_name("away.db"))
    ballast = small_disk / "ballast"
    if trouble == "full":
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 512)
    else:
        subprocess.run(["mount", "--bind", str(place.parent), str(place.parent)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place.parent)], check=True)
    for _ in range(2):
        with pytest.raises(StoreError):
            store_processes.step(claim, 21)
    if trouble == "full":
        ballast.unlink()
    else:
        subprocess.run(["umount", str(place.parent)], check=True)
    store_processes.step(claim, 21)
    claim.release()
    runs.close()
    fresh = open_runs(place)
    assert [number for number, _ in fresh.journal("r")] == list(range(1, 21 * store_processes.RECORDS + 1))
    assert fresh.load("r").run.vars["number"] == 21
    fresh.close()


@pytest.mark.parametrize("moment", range(8))
def test_a_process_that_is_killed_while_its_run_moves_leaves_it_whole_or_not_at_all(
    tmp_path: Path, moment: int
) -> None:
    """The new store has the run with all its steps up to one, or does not have it; and it is never damaged."""
    place = tmp_path / "state" / "runs.db"
    runs = open_runs(place)
    holder = store_processes.this_process()
    runs.create(store_processes.a_run("r"), agent="", flow_file="f", flow_text="t", holder=holder).release()
    runs.close()
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=store_processes.writer, args=[str(place), theirs, None])
    process.start()
    try:
        while ours.recv() < 150:
            pass
        place.rename(place.with_name("away.db"))
        waited(place.exists, "a new store", every=0.0005)
        time.sleep(moment * 0.004)
    finally:
        process.kill()
        process.join()
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    fresh = open_runs(place)
    try:
        if [summary.id for summary in fresh.summaries()] == ["r"]:
            journal = fresh.journal("r")
            steps = fresh.load("r").run.vars["number"]
            assert steps >= 150
            assert [number for number, _ in journal] == list(range(1, steps * store_processes.RECORDS + 1))
        else:
            away = open_runs(place.with_name("away.db"))
            assert [summary.id for summary in away.summaries()] == ["r"]
            away.close()
    finally:
        fresh.close()

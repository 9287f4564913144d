"""One store and several real processes: who is first, who is fenced, what a death or a full disk leaves."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
import store_processes
from store_processes import RECORDS, a_run, gate

from retake_flow.ports.runs import Holder, Runs
from retake_flow.run.errors import AlreadyAnswered, RunHeld
from retake_flow.run.gates import Answer
from retake_flow.run.run import Phase
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

_PATIENCE = 180.0  # seconds
_spawn = multiprocessing.get_context("spawn")
Started = tuple[SpawnProcess, Connection]
Start = Callable[..., Started]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    store_processes.be_patient(monkeypatch.setattr)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where the store is."""
    return str(tmp_path / "runs.db")


@pytest.fixture
def runs(place: str) -> Iterator[Runs]:
    """The store, as this process sees it."""
    opened = open_runs(place)
    yield opened
    opened.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, and ends them when the test is over."""
    started: list[Started] = []

    def begin(work: Callable[..., None], *arguments: Any) -> Started:
        ours, theirs = _spawn.Pipe()
        process = _spawn.Process(target=work, args=[theirs if each is _PIPE else each for each in arguments])
        process.start()
        theirs.close()
        started.append((process, ours))
        return process, ours

    yield begin
    for process, pipe in started:
        process.kill()
        process.join()
        process.close()
        pipe.close()


_PIPE = object()  # stands for the process's end of its pipe


def heard(pipe: Connection) -> Any:
    """The next word of a process."""
    assert pipe.poll(_PATIENCE), "the process says nothing"
    return pipe.recv()


def heard_last(pipe: Connection, taken: int = 0) -> tuple[int, tuple[str, str, str]]:
    """How many steps a writer took, of which so many were heard already, and what kept it from more."""
    while isinstance(said := heard(pipe), int):
        taken = said
    return taken, said


def dead() -> Holder:
    """A process that has lived."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return Holder(os.uname().nodename, child.pid, 1.0)


def create(runs: Runs, name: str, **changes: Any) -> None:
    """A run whose process is dead."""
    claim = runs.create(a_run(name), agent="", flow_file="f", flow_text="t", holder=dead())
    claim.write(a_run(name, **changes), [])


def whole(runs: Runs, place: str) -> int:
    """How many steps the store has of the run `r`, when it has each of them as a whole."""
    journal = runs.journal("r")
    steps = len(journal) // RECORDS
    assert [number for number, _ in journal] == list(range(1, steps * RECORDS + 1))
    assert [record["number"] for _, record in journal] == [n for n in range(1, steps + 1) for _ in range(RECORDS)]
    assert runs.load("r").run.vars.get("number", 0) == steps
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return steps


def test_one_of_two_answers_at_the_same_moment_wins(place: str, runs: Runs, start: Start) -> None:
    """Fifty times two processes answer one gate at once: exactly one is kept, and both know whose."""
    rounds = 50
    create(runs, "r", gates={gate(n).id: gate(n) for n in range(rounds)})
    together = _spawn.Barrier(2)
    told = [
        heard(pipe)
        for _, pipe in [
            start(store_processes.answerer, place, rounds, together, _PIPE, name) for name in ("ann", "bob")
        ]
    ]
    assert told[0] == told[1]
    kept = runs.claim("r", this_process()).answers()
    assert [kept[gate(n).id].fields for n in range(rounds)] == [{"url": winner} for winner in told[0]]
    with pytest.raises(AlreadyAnswered):
        runs.answer("r", gate(0).id, Answer("", {}, "eve", "command", 1.0))


def test_one_of_two_claims_at_the_same_moment_wins(place: str, runs: Runs, start: Start) -> None:
    """Twenty times two processes claim one dead run at once: one has it, and the error of the other names the first."""
    rounds = 20
    for number in range(rounds):
        create(runs, f"r{number}")
    together = _spawn.Barrier(2)
    told = [heard(pipe) for _, pipe in [start(store_processes.claimer, place, rounds, together, _PIPE) for _ in "ab"]]
    (first, owners), (second, seen_by_second) = told
    assert owners == seen_by_second
    assert set(owners) <= {first, second}
    for number, owner in enumerate(owners):
        stored = runs.load(f"r{number}")
        assert (stored.epoch, stored.holder and stored.holder.pid) == (2, owner)


def test_a_writer_that_was_replaced_writes_nothing_more(place: str, runs: Runs, start: Start) -> None:
    """While a process writes, another takes the run: the first fails, and writes nothing after that."""
    create(runs, "r")
    process, pipe = start(store_processes.writer, place, _PIPE, None)
    while heard(pipe) < 10:
        pass
    with pytest.raises(RunHeld, match=f"process {process.pid}"):
        runs.claim("r", this_process())
    claim = runs.claim("r", this_process(), force=True)
    at_claim = len(runs.journal("r"))
    taken, (error, message, _) = heard_last(pipe, 10)
    assert (error, message) == ("Fenced", "another process has taken r over")
    assert taken * RECORDS == at_claim == len(runs.journal("r"))
    store_processes.step(claim, taken + 1)
    assert whole(runs, place) == taken + 1


def test_a_process_that_is_killed_while_writing_leaves_whole_steps(place: str, runs: Runs, start: Start) -> None:
    """Killed eight times in the middle of its writing: what it knew as written is there, and only whole steps are."""
    for number in range(8):
        runs.prune(float("inf"))
        create(runs, "r")
        process, pipe = start(store_processes.writer, place, _PIPE, None)
        while heard(pipe) < 5 + 3 * number:
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        known = _said_before_death(pipe, 5 + 3 * number)
        steps = whole(runs, place)
        assert steps in (known, known + 1)
        claim = runs.claim("r", this_process())
        store_processes.step(claim, steps + 1)
        assert whole(runs, place) == steps + 1
        claim.write(a_run("r", outcome="killed", phase=Phase.CANCELLED), [])
        claim.release()


def _said_before_death(pipe: Connection, known: int) -> int:
    try:
        while True:
            known = heard(pipe)
    except EOFError:
        return known


def test_a_store_that_may_not_grow_keeps_what_it_has(place: str, runs: Runs, start: Start) -> None:
    """When the quota is used up the error says what to do, and each step before is there, to go on from."""
    create(runs, "r")
    _, pipe = start(store_processes.writer, place, _PIPE, 600_000)
    taken, (error, message, hint) = heard_last(pipe)
    assert error == "StoreError"
    assert "cannot grow" in message
    assert place in message
    assert "free some space" in hint
    assert taken > 10
    assert whole(runs, place) == taken
    claim = runs.claim("r", this_process(), force=True)
    store_processes.step(claim, taken + 1)
    assert whole(runs, place) == taken + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes; only root can have one, so for others it is a folder with a quota by `ulimit`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path, start: Start) -> None:
    """When the disk is full the write fails, the steps before stay, and with space again it can go on."""
    place = str(small_disk / "runs.db")
    runs = open_runs(place)
    create(runs, "r")
    limit = None if os.path.ismount(small_disk) else 1_500_000
    process, pipe = start(store_processes.writer, place, _PIPE, limit)
    taken, (error, message, _) = heard_last(pipe)
    assert (error, "cannot grow" in message) == ("StoreError", True)
    assert taken > 10
    assert [record["number"] for _, record in runs.journal("r")][-1] == taken
    process.kill()
    process.join()
    if os.path.ismount(small_disk):
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    claim = runs.claim("r", this_process())
    store_processes.step(claim, taken + 1)
    assert whole(runs, place) == taken + 1
    runs.close()


_OPEN = """
import sys
from retake_flow.errors import StoreError
from retake_flow.run.run import Phase
from retake_flow.store.opening import open_runs
try:
    open_runs(sys.argv[1])
except StoreError as error:
    print(error.exit_code, error.message, error.hint, sep="|")
"""


@pytest.mark.parametrize("there", [True, False], ids=["a store", "no store"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, there: bool) -> None:
    """The error names the folder and what to do; a store that is there stays as it is."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    path = folder / "runs.db"
    if there:
        open_runs(path).close()
    before = path.read_bytes() if there else b""
    folder.chmod(0o500)
    # Root may write anywhere, unless that privilege is taken from it.
    modest = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run([*modest, sys.executable, "-c", _OPEN, str(path)], capture_output=True, text=True, check=True)
    code, message, hint = done.stdout.strip().split("|")
    assert code == "6"
    assert str(path) in message
    assert "cannot be" in message
    assert "RETAKE_FLOW_ST" in hint  # which names another place for it
    assert sorted(each.name for each in folder.iterdir()) == (["runs.db"] if there else [])
    assert not there or path.read_bytes() == before

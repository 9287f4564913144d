"""A damaged store: what cannot be read is named, and everything beside it can be used."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_command import Command, Said
from stored_runs import DEAD, a_gate, an_answer, ended, stored
from waiting_runs import ASKING, begun

from retake_flow.ports.runs import Runs
from retake_flow.run.records import record
from retake_flow.run.run import Phase
from retake_flow.store.opening import open_runs

SEED = 20260712
CASES = 12  # a test
READING = (
    ("runs",),
    ("runs", "--json"),
    ("runs", "--phase", "running"),
    ("gates",),
    ("gates", "--json"),
    ("show", "bad-1"),
    ("show", "bad-1", "--json"),
    ("show", "bad-1", "--journal"),
    ("show", "last"),
    ("graph", "--run", "bad-1"),
    ("watch", "bad-1"),
    ("watch", "bad-1", "--json"),
)
CHANGING = (
    ("answer", "bad-1", "no_such_field=x"),
    ("answer", "bad-1", "word=x"),
    ("prune", "--older-than", "0s", "--dry-run"),
    ("resume", "--all"),
    ("resume", "bad-1"),
    ("stop", "bad-1", "--within", "0s"),
    ("kill", "bad-1", "--within", "0s"),
    ("prune", "--older-than", "300d"),
)
ASKING_TWICE = ASKING.replace(
    "    transitions:",
    "    activities: {more: {ask: {message: More, answer: {url: {type: string}}}}}\n    transitions:",
)
TEXTS = ("", "abc", "{}", "[]", "[" * 5000, '{"version":2}', '{"event":5,"t":7}', "NaN", "\x1b]0;x\x07", "../..")
VALUES: Sequence[Any] = (None, -1, 5, 2**62, 0.5, 1e300, float("inf"), *TEXTS, b"", b"\xff\xfe", b"abc")
OF_BAD = (
    ("runs", "id = 'bad-1'"),
    ("snapshots", "run = 'bad-1'"),
    ("records", "run = 'bad-1' AND number = 2"),
    ("gates", "run = 'bad-1' AND id = 'question.1'"),
    ("gates", "run = 'bad-1' AND id = 'question:more.1'"),
    ("requests", "run = 'bad-1'"),
)


class Copies:
    """Copies of a store with healthy runs and one that is to be damaged, each in the place of the last one."""

    def __init__(self, base: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._base = base
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._made = 0

    def next(self) -> Path:
        """Another copy, which the commands use from now on."""
        self._made += 1
        place = self._folder / f"copy-{self._made}" / "runs.sqlite"
        place.parent.mkdir()
        place.write_bytes(self._base)
        self._monkeypatch.setenv("RETAKE_FLOW_STORE", str(place))
        return place


@pytest.fixture
def copies(store: Runs, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copies:
    """A store with two healthy runs, and one between them that has something in every table."""
    now = time.time()
    told = [
        record("run_started", now, run="x", flow="go-live"),
        record("state_entered", now, state="question", visit=1),
        record("gate_reminder", now, gate="question.1", message="still"),
        record("action_finished", now, state="on", visit=1, attempt=1, outcome="done", result={"viewers": 3}),
    ]
    stored(store, "good-1", a_gate(), records=told)
    begun(store, folder, "bad-1", ASKING_TWICE, holder=None, at=now, phase=Phase.SUSPENDED)
    claim = store.claim("bad-1", DEAD)
    claim.write(store.load("bad-1").run, told)
    claim.release()
    store.answer("bad-1", "question:more.1", an_answer(url="https://x.com/1"))
    store.request("bad-1", "stop")
    ended(store, "good-2")
    store.close()
    return Copies((tmp_path / "store" / "runs.sqlite").read_bytes(), tmp_path, monkeypatch)


def sound(said: Said, what: object) -> None:
    """That a command has said what is wrong in our words, if anything is."""
    written = said.out + said.err
    assert "a defect" not in written, (what, said)
    assert "Traceback" not in written, (what, said)
    assert said.code in (0, 1, 2, 4, 5, 6), (what, said)


def healthy(command: Command, what: object) -> None:
    """That the healthy runs are listed and shown, and their question is asked."""
    listed = {each["run"]: each["damage"] for each in command("runs", "--json").records}
    assert {"good-1": listed.get("good-1", "gone"), "good-2": listed.get("good-2", "gone")} == {
        "good-1": None, "good-2": None,
    }, what  # fmt: skip
    assert (command("show", "good-1").code, command("show", "good-2").code) == (0, 0), what
    assert "good-1" in {each["run"] for each in command("gates", "--json").records}, what


def cells(place: Path) -> list[tuple[str, str, str]]:
    """The columns of the run that is to be damaged: the table, the condition for its row, the column."""
    with closing(sqlite3.connect(place)) as connection:
        return [
            (table, row, name)
            for table, row in OF_BAD
            for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]


def put(place: Path, cell: tuple[str, str, str], value: Any) -> bool:
    """Put a value into a cell; tells whether SQLite takes it there."""
    table, row, column = cell
    with closing(sqlite3.connect(place)) as connection, connection:
        try:
            connection.execute(f"UPDATE {table} SET {column} = {value[1] if value[0] else '?'} WHERE {row}", value[2])
        except sqlite3.IntegrityError:
            return False
    return True


@pytest.mark.parametrize("part", range(6))
def test_any_value_in_any_column_harms_its_run_alone(command: Command, copies: Copies, part: int) -> None:
    """Wrong types, dates that nobody can write, texts that are none: each command says what is wrong, none fails."""
    drawn = random.Random(f"{SEED} {part}")
    pairs = [(cell, value) for cell in cells(copies.next()) for value in VALUES]
    for cell, value in drawn.sample(pairs, CASES):
        if not put(copies.next(), cell, (False, "", [value])):
            continue
        for arguments in (*drawn.sample(READING, 3), *drawn.sample(CHANGING, 1)):
            sound(command(*arguments), (cell, value, arguments))
        healthy(command, (cell, value))


@pytest.mark.parametrize("part", range(3))
def test_a_flipped_bit_in_a_cell_harms_its_run_alone(command: Command, copies: Copies, part: int) -> None:
    """In JSON, names, dates and words: what is still a text of ours counts, what is none is told."""
    drawn = random.Random(f"{SEED} bits {part}")
    where = cells(copies.next())
    for _ in range(CASES):
        cell, place = drawn.choice([each for each in where if each[2] != "number"]), copies.next()
        table, row, column = cell
        with closing(sqlite3.connect(place)) as connection:
            [raw] = connection.execute(f"SELECT CAST({column} AS BLOB) FROM {table} WHERE {row}").fetchone()
        if not raw:
            continue
        at = drawn.randrange(len(raw))
        flipped = raw[:at] + bytes([raw[at] ^ 1 << drawn.randrange(8)]) + raw[at + 1 :]
        if not put(place, cell, (True, "CAST(? AS TEXT)", [flipped])):
            continue
        for arguments in (*drawn.sample(READING, 3), *drawn.sample(CHANGING, 1)):
            sound(command(*arguments), (cell, flipped, arguments))
        healthy(command, (cell, flipped))


@pytest.mark.parametrize("part", range(2))
def test_a_flipped_byte_in_the_file_is_told(command: Command, copies: Copies, part: int) -> None:
    """Anywhere, also in the pages' own structure: the store is then named, with what can be done."""
    drawn = random.Random(f"{SEED} file {part}")
    for _ in range(CASES):
        place = copies.next()
        raw = bytearray(place.read_bytes())
        at = drawn.randrange(len(raw)) if drawn.random() < 0.5 else drawn.randrange(4096)
        raw[at] ^= drawn.randrange(1, 256)
        place.write_bytes(raw)
        for arguments in drawn.sample(READING, 4):
            said = command(*arguments)
            sound(said, (at, raw[at], arguments))
            if said.code == 6 and "--json" not in arguments:
                assert "hint: " in said.err, (at, raw[at], said)


def test_a_damaged_page_is_told_with_what_to_do(command: Command, copies: Copies) -> None:
    """As after a fault of the disk: the command that saves what can be saved, and how to use another store."""
    place = copies.next()
    with closing(sqlite3.connect(place)) as connection:
        [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    raw = bytearray(place.read_bytes())
    raw[(root - 1) * size : root * size] = b"\xff" * size
    place.write_bytes(raw)
    for arguments in (("runs",), ("gates",), ("show", "last"), ("resume", "--all"), ("prune",), ("stop", "good-1")):
        said = command(*arguments)
        assert said.code == 6, said
        assert f"the store {place} is damaged (database disk image is malformed)" in said.err
        assert f"sqlite3 {place} .recover | sqlite3 saved.sqlite" in said.err
        assert "RETAKE_FLOW_STORE" in said.err


def test_one_damaged_run_is_named_and_left_alone(command: Command, copies: Copies) -> None:
    """It is in the list, and its damage is told beside it; `resume --all` says so and goes on with the others."""
    put(copies.next(), ("runs", "id = 'bad-1'", "created"), (False, "", ["yesterday"]))
    said = command("runs")
    assert (said.code, said.err) == (0, "retake-flow: bad-1 is damaged: its beginning is 'yesterday'\n")
    assert [line.split()[3] for line in said.out.splitlines() if line.startswith("bad-1")] == ["damaged"]
    assert command("show", "last").out.startswith("good-2")
    said = command("resume", "--all")
    assert (said.code, said.out.count("bad-1")) == (5, 1)
    assert "[bad-1] is skipped: it is damaged: its beginning is 'yesterday'" in said.out
    said = command("show", "bad-1")
    assert (said.code, "the run bad-1 is damaged: its beginning is 'yesterday'" in said.err) == (6, True)


def test_a_damaged_id_deletes_no_folder(command: Command, copies: Copies, tmp_path: Path) -> None:
    """An id that names a folder above, or none, is pruned with its run, and nothing else is."""
    kept = tmp_path / "state" / "rehearsals" / "good-1" / "report.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    for name in ("", "..", "../rehearsals", "."):
        put(copies.next(), ("runs", "id = 'good-2'", "id"), (False, "", [name]))
        assert command("prune", "--older-than", "0s").code == 0
        assert kept.exists()


def test_a_damaged_question_is_named_and_the_run_writes_it_anew(command: Command, copies: Copies) -> None:
    """It takes no answer meanwhile; whoever goes on with the run knows the question."""
    put(copies.next(), ("gates", "id = 'question.1'", "data"), (False, "", ["{"]))
    assert "the question question.1 of bad-1 is damaged" in command("gates").out
    said = command("answer", "bad-1", "question", "word=yes")
    assert (said.code, "retake-flow resume bad-1" in said.err) == (6, True)


def test_a_damaged_answer_does_not_keep_others_from_being_taken(command: Command, copies: Copies) -> None:
    """It counts as none: another may be given."""
    place = copies.next()
    put(place, ("gates", "id = 'question:more.1'", "fields"), (False, "", ["{"]))
    with closing(open_runs(place)) as store:
        claim = store.claim("bad-1", DEAD)
        assert claim.answers() == {}
        store.answer("bad-1", "question:more.1", an_answer(url="https://x.com/2"))
        assert claim.answers()["question:more.1"].fields == {"url": "https://x.com/2"}


def test_a_damaged_request_keeps_no_other_from_being_heard(copies: Copies) -> None:
    """It comes as an event that no flow takes, and so is refused, told, and done with; the stop behind it is heard."""
    place = copies.next()
    put(place, ("requests", "run = 'bad-1'", "data"), (False, "", ["{"]))
    with closing(open_runs(place)) as store:
        store.request("bad-1", "stop")
        damaged, stop = store.claim("bad-1", DEAD).requests()
    assert (damaged.what, damaged.data["by"], stop.what) == ("event", "the store", "stop")
    assert "damaged" in damaged.data["name"]


@pytest.mark.parametrize(
    "changes",
    [{"state": "questions"}, {"timers": {("gone", "timeout"): 4e9}}, {"gates": {"x.1": a_gate("x.1")}}],
    ids=["state", "timer", "gate"],
)
def test_a_run_where_its_flow_has_nothing_is_left_alone(
    command: Command, copies: Copies, changes: dict[str, Any]
) -> None:
    """It does not end by what its snapshot says; nobody claims it."""
    with closing(open_runs(copies.next())) as store:
        claim, run = store.claim("bad-1", DEAD), store.load("bad-1").run
        claim.answers()
        claim.write(replace(run, phase=Phase.RUNNING, **changes), [])
        said = command("resume", "--all")
        assert (said.code, "[bad-1] is skipped" in said.out) == (5, True)
        said = command("resume", "bad-1")
        assert (said.code, "the run bad-1 is damaged: its flow has no" in said.err) == (6, True)
        assert (store.load("bad-1").run.outcome, store.load("bad-1").epoch) == (None, claim.epoch)

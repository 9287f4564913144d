"""Going on with every run that waits for a process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_command import Command
from stored_runs import AWAY, DEAD, ended, without_leases
from waiting_runs import ASKING, NAPPING, begun, suspended

from retake_flow.cli.run_commands import resume_all
from retake_flow.cli.session.session import Session
from retake_flow.errors import StoreAway, StoreError
from retake_flow.flow.model import Flow
from retake_flow.ports.runs import Holder, Runs, Stored
from retake_flow.redact import Secret
from retake_flow.run.gates import Answer
from retake_flow.run.identity import Identity, fingerprint
from retake_flow.run.run import PendingUndo, Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.sql.runs import SqlRuns

FAR = 4e9
WREN = fingerprint(Secret("rtk_wren_wren_1"))


def resumed(said_records: list[dict[str, object]]) -> set[object]:
    """The runs that were taken up."""
    return {record["run"] for record in said_records if record["event"] == "run_resumed"}


def test_just_the_runs_that_wait_for_a_process_are_taken_up(command: Command, store: Runs, folder: Path) -> None:
    """Those whose process died, were answered or have a time that came; not those that wait, live, or have ended."""
    begun(store, folder, "died-1")
    begun(store, folder, "answered-1", ASKING, holder=None, at=FAR, phase=Phase.SUSPENDED)
    store.answer("answered-1", "question.1", Answer("", {"word": "x"}, "ann", "test", 5.0))
    begun(store, folder, "due-1", ASKING, holder=None, phase=Phase.SUSPENDED)
    begun(store, folder, "waits-1", ASKING, holder=None, at=FAR, phase=Phase.SUSPENDED)
    begun(store, folder, "lives-1", holder=this_process())
    begun(store, folder, "away-1", holder=AWAY)
    ended(store, "ended-1")
    said = command("resume", "--all", "--json")
    assert resumed(said.records) == {"died-1", "answered-1", "due-1"}
    assert {name: store.load(name).run.outcome for name in ("died-1", "answered-1", "due-1")} == {
        "died-1": "completed", "answered-1": "completed", "due-1": "failed",
    }  # fmt: skip
    assert said.code == 1  # one of them failed
    assert [store.load(name).holder for name in ("waits-1", "lives-1", "away-1")] == [None, this_process(), AWAY]


def test_all_that_end_well_or_wait_end_with_0(command: Command, store: Runs, folder: Path) -> None:
    """A run that died while it asked is left asking; that is no failure."""
    begun(store, folder, "died-1")
    begun(store, folder, "asks-1", ASKING, at=FAR)
    said = command("resume", "--all")
    assert said.code == 0
    assert store.load("asks-1").run.phase is Phase.SUSPENDED
    assert (store.load("asks-1").holder, store.load("died-1").holder) == (None, None)


def test_each_line_names_its_run(command: Command, store: Runs, folder: Path) -> None:
    """Several runs write side by side, so each line begins with whose it is; as JSON each record has it."""
    begun(store, folder, "died-1")
    begun(store, folder, "died-2", NAPPING.replace("flow: napping", "flow: other"))
    said = command("resume", "--all")
    lines = said.out.splitlines()
    assert lines
    assert all(line.startswith(("[died-1] ", "[died-2] ")) for line in lines)
    begun(store, folder, "died-3")
    records = command("resume", "--all", "--json").records
    assert {record["run"] for record in records} == {"died-3"}


def test_where_none_waits_it_says_so(command: Command, store: Runs) -> None:
    """Nothing to do is no failure, and no JSON."""
    assert (command("resume", "--all").code, command("resume", "--all").out) == (0, "no run waits for a process\n")
    said = command("resume", "--all", "--json")
    assert (said.code, said.out) == (0, "")


def test_a_run_that_cannot_be_read_does_not_hold_up_the_others(command: Command, store: Runs, folder: Path) -> None:
    """It is told with its name, and let go; the rest go on."""
    begun(store, folder, "died-1")
    store.create(Run("broken-1", "x", "d", {}), agent="", flow_file="/x", flow_text="flow: x", holder=DEAD)
    said = command("resume", "--all", "--json")
    assert said.code == 1
    [error] = [record for record in said.records if record["event"] == "error"]
    assert (error["run"], error["kind"]) == ("broken-1", "store")
    assert store.load("died-1").run.outcome == "completed"
    assert store.load("broken-1").holder is None


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_suspended_run_is_taken_up_after_an_answer(
    command: Command, store: Runs, folder: Path, form: tuple[str, ...]
) -> None:
    """As a timer of the system would do it: answered here, gone on there."""
    run = suspended(command, store, folder)
    assert command("resume", "--all", *form).code == 0
    assert store.load(run).run.phase is Phase.SUSPENDED
    assert command("answer", run, "word=yes").code == 0
    assert command("resume", "--all", *form).code == 0
    assert store.load(run).run.outcome == "completed"


def test_a_run_that_cannot_be_read_keeps_no_other_from_going_on(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours with one run, in reading it or later, is told with its name; the others go on."""
    for name in ("unread-1", "odd-1", "good-1"):
        begun(store, folder, name)
    load, go_on = SqlRuns.load, Session.go_on

    def unreadable(runs: SqlRuns, run: str) -> Stored:
        if run == "unread-1":
            raise StoreError("it cannot be read")
        return load(runs, run)

    async def defective(session: Session, flow: Flow, stored: Stored, *more: Any, **others: Any) -> Run:
        if stored.run.id == "odd-1":
            raise KeyError("max")
        return await go_on(session, flow, stored, *more, **others)

    monkeypatch.setattr(SqlRuns, "load", unreadable)
    monkeypatch.setattr(Session, "go_on", defective)
    said = command("resume", "--all", "--json")
    failures = {record["run"]: record["message"] for record in said.records if record["event"] == "error"}
    assert said.code == 1
    assert failures.keys() == {"unread-1", "odd-1"}
    assert failures["unread-1"] == "it cannot be read"
    assert store.load("good-1").run.outcome == "completed"


def test_a_run_of_another_host_is_named_with_the_command(command: Command, store: Runs, folder: Path) -> None:
    """An older version claimed it, without a lease: it is left alone, which is told once, and the exit code says so."""
    begun(store, folder, "away-1", holder=AWAY)
    begun(store, folder, "away-2", holder=AWAY, outcome="completed", phase=Phase.COMPLETED)
    assert command("resume", "--all").out == "no run waits for a process\n"  # its lease has not run out
    without_leases(store)
    said = command("resume", "--all")
    [line] = said.out.splitlines()
    assert said.code == 5
    assert line.startswith("[away-1] is skipped: away-1 is driven by process 77 on studio-2, and it is not known")
    assert line.endswith("`retake-flow resume away-1 --force`")
    [record] = command("resume", "--all", "--json").records
    assert (record["run"], record["event"], record["kind"]) == ("away-1", "run_left", "held")
    assert "resume away-1 --force" in record["hint"]
    begun(store, folder, "died-1")
    said = command("resume", "--all")
    assert (said.code, store.load("died-1").run.outcome) == (5, "completed")
    assert said.out.count("away-1 is driven") == 1
    assert command("resume", "away-1", "--force").code == 0
    assert command("resume", "--all").code == 0


def test_a_failure_goes_before_what_is_left(command: Command, store: Runs, folder: Path) -> None:
    """The exit code tells the worst of it."""
    begun(store, folder, "away-1", holder=AWAY)
    begun(store, folder, "late-1", ASKING)
    assert command("resume", "--all").code == 1


def test_runs_of_other_agents_are_left_alone(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each names both agents and what to do; those of the agent that is here go on."""
    key = folder / "wren.json"
    key.write_text('{"access_token": "rtk_wren_wren_1", "agent_name": "wren"}')
    key.chmod(0o600)
    owl = Identity("owl", "user_owl", "f0", "/keys/owl.json", "https://retake.tv")
    begun(store, folder, "owl-1", identity=owl)
    begun(store, folder, "old-1")  # of 0.1, which told the agent's name and nothing else
    begun(store, folder, "wren-1", identity=replace(owl, name="wren", user_db_id="", source=str(key), fingerprint=WREN))
    monkeypatch.setenv("RETAKE_CREDENTIALS", str(key))
    said = command("resume", "--all")
    left = [line for line in said.out.splitlines() if "is skipped" in line]
    assert said.code == 5
    assert sorted(line.split("]")[0] for line in left) == ["[old-1", "[owl-1"]
    assert all(f"acts as owl, and the token in {key} is that of wren" in line for line in left)
    assert any("RETAKE_CREDENTIALS=/keys/owl.json" in line for line in left)
    assert store.load("wren-1").run.outcome == "completed"
    assert [(store.load(run).holder, store.load(run).epoch) for run in ("owl-1", "old-1")] == [(DEAD, 1)] * 2


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RUNNING, Phase.WAITING])
def test_a_run_that_was_let_go_without_an_end_is_taken_up(
    command: Command, store: Runs, folder: Path, phase: Phase
) -> None:
    """Whoever let go of it could not go on; only one that has ended, or waits for a person, needs no process."""
    begun(store, folder, "let-go-1", holder=None, phase=phase)
    ended(store, "ended-1")
    said = command("resume", "--all", "--json")
    assert (said.code, resumed(said.records) <= {"let-go-1"}) == (0, True)
    assert store.load("let-go-1").run.outcome == "completed"


def test_a_run_that_was_let_go_before_its_undos_were_done_is_taken_up(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has ended, and the many others that have ended and owe nothing are not even loaded."""
    over = {"outcome": "completed", "phase": Phase.COMPLETED, "state": "rested"}
    owed = (PendingUndo("nap", "nap", "operator.tell", {"message": "undone"}),)
    begun(store, folder, "owing-1", holder=None, undoing=owed, **over)
    begun(store, folder, "done-1", holder=None, **over)
    loaded, load = set[str](), SqlRuns.load

    def load_and_note(runs: SqlRuns, run: str) -> Stored:
        loaded.add(run)
        return load(runs, run)

    monkeypatch.setattr(SqlRuns, "load", load_and_note)
    said = command("resume", "--all", "--json")
    assert (said.code, resumed(said.records), loaded) == (0, {"owing-1"}, {"owing-1"})
    events = [record["event"] for _, record in store.journal("owing-1")]
    assert (store.load("owing-1").run.undoing, events.count("undo_finished"), events[-1]) == ((), 1, "run_ended")
    assert command("resume", "--all").out == "no run waits for a process\n"


@pytest.mark.parametrize("raised", [StoreError("the disk is full"), KeyError("max"), RecursionError("too deep")])
def test_a_run_that_failed_under_way_is_taken_up_the_next_time(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    """By an error of ours, or by one that nobody foresaw: it is let go at once, and does not count as driven."""
    begun(store, folder, "odd-1")

    async def failing(*_arguments: object) -> Run:
        raise raised

    with monkeypatch.context() as patched:
        patched.setattr(Session, "_drive", failing)
        assert command("resume", "--all").code == 1
    assert (store.load("odd-1").holder, store.load("odd-1").run.phase) == (None, Phase.RUNNING)
    assert command("resume", "--all").code == 0
    assert store.load("odd-1").run.outcome == "completed"


def test_a_run_that_was_lost_to_a_store_that_is_away_is_taken_up_again(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended in time for others to take it. When nobody has, this process goes on with it once its lease is over."""
    begun(store, folder, "lost-1")
    take_up, lives = resume_all.take_up, resume_all.is_alive
    looks: list[str] = []

    async def lose(session: Session, stored: Stored, *others: Any) -> Run:
        if stored.holder == DEAD:
            session.runs.claim(stored.run.id, this_process())  # and could not release it any more
            raise StoreAway("the store cannot be reached")
        session.runs.claim(stored.run.id, DEAD, force=True)
        return await take_up(session, session.runs.load(stored.run.id), *others)

    def until_the_third_look(holder: Holder) -> bool:
        looks.append("")
        return lives(holder) and len(looks) < 4

    monkeypatch.setattr(resume_all, "take_up", lose)
    monkeypatch.setattr(resume_all, "is_alive", until_the_third_look)
    monkeypatch.setattr(resume_all, "_LOOK_FOR_LOST", 0.01)
    said = command("resume", "--all", "--json")
    assert [record["message"] for record in said.records if record["event"] == "error"] == [
        "the store cannot be reached"
    ]
    assert (said.code, store.load("lost-1").run.outcome, len(looks)) == (0, "completed", 4)

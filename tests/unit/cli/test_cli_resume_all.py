"""Going on with every run that waits for a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_command import Command
from stored_runs import AWAY, DEAD, ended
from waiting_runs import ASKING, NAPPING, begun, suspended

from retake_flow.cli.session import Session
from retake_flow.errors import StoreError
from retake_flow.flow.model import Flow
from retake_flow.ports.runs import Runs, Stored
from retake_flow.run.gates import Answer
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.sql.runs import SqlRuns

FAR = 4e9


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
    """A snapshot of a newer program, or a defect of ours with one run, is told with its name; the others go on."""
    for name in ("newer-1", "odd-1", "good-1"):
        begun(store, folder, name)
    load, go_on = SqlRuns.load, Session.go_on

    def unreadable(runs: SqlRuns, run: str) -> Stored:
        if run == "newer-1":
            raise StoreError("this run was written in form 2; this program knows 1")
        return load(runs, run)

    async def defective(session: Session, flow: Flow, run: Run, *more: Any, **others: Any) -> Run:
        if run.id == "odd-1":
            raise KeyError("max")
        return await go_on(session, flow, run, *more, **others)

    monkeypatch.setattr(SqlRuns, "load", unreadable)
    monkeypatch.setattr(Session, "go_on", defective)
    said = command("resume", "--all", "--json")
    failures = {record["run"]: record["message"] for record in said.records if record["event"] == "error"}
    assert said.code == 1
    assert failures.keys() == {"newer-1", "odd-1"}
    assert "form 2" in failures["newer-1"]
    assert store.load("good-1").run.outcome == "completed"

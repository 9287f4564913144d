"""Driving runs in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cli_command import Command
from waiting_runs import ASKING, NAPPING, begun, names, put, suspended

from retake_flow.cli.session.session import exit_code
from retake_flow.ports.runs import Runs
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process

RUN = Run("r", "f", "d", {})


@pytest.mark.parametrize(
    ("changes", "interrupted", "code"),
    [
        ({"phase": Phase.SUSPENDED}, False, 4),
        ({"phase": Phase.SUSPENDED}, True, 4),
        ({"phase": Phase.COMPLETED, "outcome": "completed"}, False, 0),
        ({"phase": Phase.COMPLETED, "outcome": "completed"}, True, 130),
        ({"phase": Phase.COMPLETED, "outcome": "verified"}, False, 0),
        ({"phase": Phase.FAULTED, "outcome": "failed"}, False, 1),
        ({"phase": Phase.CANCELLED, "outcome": "killed"}, True, 130),
    ],
)
def test_the_exit_code_tells_how_it_went(changes: dict[str, object], interrupted: bool, code: int) -> None:
    """Waiting for a person is 4, an interruption 130, any end but `failed` 0, all else 1."""
    assert exit_code(replace(RUN, **changes), interrupted) == code  # type: ignore[arg-type]


def test_a_run_is_stored_from_its_beginning_and_let_go_at_its_end(command: Command, store: Runs, folder: Path) -> None:
    """With the file, the texts and the journal that it wrote; nobody holds it."""
    file = put(folder, "napping", NAPPING)
    said = command("run", "napping.yaml", "--json")
    assert said.code == 0
    kept = store.load(store.find("last"))
    assert (kept.run.outcome, kept.holder, kept.flow_file) == ("completed", None, str(file))
    assert NAPPING.splitlines()[0] in kept.flow_text
    assert [record["event"] for _, record in store.journal(kept.run.id)] == names(said)


def test_a_run_that_waits_for_a_person_is_let_go(command: Command, store: Runs, folder: Path) -> None:
    """It ends with 4; the last record tells what is asked and the command that answers."""
    put(folder)
    said = command("run", "asking.yaml", "--json")
    assert (said.code, names(said)[-1]) == (4, "run_suspended")
    run = store.find("last")
    [asked] = said.records[-1]["gates"]
    assert asked["answer_with"] == f"retake-flow answer {run} question.1 word=…"
    assert store.load(run).holder is None


def test_who_is_to_wait_stays_for_what_comes(command: Command, store: Runs, folder: Path) -> None:
    """With `--wait` a question that expires ends the run in the same process, of a run that began and one resumed."""
    put(folder, text=ASKING.replace("1h", "100ms"))
    assert command("run", "asking.yaml", "--wait").code == 1
    assert "run_suspended" not in [record["event"] for _, record in store.journal(store.find("last"))]
    run = suspended(command, store, folder)
    kept = store.load(run).run
    claim = store.claim(run, this_process())
    claim.write(replace(kept, timers=dict.fromkeys(kept.timers, kept.gates["question.1"].opened_at + 1)), [])
    claim.release()
    said = command("resume", run, "--wait", "--json")
    assert (said.code, names(said)[-1]) == (1, "run_ended")


def test_a_run_that_owes_nothing_is_ended_by_going_on(command: Command, store: Runs, folder: Path) -> None:
    """When a process died between deciding on the end and telling it, the end is told, and nothing else is done."""
    begun(store, folder, "nap-1", outcome="completed", state="rested", phase=Phase.COMPLETED, timers={})
    said = command("resume", "nap-1", "--json")
    assert (said.code, names(said)) == (0, ["run_resumed", "run_ended"])
    assert store.load("nap-1").holder is None

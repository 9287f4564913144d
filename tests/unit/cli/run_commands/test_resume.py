"""Going on with one run, through the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_command import Command
from stored_runs import AWAY, DEAD
from waiting_runs import ASKING, begun, names, put, suspended

from retake_flow.ports.runs import Holder, Runs
from retake_flow.run.run import PendingUndo, Phase, Run
from retake_flow.store.holders import this_process


def test_a_run_that_still_waits_is_left_again(command: Command, store: Runs, folder: Path) -> None:
    """Without an answer it ends with 4 and stays as it was; nobody holds it."""
    run = suspended(command, store, folder)
    said = command("resume", run, "--json")
    assert said.code == 4
    assert names(said) == ["run_resumed", "run_suspended"]
    kept = store.load(run)
    assert (kept.run.phase, kept.holder) == (Phase.SUSPENDED, None)
    assert [each.gate.id for each in store.open_gates()] == ["question.1"]


def test_an_answer_is_given_before_it_goes_on(command: Command, store: Runs, folder: Path) -> None:
    """With `--answer` the run is answered and resumed by one command, and ends."""
    run = suspended(command, store, folder)
    said = command("resume", run[:10], "--answer", "word=yes", "--by", "bob", "--json")
    assert said.code == 0
    assert names(said)[-1] == "run_ended"
    [answered] = [record for record in said.records if record["event"] == "gate_answered"]
    assert (answered["by"], answered["fields"]) == ("bob", {"word": "yes"})
    assert store.load(run).run.outcome == "completed"


def test_an_answer_can_come_as_json(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--answer -` reads standard input."""
    run = suspended(command, store, folder)
    monkeypatch.setattr("sys.stdin", io.StringIO('{"word": "yes"}'))
    assert command("resume", run, "--answer", "-").code == 0
    assert store.load(run).run.outputs["question"]["word"] == "yes"


def test_a_decision_is_an_answer(command: Command, store: Runs, folder: Path) -> None:
    """`--decision` alone answers a question that asks for no fields with it."""
    text = ASKING.replace("answer: {word: {type: string}}", "decisions: {go: , stay: }").replace(
        "answered: done", "go: done, stay: late"
    )
    begun(store, folder, "deciding", text, holder=None, at=4e9, phase=Phase.SUSPENDED)
    assert command("resume", "deciding", "--decision", "go").code == 0
    assert store.load("deciding").run.outputs["question"]["decision"] == "go"


def test_an_answer_that_does_not_fit_leaves_the_run_as_it_is(command: Command, store: Runs, folder: Path) -> None:
    """It is refused with 2, and the run is not taken up."""
    run = suspended(command, store, folder)
    epoch = store.load(run).epoch
    said = command("resume", run, "--answer", "wrod=yes")
    assert (said.code, "did you mean 'word'?" in said.err) == (2, True)
    assert store.load(run).epoch == epoch
    assert len(store.open_gates()) == 1


def test_a_run_whose_process_died_goes_on(command: Command, store: Runs, folder: Path) -> None:
    """What was due meanwhile is over at once, the journal says that it had died, and it ends."""
    begun(store, folder, "nap-1")
    said = command("resume", "last", "--json")
    assert said.code == 0
    assert said.records[0]["event"] == "run_resumed"
    assert said.records[0]["died"] is True
    assert names(said)[-1] == "run_ended"
    assert store.load("nap-1").holder is None


def test_how_a_run_ends_is_the_exit_code(command: Command, store: Runs, folder: Path) -> None:
    """A run that fails after it was resumed ends with 1."""
    begun(store, folder, "ask-1", ASKING, holder=None, phase=Phase.SUSPENDED)
    said = command("resume", "ask-1")
    assert said.code == 1
    assert "nobody answered" in said.out


def test_it_goes_on_with_the_flow_that_it_began_with(command: Command, store: Runs, folder: Path) -> None:
    """What became of the file meanwhile is nothing to it, also when it is gone or no flow any more."""
    run = suspended(command, store, folder)
    put(folder, text="nonsense: [")
    assert command("resume", run, "--answer", "word=yes").code == 0
    other = suspended(command, store, folder)
    (folder / "asking.yaml").unlink()
    assert command("resume", other, "--answer", "word=yes").code == 0


def test_what_has_ended_is_said_to_have_ended(command: Command, store: Runs, folder: Path) -> None:
    """Nothing is claimed or written; the exit code is that of its end."""
    run = suspended(command, store, folder)
    command("resume", run, "--answer", "word=yes")
    before = store.load(run).epoch, len(store.journal(run))
    said = command("resume", run)
    assert (said.code, said.out) == (0, f"{run} has already ended: completed in done\n")
    [one] = command("resume", run, "--json").records
    assert one.pop("next") == [f"retake-flow show {run} --json"]
    assert one == {"event": "already_ended", "run": run, "outcome": "completed", "reason": ""}
    assert (store.load(run).epoch, len(store.journal(run))) == before
    begun(store, folder, "bad-1", holder=None, outcome="failed", phase=Phase.FAULTED)
    assert command("resume", "bad-1").code == 1


@pytest.mark.parametrize("verb", ["resume", "stop"])
@pytest.mark.parametrize("holder", [DEAD, None])
def test_a_run_that_has_ended_is_still_undone(
    command: Command, store: Runs, folder: Path, verb: str, holder: Holder | None
) -> None:
    """Its process died, or let go of it, before all was undone."""
    owed = (PendingUndo("nap", "nap", "operator.tell", {"message": "undone"}),)
    over = {"outcome": "completed", "phase": Phase.COMPLETED, "state": "rested", "undoing": owed}
    begun(store, folder, "nap-1", holder=holder, **over)
    assert command(verb, "nap-1").code == 0
    found = store.load("nap-1")
    assert (found.run.outcome, found.run.undoing, found.holder) == ("completed", (), None)
    told = [record["event"] for _, record in store.journal("nap-1")]
    assert (told.count("undo_finished"), told[-1]) == (1, "run_ended")


@pytest.mark.parametrize("holder", [this_process(), AWAY])
def test_a_run_that_a_process_drives_is_not_taken(command: Command, store: Runs, folder: Path, holder: Holder) -> None:
    """One that lives, or may, keeps its run: it ends with 5, and says who drives it; `--force` takes it."""
    begun(store, folder, "nap-1", holder=holder)
    said = command("resume", "nap-1")
    assert said.code == 5
    assert "nap-1 is driven by process" in said.err
    assert "`retake-flow stop nap-1`" in said.err
    kept = store.load("nap-1")
    assert (kept.holder, kept.epoch) == (holder, 1)
    assert command("resume", "nap-1", "--force").code == 0
    assert store.load("nap-1").run.outcome == "completed"


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_answer_to_a_run_that_a_process_drives_counts(
    command: Command, store: Runs, folder: Path, more: tuple[str, ...]
) -> None:
    """The run is not taken, so it ends with 5, but not without the word that the answer was given."""
    begun(store, folder, "ask-1", ASKING, holder=this_process(), at=4e9)
    said = command("resume", "ask-1", "--answer", "word=yes", *more)
    assert said.code == 5
    assert said.err.startswith("answered question.1; the process that drives the run takes it\n")
    assert store.open_gates() == []
    assert store.load("ask-1").epoch == 1
    said = command("resume", "ask-1", *more)
    assert (said.code, "answered" in said.err) == (5, False)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nap-1", "--all"),
        ("--all", "--answer", "a=b"),
        ("--all", "--decision", "a"),
        ("--all", "--upgrade"),
        ("--all", "--force"),
        ("nobody",),
    ],
)
def test_what_cannot_be_meant_is_refused(command: Command, store: Runs, folder: Path, words: tuple[str, ...]) -> None:
    """Either one run or all, and what belongs to one does not go with all; unknown runs are told."""
    begun(store, folder, "nap-1")
    assert command("resume", *words).code == 2
    assert store.load("nap-1").holder == DEAD


def test_a_damaged_flow_of_a_run_lets_the_run_go(command: Command, store: Runs) -> None:
    """What the store holds and no program can read is told with 6, and the run is not kept claimed."""
    run = Run("damaged-1", "napping", "d" * 64, {})
    claim = store.create(run, agent="", flow_file="/x", flow_text="flow: x", holder=this_process())
    claim.release()
    said = command("resume", "damaged-1")
    assert (said.code, "the flow of this run cannot be read" in said.err) == (6, True)
    assert store.load("damaged-1").holder is None

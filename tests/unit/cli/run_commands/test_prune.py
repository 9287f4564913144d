"""Deleting old runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from cli_command import Command
from stored_runs import DEAD, a_gate, ended, stored

from retake_flow.ports.runs import Runs
from retake_flow.run.run import PendingUndo
from retake_flow.settings import Settings
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

DAY = 86400.0


@pytest.fixture
def at(store: Runs) -> Iterator[Callable[[float], Runs]]:
    """Opens the store as it was some days ago."""
    opened: list[Runs] = []

    def open_at(days: float) -> Runs:
        opened.append(open_runs(Settings.from_environment().store, now=lambda: time.time() - days * DAY))
        return opened[-1]

    yield open_at
    for one in opened:
        one.close()


def left(store: Runs) -> list[str]:
    """The runs there are."""
    return sorted(run.id for run in store.summaries())


def test_runs_that_ended_long_ago_are_deleted(command: Command, store: Runs, at: Callable[[float], Runs]) -> None:
    """Runs that ended more than thirty days ago go, and their ids are told; all others stay."""
    ended(at(31), "old-1")
    ended(at(40), "old-2", outcome="failed")
    stored(at(90), "parked-1", a_gate())
    ended(at(29), "new-1")
    assert command("prune", "--dry-run").out.splitlines() == ["old-1", "old-2", "2 runs would be deleted"]
    assert len(left(store)) == 4
    assert command("prune").out.splitlines() == ["old-1", "old-2", "2 runs deleted"]
    assert left(store) == ["new-1", "parked-1"]
    assert command("prune").out == "0 runs deleted\n"


def test_the_age_is_a_duration(command: Command, store: Runs, at: Callable[[float], Runs]) -> None:
    """How old is old can be said; a program gets one object."""
    ended(at(2), "old-1")
    ended(at(0), "new-1")
    for form, stay in ((("--dry-run",), 2), ((), 1)):
        [one] = command("prune", "--older-than", "1d12h", "--json", *form).records
        assert (one["pruned"], one["dry_run"]) == (["old-1"], bool(form))
        assert one["before"].endswith("Z")
        assert len(left(store)) == stay


def test_a_run_that_still_owes_undos_is_kept_until_they_are_done_or_given_up(
    command: Command, store: Runs, at: Callable[[float], Runs]
) -> None:
    """Its process died while it undid what the run had done; deleting it would leave that in place for ever."""
    ended(at(31), "old-1")
    owed = (PendingUndo("on", "on", "retake.stop_stream", {}),)
    ended(at(31), "owing-1", holder=DEAD, undoing=owed)
    ended(at(31), "driven-1", holder=this_process(), undoing=owed)
    [told] = command("prune", "--dry-run", "--json").records
    assert (told["pruned"], told["kept"]) == (["old-1"], ["owing-1"])
    assert told["next"] == ["retake-flow stop owing-1 --json", "retake-flow runs --json"]
    done = command("prune")
    assert done.out == "old-1\n1 run deleted\n"
    assert done.err == (
        "retake-flow: owing-1 is kept, since its process died before it had undone retake.stop_stream; undo it with "
        "`retake-flow stop owing-1`, or give it up with `retake-flow kill owing-1`\n"
    )
    assert command("kill", "owing-1").code == 0
    assert store.load("owing-1").run.outcome == "completed"
    assert command("prune", "--older-than", "0s").code == 0
    assert "owing-1" not in left(store)


@pytest.mark.parametrize("age", ["soon", "-1d", "20000w", ""])
def test_what_is_no_duration_deletes_nothing(
    command: Command, store: Runs, at: Callable[[float], Runs], age: str
) -> None:
    """A wrong age is an error of usage."""
    ended(at(99), "old-1")
    assert command("prune", f"--older-than={age}").code == 2
    assert left(store) == ["old-1"]


def test_what_was_counted_of_a_run_goes_with_it(command: Command, store: Runs, at: Callable[[float], Runs]) -> None:
    """The account of its tokens is deleted; those of runs that stay are not."""
    ended(at(31), "old-1")
    ended(at(1), "new-1")
    folder = Settings.from_environment().state_folder / "tokens"
    folder.mkdir(parents=True)
    for run in ("old-1", "new-1"):
        (folder / f"{run}.json").write_text("{}")
    command("prune", "--dry-run")
    assert len(list(folder.iterdir())) == 2
    command("prune")
    assert [file.name for file in folder.iterdir()] == ["new-1.json"]

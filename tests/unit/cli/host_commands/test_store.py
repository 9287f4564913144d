"""Moving the runs of one store to another, as a person and a program see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_command import Command
from stored_runs import a_gate, ended, stored

from retake_flow.cli import terminal
from retake_flow.ports.runs import Runs
from retake_flow.settings import Settings
from retake_flow.store.opening import open_runs


def test_what_was_copied_is_counted(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a person on one line, with a count of runs on the terminal meanwhile; for a program as numbers."""
    ended(store, "old-1")
    stored(store, "parked-1", a_gate())
    source, target = Settings.from_environment().store, str(folder / "new.sqlite")
    monkeypatch.setattr(terminal, "foreground", lambda stream: True)
    done = command("store", "copy", source, target)
    assert (done.code, done.out.splitlines()[0]) == (
        0,
        f"2 runs, 1 record, 1 question (0 answered), 0 requests, 1 flow text copied to {target}",
    )
    assert done.err == "\r0 of 2 runs copied\r1 of 2 runs copied\r2 of 2 runs copied\r\x1b[K"
    [record] = command("store", "copy", source, target, "--json").records
    assert (record["runs"], record["there"], record["target"]) == (0, 2, target)
    assert f"parked-1 was moved to {target}" in command("status", "parked-1").out
    said = command("say", "parked-1", "hello")
    assert (said.code, f"parked-1 was moved to {target}" in said.err) == (1, True)
    assert [line.split()[-1] for line in command("runs").out.splitlines()[1:]] == ["moved", "-"]


def test_a_store_that_is_not_there_is_named(command: Command, store: Runs, folder: Path) -> None:
    """The store in the settings is the target when none is named."""
    done = command("store", "copy", "nowhere.sqlite")
    assert (done.code, "there is no store nowhere.sqlite" in done.err) == (6, True)
    moved = open_runs(folder / "other.sqlite")
    ended(moved, "old-1")
    moved.close()
    assert command("store", "copy", "other.sqlite").out.startswith("1 run,")
    assert [run.id for run in store.summaries()] == ["old-1"]

"""Runs that live as long as the process."""

from __future__ import annotations

from dataclasses import replace

from retake_flow.run.records import record
from retake_flow.run.run import Run
from retake_flow.store.memory import MemoryStore


def test_the_latest_snapshot_and_the_whole_journal_are_kept() -> None:
    """Of each run its last state and all its records are there."""
    store, run = MemoryStore(), Run("a", "f", "", {})
    store.write(run, [record("x", 0)])
    store.write(replace(run, state="s"), [record("y", 0), record("z", 0)])
    store.write(Run("b", "f", "", {}), [])
    assert store.runs["a"].state == "s"
    assert [one["event"] for one in store.journals["a"]] == ["x", "y", "z"]
    assert set(store.runs) == {"a", "b"}

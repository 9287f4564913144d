"""Dying on purpose at a boundary of the journal."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest
from store_samples import a_run, said

from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.store.crash_points import Boundaries


class Kept:
    """A store that keeps all records, by the run's id."""

    def __init__(self) -> None:
        self.journals: dict[str, list[Record]] = {}

    def write(self, run: Run, records: Sequence[Record]) -> None:
        self.journals.setdefault(run.id, []).extend(records)


class Died(BaseException):
    """Nothing goes on after a kill -9."""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Whom this process has killed, and how; the test goes on."""
    killed: list[tuple[int, int]] = []

    def kill(pid: int, how: int) -> None:
        killed.append((pid, how))
        raise Died

    monkeypatch.setattr(os, "kill", kill)
    return killed


def written(die_at: str, writes: int = 5) -> list[str]:
    """What was written before the process died."""
    store = Kept()
    mortal = Boundaries(store, die_at)
    for number in range(writes):
        try:
            mortal.write(a_run(), [said(f"e{number + 1}")])
        except Died:
            break
    return [record["event"] for record in store.journals.get("go-live-1", [])]


@pytest.mark.parametrize(
    ("die_at", "wanted"),
    [("1-", []), ("1+", ["e1"]), ("3-", ["e1", "e2"]), ("3+", ["e1", "e2", "e3"])],
)
def test_a_process_dies_just_before_or_after_a_write(
    kills: list[tuple[int, int]], die_at: str, wanted: list[str]
) -> None:
    """By kill -9 of itself, once: what was to be written is not there, or it is the last."""
    assert written(die_at) == wanted
    assert kills == [(os.getpid(), signal.SIGKILL)]


@pytest.mark.parametrize("die_at", ["6-", "6+", "0-", "0+", "999+"])
def test_a_boundary_that_is_not_reached_kills_nobody(kills: list[tuple[int, int]], die_at: str) -> None:
    """A shorter run just ends."""
    assert len(written(die_at)) == 5
    assert kills == []


def test_without_a_boundary_everything_is_written_and_counted(kills: list[tuple[int, int]]) -> None:
    """Nothing happens to a process when nobody tries crashes; how many writes there were can be asked."""
    store = Kept()
    mortal = Boundaries(store, "")
    for number in range(3):
        mortal.write(a_run(), [said(f"e{number}")])
    assert (mortal.writes, len(store.journals["go-live-1"]), kills) == (3, 3, [])


def test_what_a_dead_process_leaves_to_go_on_writes_nothing_more() -> None:
    """Where dying is played, whatever still runs dies at its next write too."""

    def die() -> None:
        raise Died

    store = Kept()
    mortal = Boundaries(store, "2+", die)
    mortal.write(a_run(), [said("e1")])
    for name in ("e2", "e3", "e4"):
        with pytest.raises(Died):
            mortal.write(a_run(), [said(name)])
    assert [record["event"] for record in store.journals["go-live-1"]] == ["e1", "e2"]


def test_a_write_that_fails_is_a_write(kills: list[tuple[int, int]]) -> None:
    """Boundaries count what was tried, and errors of the store pass through."""

    class Failing:
        def write(self, run: Run, records: Sequence[Record]) -> Any:
            raise ValueError("full")

    mortal = Boundaries(Failing(), "2-")
    with pytest.raises(ValueError, match="full"):
        mortal.write(a_run(), [])
    with pytest.raises(Died):
        mortal.write(a_run(), [])
    assert len(kills) == 1

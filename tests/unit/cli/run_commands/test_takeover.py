"""Taking a run over that no process drives."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import DEAD
from waiting_runs import begun

from retake_flow.cli.run_commands.takeover import claim_run
from retake_flow.ports.runs import Holder, Runs
from retake_flow.run.errors import Fenced, RunHeld, RunUnknown
from retake_flow.store.holders import this_process


@pytest.mark.parametrize("holder", [None, DEAD])
def test_a_run_that_no_process_drives_is_ours(store: Runs, folder: Path, holder: Holder | None) -> None:
    """One that was let go, or whose process died, is claimed for this process, under a new epoch."""
    begun(store, folder, "nap-1", holder=holder)
    claim = claim_run(store, "nap-1")
    kept = store.load("nap-1")
    assert (kept.holder, kept.epoch, claim.epoch) == (this_process(), 2, 2)


def test_one_that_is_driven_is_taken_only_by_force(store: Runs, folder: Path) -> None:
    """Whoever had it can write no more."""
    begun(store, folder, "nap-1", holder=None)
    first = claim_run(store, "nap-1")
    with pytest.raises(RunHeld):
        claim_run(store, "nap-1")
    claim_run(store, "nap-1", force=True)
    with pytest.raises(Fenced):
        first.write(store.load("nap-1").run, [])


def test_an_unknown_run_is_told(store: Runs) -> None:
    """There is nothing to take."""
    with pytest.raises(RunUnknown):
        claim_run(store, "nobody")

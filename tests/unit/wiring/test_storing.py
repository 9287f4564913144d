"""Whether a process drives a run is judged by a reading that is not older than the process's end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from store_samples import a_run, created

from retake_flow.monitor.following import Following
from retake_flow.monitor.requests import why_undriven
from retake_flow.monitor.run_status import RunStatus
from retake_flow.ports.runs import Stored, Summary
from retake_flow.run.run import Phase
from retake_flow.store.holders import this_process
from retake_flow.store.memory import MemoryRuns
from retake_flow.wiring.storing import summaries_with_drivers

ENDED = a_run(phase=Phase.COMPLETED, outcome="completed")
DEAD = replace(this_process(), pid=2**22 + 1)  # no process has such an id


class _EndingRuns(MemoryRuns):
    """A run whose process, which is gone, ends and releases it as soon as it has been read once."""

    def __init__(self) -> None:
        super().__init__()
        self._claim = created(self, holder=DEAD)

    def _end(self) -> None:
        self._claim.write(ENDED, [])
        self._claim.release()

    def load(self, run: str) -> Stored:
        stored = super().load(run)
        self._end()
        return stored

    def summaries(self, **wanted: Any) -> list[Summary]:
        found = super().summaries(**wanted)
        self._end()
        return found


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda runs: Following(runs, ENDED.id).trouble, ""),
        (lambda runs: RunStatus(runs, ENDED.id).figures.vitals.stream(0.0), ""),
        (lambda runs: why_undriven(runs, ENDED.id), "go-live-1 has ended: completed in a"),
        (lambda runs: [one.outcome for one in summaries_with_drivers(runs.summaries)], ["completed"]),
    ],
)
def test_a_run_that_ends_while_it_is_read_has_not_died(read: Callable[[MemoryRuns], object], expected: object) -> None:
    """Its process is gone by the time somebody looks for it."""
    assert read(_EndingRuns()) == expected


def test_a_run_whose_process_has_died_is_shown_as_it_is() -> None:
    """It is read twice at most, however many have died."""
    runs, reads = MemoryRuns(), []
    for name in ("a-1", "b-1"):
        created(runs, a_run(name), holder=DEAD)

    def read() -> list[Summary]:
        reads.append(1)
        return runs.summaries()

    assert [one.holder for one in summaries_with_drivers(read)] == [DEAD, DEAD]
    assert len(reads) == 2
    assert Following(runs, "a-1").trouble == "the process that drove it has died"

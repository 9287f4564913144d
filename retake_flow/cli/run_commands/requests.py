"""Asking something of a run that another process drives, and what its journal says of it."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from retake_flow.ports.runs import Runs, Wish
from retake_flow.run.errors import RunEnded, RunUnheard
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run

#: How long a process may take to hear of a request, in seconds; it looks several times a second.
HEARD_WITHIN = 10.0
_EVERY = 0.1


def undriven(store: Runs, run: str) -> str:
    """Why nobody would hear a request to a run, or nothing."""
    from retake_flow.wiring.storing import lives

    stored = store.load(run)
    if stored.run.ended:
        return ending(stored.run)
    if not lives(stored.holder) or stored.run.phase is Phase.SUSPENDED:
        return f"no process drives {run}; go on with `retake-flow resume {run}`"
    return ""


def ending(run: Run) -> str:
    """How a run that has ended did."""
    return f"{run.id} has ended: {run.outcome} in {run.state or 'no state'}"


def heard(store: Runs, run: str) -> None:
    """Make sure that somebody hears a request to a run.

    Raises:
        RunEnded: The run has ended.
        RunUnheard: No process drives it.
    """
    if reason := undriven(store, run):
        raise (RunEnded if store.load(run).run.ended else RunUnheard)(reason)


@dataclass
class Asked:
    """A request that was made."""

    store: Runs
    run: str
    number: int
    _read: int

    @classmethod
    def of(cls, store: Runs, run: str, what: Wish, data: Mapping[str, Any]) -> Asked:
        """Ask a run."""
        read = len(store.journal(run))
        return cls(store, run, store.request(run, what, data), read)

    def record(self, names: Container[str], within: float) -> Record | None:
        """The first record of one of these names that answers; None when there is none in so many seconds.

        It is not waited for any longer when nobody drives the run any more.
        """
        deadline = time.monotonic() + within
        while True:
            gone = undriven(self.store, self.run)
            for number, record in self.store.journal(self.run, self._read):
                self._read = number
                if record.get("request") == self.number and record["event"] in names:
                    return record
            if gone or time.monotonic() >= deadline:
                return None
            time.sleep(_EVERY)

"""Requests: asks something of a run that another process drives, and finds the answer in its journal."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from retake_flow.ports.runs import Runs, Wish
from retake_flow.run.errors import RunEnded, RunUnheard
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run

#: How long a process may take to notice a request, in seconds; it checks several times a second.
HEARD_WITHIN = 10.0
_EVERY = 0.1


def why_undriven(store: Runs, run: str) -> str:
    """Why no process would notice a request to a run; "" when one would."""
    from retake_flow.wiring.storing import lives

    stored = store.load(run)
    if stored.run.ended:
        return ending(stored.run)
    if not lives(stored.holder) or stored.run.phase is Phase.SUSPENDED:
        return f"no process drives {run}; go on with `retake-flow resume {run}`"
    return ""


def ending(run: Run) -> str:
    """How a run ended."""
    return f"{run.id} has ended: {run.outcome} in {run.state or 'no state'}"


def require_driver(store: Runs, run: str) -> None:
    """Make sure that a process can notice a request to a run.

    Raises:
        RunEnded: The run has ended.
        RunUnheard: No process drives the run.
    """
    if reason := why_undriven(store, run):
        raise (RunEnded if store.load(run).run.ended else RunUnheard)(reason)


@dataclass
class SentRequest:
    """A request that was sent to a run."""

    store: Runs
    run: str
    number: int
    _read: int

    @classmethod
    def send(cls, store: Runs, run: str, what: Wish, data: Mapping[str, Any]) -> SentRequest:
        """Send a request to a run."""
        read = len(store.journal(run))
        return cls(store, run, store.request(run, what, data), read)

    def wait_for_record(self, names: Container[str], within: float) -> Record | None:
        """The first record with one of these names that answers the request; None after `within` seconds without one.

        The wait ends early when no process drives the run any more.
        """
        deadline = time.monotonic() + within
        while True:
            gone = why_undriven(self.store, self.run)
            for number, record in self.store.journal(self.run, self._read):
                self._read = number
                if record.get("request") == self.number and record["event"] in names:
                    return record
            if gone or time.monotonic() >= deadline:
                return None
            time.sleep(_EVERY)

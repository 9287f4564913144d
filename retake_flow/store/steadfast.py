"""Steadfast claim: keeps a run going while its store cannot be written, and writes the store when it can again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from retake_flow.errors import StoreAway, StoreError
from retake_flow.ports.runs import Claim, Request
from retake_flow.run.errors import AnswerWaiting, LeaseExpired
from retake_flow.run.gates import Answer
from retake_flow.run.identity import Identity
from retake_flow.run.records import Record
from retake_flow.run.run import Run

T = TypeVar("T")

#: How many unwritten records are kept; beyond that, the oldest are lost.
MOST = 20_000
#: Seconds between attempts to write to a store that may block the process meanwhile.
AGAIN_AFTER = 5.0
#: Seconds between two looks at the inbox while there is something to write.
LOOKS_AGAIN = 1.0
#: Seconds after which an outage is reported that may end by itself, such as a restart of the server.
TOLD_AFTER = 10.0


class Steadfast:
    """A claim that does not end a stream because of a failing store.

    A run with no pending undo has nothing on air to lose. So it waits for a store that is only away (see
    `write_error`), and any other failure raises its error at once. A lease that has run out raises its error in every
    case.

    Args:
        claim: Writes the run.
        run: The run as it was last written.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, claim: Claim, run: Run, now: Callable[[], float] = time.monotonic) -> None:
        self._claim = claim
        self._now = now
        self._run = run
        self._on_air = bool(run.undos)
        self._kept: deque[Record] = deque(maxlen=MOST)
        self._happened = 0  # records since the store became unwritable
        self._why: StoreError | None = None
        self._again_at = 0.0
        self._tell_at = 0.0
        self._told = False
        self._troubles: list[str] = []

    @property
    def epoch(self) -> int:
        """How often the run has been claimed, including this claim."""
        return self._claim.epoch

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the present run and the records, or keep them in memory while the store cannot be written."""
        if self._why is None:
            try:
                self._claim.write(run, records)
            except StoreError as error:
                self._bear(error)
                self._keep(run, records)
                self._fail(error)
            else:
                self._run, self._on_air = run, bool(run.undos)
            return
        self._keep(run, records)
        self._catch_up()

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and store a new flow text for the run, in the same transaction."""
        self._claim.upgrade(run, records, flow_text)

    def requests(self, *, fresh: bool = False) -> list[Request]:
        """The requests that others sent to the run; none while the store cannot be read."""
        self._catch_up()
        return self._ask(partial(self._claim.requests, fresh=fresh), [])

    def answers(self, *, fresh: bool = False) -> Mapping[str, Answer]:
        """The answers to gates; none while the store cannot be read."""
        return self._ask(partial(self._claim.answers, fresh=fresh), {})

    def _ask(self, ask: Callable[[], T], nothing: T) -> T:
        if self._why is None:
            try:
                return ask()
            except StoreError as error:
                self._bear(error)
                self._fail(error)
        return nothing

    def write_error(self, *, once: bool = False) -> StoreError | None:
        """The error that keeps the last write in memory, if its consequences have to wait until it is stored."""
        return self._why if once or not self._on_air else None

    def on_news(self, wake: Callable[[], None]) -> bool:
        """Have a function called when there may be requests or answers; returns whether the store can do that."""
        return self._claim.on_news(wake)

    def look_within(self) -> float:
        """Seconds within which to look again; soon while there is something to write."""
        return self._claim.look_within() if self._why is None else min(LOOKS_AGAIN, self._claim.look_within())

    def hold(self, account: Identity) -> None:
        """Hold an account on all hosts that share the store, as far as the store can be written."""
        with suppress(StoreError):
            self._claim.hold(account)

    def troubles(self) -> list[str]:
        """The store's problems since the last call."""
        if self._why is not None and not self._told and self._now() >= self._tell_at:
            self._told = True
            hint = f" ({self._why.hint})" if self._why.hint else ""
            said = f"{self._why.message}{hint}; the stream continues, and its records are written once the store can be"
            self._troubles.append(said if self._on_air else f"{self._why.message}{hint}; the run waits for the store")
        told, self._troubles = [*self._troubles, *self._claim.troubles()], []
        return told

    def release(self) -> None:
        """Release the run, once everything kept in memory is written.

        Raises:
            StoreError: The store cannot be written; the error says what is lost.
        """
        if self._why is not None:
            try:
                self._write_kept()
            except StoreError as error:
                kind = StoreAway if isinstance(error, StoreAway) else StoreError
                raise kind(
                    f"{self._run.id} {_ending(self._run)}, and its store could not be written: {error.message}; "
                    f"the last {self._happened} records of its journal are lost",
                    hint=error.hint,
                ) from error
        self._claim.release()

    def _keep(self, run: Run, records: Sequence[Record]) -> None:
        self._run = run
        self._kept.extend(records)
        self._happened += len(records)

    def _bear(self, error: StoreError) -> None:
        """Raise an error that has to end this run."""
        if isinstance(error, LeaseExpired) or not (self._on_air or isinstance(error, StoreAway)):
            raise error

    def _fail(self, error: StoreError) -> None:
        self._why, self._told = error, False
        self._tell_at = self._now() + (TOLD_AFTER if isinstance(error, StoreAway) else 0.0)
        self._wait_after(error)

    def _wait_after(self, error: StoreError) -> None:
        self._again_at = self._now() + (AGAIN_AFTER if error.retry_after is None else error.retry_after)

    def _catch_up(self) -> None:
        """Write the kept records, when it is time to retry."""
        if self._why is None or self._now() < self._again_at:
            return
        try:
            self._write_kept()
        except StoreError as error:
            self._bear(error)
            self._wait_after(error)

    def _write_kept(self) -> None:
        lost = self._happened - len(self._kept)
        try:
            self._claim.write(self._run, list(self._kept))
        except AnswerWaiting:  # the question is over, so the answer changes nothing
            self._claim.answers(fresh=True)
            self._claim.write(self._run, list(self._kept))
        self._why, self._on_air = None, bool(self._run.undos)
        self._kept.clear()
        self._happened = 0
        said = f"but for {lost} records, which are lost" if lost else "and nothing is lost"
        if self._told or lost:
            self._troubles.append(f"the store can be written again, {said}")


def _ending(run: Run) -> str:
    return f"ended ({run.outcome})" if run.has_ended else "was left"

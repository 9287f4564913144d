"""Steadfast claim: keeps a stream on air while its store cannot be written, and writes the store when it can again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Claim, Request
from retake_flow.run.errors import AnswerWaiting
from retake_flow.run.gates import Answer
from retake_flow.run.records import Record
from retake_flow.run.run import Run

T = TypeVar("T")

#: How many unwritten records are kept; beyond that, the oldest are lost.
MOST = 20_000
#: Seconds between attempts to write; a busy store holds everything up meanwhile.
AGAIN_AFTER = 5.0


class Steadfast:
    """A claim that does not end a stream because of a failing store.

    A run with no pending undo has nothing on air to lose, so an unwritable store raises its error at once.

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
        self._troubles: list[str] = []

    @property
    def epoch(self) -> int:
        """How often the run has been claimed, including this claim."""
        return self._claim.epoch

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the present run and the records. On air, keep them in memory while the store cannot be written."""
        if self._why is None:
            try:
                self._claim.write(run, records)
            except StoreError as error:
                if not self._on_air:
                    raise
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

    def requests(self) -> list[Request]:
        """The requests that others sent to the run; on air, none while the store cannot be read."""
        self._catch_up()
        return self._asked(self._claim.requests, [])

    def answers(self) -> Mapping[str, Answer]:
        """The answers to gates; on air, none while the store cannot be read."""
        return self._asked(self._claim.answers, {})

    def _asked(self, ask: Callable[[], T], nothing: T) -> T:
        if self._why is None:
            try:
                return ask()
            except StoreError as error:
                if not self._on_air:
                    raise
                self._fail(error)
        return nothing

    def troubles(self) -> list[str]:
        """The store's problems since the last call."""
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
                raise StoreError(
                    f"{self._run.id} {_ending(self._run)}, and its store could not be written: {error.message}; "
                    f"the last {self._happened} records of its journal are lost",
                    hint=error.hint,
                ) from error
        self._claim.release()

    def _keep(self, run: Run, records: Sequence[Record]) -> None:
        self._run = run
        self._kept.extend(records)
        self._happened += len(records)

    def _fail(self, error: StoreError) -> None:
        self._why, self._again_at = error, self._now() + AGAIN_AFTER
        hint = f" ({error.hint})" if error.hint else ""
        self._troubles.append(f"{error.message}{hint}; the stream goes on, and is written down once that can be done")

    def _catch_up(self) -> None:
        """Write the kept records, when it is time to retry."""
        if self._why is None or self._now() < self._again_at:
            return
        try:
            self._write_kept()
        except StoreError:
            self._again_at = self._now() + AGAIN_AFTER

    def _write_kept(self) -> None:
        lost = self._happened - len(self._kept)
        try:
            self._claim.write(self._run, list(self._kept))
        except AnswerWaiting:  # to a question that is over; nobody could tell who answered
            self._claim.answers()
            self._claim.write(self._run, list(self._kept))
        self._why, self._on_air = None, bool(self._run.undos)
        self._kept.clear()
        self._happened = 0
        said = f"but for {lost} records, which are lost" if lost else "and nothing is lost"
        self._troubles.append(f"the store can be written again, {said}")


def _ending(run: Run) -> str:
    return f"ended ({run.outcome})" if run.ended else "was left"

"""Following: polls a run in its store, and reads each of its records once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from retake_flow.ports.runs import OpenGate, ReadableRuns, Stored
from retake_flow.run.errors import RunMoved
from retake_flow.run.records import Record, record
from retake_flow.run.run import Phase
from retake_flow.wiring.storing import is_driven, load_with_driver

EVERY = 0.2  # seconds between two readings
_SLOW_READING: Final = 5.0  # seconds


class Following:
    """A run as last read.

    Args:
        store: Where it is.
        run: Its id.
        after: The number of the record after which `records` begins; by default the last one that the stored figures
            include.

    Attributes:
        stored: Its snapshot.
        driven: Whether a process drove it then.
        records: The records that were new at the last reading, by number.
        gates: Its open questions, the oldest first.
        figures: The state and the figures of its stream, up to its last record.
    """

    def __init__(self, store: ReadableRuns, run: str, after: int | None = None) -> None:
        self._store = store
        self.run = run
        self.stored, self.driven = load_with_driver(store, run)
        self.figures = self.stored.figures
        self._take(self.figures.number if after is None else min(after, self.figures.number))

    def look(self) -> None:
        """Read the run as it is now."""
        # Before the journal, so that no record of an end is missed.
        self.stored, self.driven = load_with_driver(self._store, self.run)
        self._take(self.figures.number)

    def _take(self, after: int) -> None:
        self.records: Mapping[int, Record] = dict(self._store.journal(self.run, after))
        self.gates: list[OpenGate] = self._store.open_gates(self.run)
        self.figures.count(self.records.items())

    def until(self, met: Callable[[Following], bool], within: float) -> bool:
        """Read the run until a condition is met, for at most `within` seconds, and return whether it was."""
        polling = Polling(within)
        while not met(self):
            if not polling.wait_for_next():
                return False
            self.look()
        return True

    @property
    def now(self) -> float:
        """The run's own time."""
        return time.time() + self.stored.run.ahead

    @property
    def stats(self) -> dict[str, Any]:
        """The figures of its streams up to now."""
        return self.stored.run.stats.figures(time.time())

    @property
    def over(self) -> bool:
        """Whether it has ended, everything is undone, and its process has let it go."""
        return is_over(self.stored)

    @property
    def on_air(self) -> bool:
        """Whether its stream is known to be on air."""
        return self.driven and bool(self.figures.vitals.on_air(self.now))

    @property
    def scene(self) -> str:
        """The scene that viewers see; "" without one."""
        return self.figures.scenes.visible(self.now) if self.driven else ""

    @property
    def trouble(self) -> str:
        """The reason why it is not on air although it should be, or why nothing happens; "" when all is well."""
        run = self.stored.run
        if run.has_ended:
            return "" if run.has_succeeded else run.reason
        if not self.driven:
            return str(self.undriven["message"]) if self._waits_for_host or self.stored.holder is not None else ""
        return self.figures.vitals.stream(self.now)

    @property
    def undriven(self) -> Record:
        """A report that no process drives it, as a record that is not in its journal."""
        holder, kind, hint = self.stored.holder, "not_driven", f"resume it with `retake-flow resume {self.run}`"
        if holder is not None and holder.has_moved:
            moved = RunMoved(self.run, holder.host)
            kind, said, hint = moved.kind, moved.message, moved.hint
        elif self._waits_for_host:
            said, hint = "it waits for a host", "`retake-flow runs` says why"
        else:
            said = "the process that drove it has died" if holder is not None else "no process drives it"
        return record("error", time.time(), place=self.run, kind=kind, message=said, hint=hint)

    @property
    def _waits_for_host(self) -> bool:
        return self.stored.submitted and self.stored.run.phase is not Phase.SUSPENDED


def is_over(stored: Stored) -> bool:
    """Whether a run has ended, everything is undone, and its process has let it go."""
    return stored.run.has_ended and not stored.run.undoing and not is_driven(stored.holder)


class Polling:
    """Paces the readings of a caller that waits; in seconds.

    The whole machine may stand still meanwhile, which uses up nothing: a pause of any length counts as a short one, and
    once, so does a long reading as a slow one.

    Attributes:
        left: For how much longer the caller may wait, as of the last call.
    """

    def __init__(self, within: float, every: float = EVERY) -> None:
        self.left = within
        self._every = every
        self._began = time.monotonic()  # of the reading
        self._stood_still = False

    def wait_for_next(self) -> bool:
        """Wait until the next reading is due; return False at once if the time is up."""
        read = time.monotonic()
        reading = read - self._began
        self.left -= reading if self._stood_still else min(reading, _SLOW_READING)
        self._stood_still |= reading > _SLOW_READING
        if self.left <= 0:
            return False
        pause = min(self._every, self.left)
        time.sleep(pause)
        self._began = time.monotonic()
        paused = self._began - read
        self.left -= paused if paused <= _SLOW_READING else pause
        return True

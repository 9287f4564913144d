"""Readings: how the runs on this host stand, as the store has them, read for programs that watch it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from retake_flow.errors import RetakeFlowError, StoreAway
from retake_flow.ports.runs import Holder, ReadableRuns, Stored, Summary
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.figures import Figures
from retake_flow.run.run import Phase

#: The phases of runs that have not ended.
_GOING: Final = (Phase.PENDING, Phase.RUNNING, Phase.WAITING, Phase.SUSPENDED)


@dataclass(frozen=True, slots=True)
class RunReading:
    """How one run stands.

    Attributes:
        summary: The run.
        health: The vitals of its stream; see `Vitals.data`.
        stats: The figures of its streams; see `Stats.figures`.
        figures: What its journal amounts to.
        asked: When its oldest open question was asked, in seconds since the epoch; None without one.
    """

    summary: Summary
    health: Mapping[str, Any]
    stats: Mapping[str, Any]
    figures: Figures
    asked: float | None


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """The figures that all hosts of a store share.

    Attributes:
        waiting: How many runs wait for a host.
        oldest_waiting: For how many seconds the oldest of them has waited.
        hosts: How many hosts there are in each state.
    """

    waiting: int = 0
    oldest_waiting: float = 0.0
    hosts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How everything stands.

    Attributes:
        runs: The runs that are driven here.
        leases_expired: How many runs have not ended although the lease of their process has.
        fleet: The figures of all hosts, by name; see `FleetFigures`.
        took: How long the reading took, in seconds.
    """

    runs: Sequence[RunReading] = ()
    leases_expired: int = 0
    fleet: FleetFigures | None = None
    took: float = 0.0


class Reader:
    """Reads the store; of a run that has not been written since, nothing is read again. For one thread.

    Args:
        store: The store.
        mine: Whether a run is driven here, and to be told of.
        fleet: Reads the figures of all hosts; None without a fleet.
    """

    def __init__(
        self,
        store: ReadableRuns,
        mine: Callable[[str, Holder], bool],
        fleet: Callable[[], FleetFigures] | None = None,
    ) -> None:
        self._store = store
        self._mine = mine
        self._fleet = fleet
        self._known: dict[str, tuple[float, Stored, Figures]] = {}

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def read(self) -> Reading:
        """Read how everything stands now.

        Raises:
            StoreError: The store cannot be read.
        """
        began = time.monotonic()
        going = [one for one in self._store.summaries(phases=_GOING) if not one.damage]
        ours = [one for one in going if one.holder is not None and self._mine(one.id, one.holder)]
        self._known = {one.id: self._known[one.id] for one in ours if one.id in self._known}
        runs = [run for one in ours if (run := self._run(one)) is not None]
        expired = sum(one.holder is not None and (one.holder.lease or 0.0) < 0 for one in going)
        fleet = None if self._fleet is None else self._fleet()
        return Reading(runs, expired, fleet, time.monotonic() - began)

    def _run(self, summary: Summary) -> RunReading | None:
        known = self._known.get(summary.id)
        if known is None or known[0] != summary.updated:
            try:
                stored = self._store.load(summary.id)
                stored.figures.count(self._store.journal(summary.id, stored.figures.number))
            except StoreAway:
                raise
            except RetakeFlowError:  # it is damaged, or was pruned just now
                return None
            known = self._known[summary.id] = summary.updated, stored, stored.figures
        _, stored, figures = known
        now = time.time()
        asked = min((gate.opened_at for gate in stored.run.gates.values()), default=None) if summary.gates else None
        health = figures.vitals.data(now + stored.run.ahead)
        return RunReading(summary, health, stored.run.stats.figures(now), figures, asked)

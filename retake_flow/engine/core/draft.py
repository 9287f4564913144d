"""The writable form of a run during a macrostep, with the same fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.run.gates import Gate
from retake_flow.run.identity import Identity
from retake_flow.run.run import ActivityState, Attempt, Delayed, Local, PendingUndo, Phase, Run


class Draft:
    """A writable copy of a run; the original stays unchanged.

    Mappings are replaced, never modified: they are shared with the original run.
    """

    __slots__ = tuple(Run.__dataclass_fields__)

    id: str
    flow: str
    digest: str
    inputs: Mapping[str, Any]
    phase: Phase
    state: str
    visits: Mapping[str, int]
    vars: Mapping[str, Any]
    outputs: Mapping[str, Any]
    activities: Mapping[str, ActivityState]
    memory: Mapping[str, Mapping[str, Any]]
    undos: tuple[PendingUndo, ...]
    undoing: tuple[PendingUndo, ...]
    timers: Mapping[tuple[str, str], float]
    gates: Mapping[str, Gate]
    attempt: Attempt | None
    outcome: str | None
    reason: str
    locals: Mapping[str, Local]
    rehearsal: str
    history: Mapping[str, str]
    delayed: Mapping[tuple[str, str], Delayed]
    ahead: float
    identity: Identity

    def __init__(self, run: Run) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(run, name))

    def run(self) -> Run:
        """The resulting run."""
        return Run(*[getattr(self, name) for name in self.__slots__])

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen."""
        return self.outcome is not None

"""Where runs survive, for everybody who is not driving one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retake_flow.ports.journal import RunStore
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that drives a run.

    Attributes:
        host: Where it is.
        pid: Its process id there.
        started: When it was started (seconds since the epoch), since process ids are used again.
    """

    host: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as it was last written, with what belongs to it.

    Attributes:
        run: The snapshot.
        agent: The agent it is for, "" when nobody knows.
        flow_file: Where the flow was read from.
        flow_text: The flow as it was when the run began.
        epoch: How often the run was claimed.
        holder: Who drives it, or drove it when it died; None when it was let go.
        created: When it began.
        updated: When it was last written.
    """

    run: Run
    agent: str
    flow_file: str
    flow_text: str
    epoch: int
    holder: Holder | None
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line, without its snapshot."""

    id: str
    flow: str
    agent: str
    phase: Phase
    state: str
    outcome: str | None
    reason: str
    gates: int
    holder: Holder | None
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A gate and the run it belongs to."""

    run: str
    flow: str
    gate: Gate


class Claim(RunStore, Protocol):
    """The right to write one run, until somebody else takes it."""

    epoch: int

    def requests(self) -> list[str]:
        """What other processes have asked of the run since the last call: `stop` or `kill`, oldest first.

        Raises:
            Fenced: Somebody else has claimed the run.
        """
        ...

    def answers(self) -> dict[str, Answer]:
        """The answers to gates that the snapshot still holds as open, by the gate's id."""
        ...

    def release(self) -> None:
        """Let go of the run, so that anybody may claim it."""
        ...


class Runs(Protocol):
    """All runs."""

    def create(self, run: Run, *, agent: str, flow_file: str, flow_text: str, holder: Holder) -> Claim:
        """Keep a new run and claim it."""
        ...

    def claim(self, run: str, holder: Holder) -> Claim:
        """Claim a run, under a new epoch; who held it before can write no more.

        Raises:
            RunHeld: A process that lives holds it.
            RunUnknown: There is none of this id.
        """
        ...

    def load(self, run: str) -> Stored:
        """A run as it was last written."""
        ...

    def find(self, name: str) -> str:
        """The id that a person means: an id, a unique prefix, or `last`.

        Raises:
            RunUnknown: None, or more than one, is meant.
        """
        ...

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, the newest first; those of an agent or a flow when one is named."""
        ...

    def journal(self, run: str, after: int = 0) -> list[tuple[int, Record]]:
        """The records of a run with their numbers, those after a number."""
        ...

    def request(self, run: str, what: str) -> None:
        """Ask the process that drives a run to `stop` or `kill` it."""
        ...

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The gates that are open and not answered, the oldest first."""
        ...

    def answer(self, run: str, gate: str, answer: Answer) -> None:
        """Keep an answer that is valid for the gate; the first one wins, also across processes.

        Raises:
            AlreadyAnswered: Somebody was first; says who, when and by which channel.
            GateUnknown: The gate is not open.
        """
        ...

    def prune(self, before: float) -> list[str]:
        """Delete the runs that ended before a time, with their journals; gives their ids."""
        ...

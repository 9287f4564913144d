"""Port for stored runs, for the process that drives a run and for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from retake_flow.ports.journal import RunStore
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run

#: What a process can ask of a run that another one drives: to end, to say something, to take an event.
Wish = Literal["stop", "kill", "say", "event"]


@dataclass(frozen=True, slots=True)
class Request:
    """Something that was asked of a run.

    Attributes:
        what: Is wished for.
        data: What belongs to it: of `say` the `text` and the `ways`, of an `event` its `name` and `data`, of both who
            asks (`by`).
        number: By which the store knows it.
    """

    what: Wish
    data: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that drives a run.

    Attributes:
        host: Where it is: the name of the host, with the PID namespace that it is in.
        pid: Its process id there.
        started: When it was started, since process ids are used again: in seconds since that machine was, or since
            the epoch where it tells no more; good for comparison only.
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
    """A run in one line, without its snapshot.

    Attributes:
        gates: How many of its questions are open and not answered.
        holder: Who drives it, or drove it when it died; None when it was let go.
        flow_file: Where the flow was read from.
        rehearsal: The folder of the rehearsal that it is for; "" when it is for the real platform.
        damage: What of it cannot be read; the rest is as far as it is known, and it counts as driven by nobody.
    """

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
    flow_file: str
    rehearsal: str
    damage: str = ""


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A gate and the run it belongs to.

    Attributes:
        damage: Why the question cannot be read; of the gate, nothing but its name is known then.
    """

    run: str
    flow: str
    gate: Gate
    damage: str = ""


class Inbox(Protocol):
    """What other processes ask of one run, and answer to it."""

    def requests(self) -> list[Request]:
        """What others have asked of the run, oldest first, each once in this claim; cheap enough to call often.

        What nobody has done when the run's process dies is asked of the next one. A stop is done once a record
        `stop_requested` is written, anything else once there is a record with its number as `request`.

        Raises:
            StoreError: The store cannot be read.
            Fenced: Somebody else has claimed the run.
        """
        ...

    def answers(self) -> Mapping[str, Answer]:
        """The answers to gates that the written snapshot still holds, by the gate's id; cheap enough to call often.

        One that came in time must not lose against the gate's timer: call this when the timer is due, before it is
        taken for a fact. Later answers are refused.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def troubles(self) -> list[str]:
        """What has befallen the store since this was asked last, in sentences for people."""
        ...


class Claim(RunStore, Inbox, Protocol):
    """The right to write one run, until somebody else takes it."""

    @property
    def epoch(self) -> int:
        """How often the run has been claimed, this time included; larger at each claim."""
        ...

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and keep a new text of the flow for the run in the same transaction.

        Raises:
            StoreError: It cannot be written.
            Fenced: Somebody else has claimed the run.
            AnswerWaiting: As for `write`.
        """
        ...

    def release(self) -> None:
        """Let go of the run, so that anybody may claim it; more than once does no harm.

        Raises:
            StoreError: It cannot be written.
        """
        ...


class Runs(Protocol):
    """All runs. Every call raises `StoreError` when the store cannot be read or written."""

    def create(self, run: Run, *, agent: str, flow_file: str, flow_text: str, holder: Holder) -> Claim:
        """Keep a new run and claim it; `agent` is what it is listed for until its account has a name.

        Raises:
            StoreError: There is one of this id.
        """
        ...

    def claim(self, run: str, holder: Holder, *, force: bool = False) -> Claim:
        """Claim a run, under a new epoch; who held it before can write no more.

        Args:
            run: Its id.
            holder: Who is to have it.
            force: Take it from a process that is, or may be, alive.

        Raises:
            RunHeld: A process that lives holds it, or one on another host, of which nobody here knows.
            RunUnknown: There is none of this id.
        """
        ...

    def load(self, run: str) -> Stored:
        """A run as it was last written.

        Raises:
            RunUnknown: There is none of this id.
            Damaged: What is kept of it cannot be read.
        """
        ...

    def find(self, name: str) -> str:
        """The id that a person means: an id, a unique prefix, or `last` for the run that began last.

        Raises:
            RunUnknown: None, or more than one, is meant.
        """
        ...

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, the newest first; only those in some phases, of an agent or a flow when named; damaged ones say so."""
        ...

    def journal(self, run: str, after: int = 0, *, last: int | None = None) -> list[tuple[int, Record]]:
        """The records of a run with their numbers (from 1), those after a number; only the last few where it is said.

        In the place of one that cannot be read stands `record_damaged`.

        Raises:
            RunUnknown: There is none of this id.
        """
        ...

    def request(self, run: str, what: Wish, data: Mapping[str, Any] | None = None) -> int:
        """Ask something of the process that drives a run.

        Args:
            run: Its id.
            what: Is wished for.
            data: What belongs to it, as plain JSON data; see `Request`.

        Returns:
            The number of the request.

        Raises:
            RunUnknown: There is none of this id.
        """
        ...

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The gates that are open and not answered, the oldest first."""
        ...

    def answer(self, run: str, gate: str, answer: Answer) -> None:
        """Keep an answer that is valid for the gate; the first one wins, also across processes.

        Its secret fields are kept until the run has written that it took the answer, and then erased.

        Raises:
            AlreadyAnswered: Somebody was first; says who, when and by which channel.
            GateUnknown: The gate was never asked, has expired, or is closed.
        """
        ...

    def prune(self, before: float) -> list[str]:
        """Delete the runs that ended and were last written before a time, with their journals; gives their ids.

        One of which cannot be read whether it has ended stays.
        """
        ...

    def close(self) -> None:
        """Let go of all connections, also of those of claims; the claims are not released, and can do nothing more."""
        ...

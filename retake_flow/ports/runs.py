"""Port for stored runs and their journals, for the process that drives a run and for all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from retake_flow.errors import StoreError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.run.figures import Figures
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.identity import NOBODY, Identity
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run

#: The requests to a run that another process drives: end, say something, take an event, change the stage.
RequestKind = Literal["stop", "kill", "say", "event", "screen"]
#: Seconds for which a request waits for services that are starting, until it is carried out without them.
READY_WITHIN: Final = 30.0
#: `Holder.where` of a run that was moved to another store.
MOVED: Final = "moved"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a run.

    Attributes:
        what: The kind of request.
        data: Its data: for `say` the `text` and the `ways`, for an `event` its `name` and `data`, for `screen` the
            fields of the record `scene_set`, for all of them who asks (`by`).
        number: Its number in the store.
    """

    what: RequestKind
    data: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that drives a run.

    Attributes:
        host: The name of its host, with its PID namespace.
        pid: Its process id there.
        started: When it was started, since process ids are reused: in seconds since the machine started, or since
            the epoch if that is all that is known; for comparison only.
        where: The boot and the PID namespace in which its process id is valid; "" when unknown. Two hosts of one name
            differ in it.
        lease: For how many more seconds it has the run, by the store's clock, when this was read; negative once it
            has not, None without a lease.
    """

    host: str
    pid: int
    started: float
    where: str = ""
    lease: float | None = field(default=None, compare=False)

    @property
    def has_moved(self) -> bool:
        """Whether the run is in another store now, called `host`; then no process drives it here."""
        return self.where == MOVED


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as last written, with its metadata.

    Attributes:
        run: The snapshot.
        agent: The agent it is for; "" when unknown.
        flow_file: The file that the flow was read from.
        flow_text: The flow when the run began.
        epoch: How many times the run was claimed.
        holder: The process that drives it, or drove it and died; None when it was released.
        created: When it began.
        updated: When it was last written.
        figures: The figures of its journal up to some record; later records are still to be counted.
        submitted: Whether it was submitted, so that workers drive it.
    """

    run: Run
    agent: str
    flow_file: str
    flow_text: str
    epoch: int
    holder: Holder | None
    created: float
    updated: float
    figures: Figures = field(default_factory=Figures, compare=False)
    submitted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one line, without its snapshot.

    Attributes:
        gates: How many of its questions are open and not answered.
        holder: The process that drives it, or drove it and died; None when it was released.
        flow_file: The file that the flow was read from.
        rehearsal: The folder of its rehearsal; "" when it is for the real platform.
        submitted: Whether it was submitted, so that workers drive it.
        damage: The part that cannot be read. The other fields hold what is known, and no process counts as driving it.
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
    submitted: bool = False
    damage: str = ""


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A gate and the run it belongs to.

    Attributes:
        damage: Why the question cannot be read; then only the gate's name is known.
    """

    run: str
    flow: str
    gate: Gate
    damage: str = ""


class RunStore(Protocol):
    """Stores a run: its snapshot and its append-only journal, in one transaction."""

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the run and the new records; all of it or nothing.

        Raises:
            StoreError: It cannot be written.
            Fenced: Another process has claimed the run.
            AnswerWaiting: The run no longer holds a gate that has an answer which the run has not taken. Nothing was
                written: take the answer first, then step again.
        """


class Listener(Protocol):
    """Receives every record after it was written."""

    def on_record(self, record: Record) -> None:
        """Receive a record; must not fail."""


class Inbox(Protocol):
    """Requests and answers from other processes to one run."""

    def requests(self, *, fresh: bool = False) -> list[Request]:
        """The requests to the run, oldest first, each once per claim; cheap enough to call often.

        Unless `fresh`, the store may rely on notifications of changes, which can be seconds late.

        A request that is not done when the run's process dies goes to the next process. A stop is done once a record
        `stop_requested` is written, any other once there is a record with its number as `request`.

        Raises:
            StoreError: The store cannot be read.
            Fenced: Another process has claimed the run.
        """

    def answers(self, *, fresh: bool = False) -> Mapping[str, Answer]:
        """Answers to the gates in the stored snapshot, by the gate's id; cheap enough to call often.

        An answer in time must not lose to the gate's timer: ask for fresh ones when the timer is due, before acting on
        it. Later answers are refused.

        Raises:
            StoreError: The store cannot be read.
        """

    def write_error(self, *, once: bool = False) -> StoreError | None:
        """The error that keeps the last write in memory, if its consequences have to wait until it is stored.

        Args:
            once: Whether the consequences must not happen twice. Then they wait even on air.
        """

    def on_news(self, wake: Callable[[], None]) -> bool:
        """Have a function called, in any thread, when there may be requests or answers; false if the store cannot."""

    def look_within(self) -> float:
        """Seconds within which to look again even without news, since the run may be lost."""

    def troubles(self) -> list[str]:
        """Trouble with the store since the last call, in sentences for people."""


class Claim(RunStore, Inbox, Protocol):
    """The right to write one run, until another process claims it."""

    @property
    def epoch(self) -> int:
        """How many times the run has been claimed, including this time; grows with each claim."""

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and store a new text of the run's flow in the same transaction.

        Raises:
            StoreError: It cannot be written.
            Fenced: Another process has claimed the run.
            AnswerWaiting: As for `write`.
        """

    def hold(self, account: Identity) -> None:
        """Hold an account for the run on all hosts that share the store, until it is released or its lease runs out.

        Raises:
            AccountInUse: Another run streams as the account.
            StoreError: It cannot be written.
        """

    def release(self) -> None:
        """Release the run, so that any process may claim it; may be called more than once.

        Raises:
            StoreError: It cannot be written.
        """


class ReadableRuns(Protocol):
    """All runs, for reading. Every call raises `StoreError` when the store cannot be read."""

    def load(self, run: str) -> Stored:
        """A run as last written.

        Raises:
            RunUnknown: There is no run with this id.
            Damaged: Its stored data cannot be read.
        """

    def find(self, name: str) -> str:
        """Resolve an id, the name in it for the newest run of that name, a unique prefix, or `last` for the newest run.

        `last` knows only the runs of the agent for whom the store was opened; of one name, its runs come first.

        Raises:
            RunUnknown: It matches no run, or more than one.
        """

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, newest first, filtered by phase, agent or flow when given; damaged ones are marked."""

    def journal(
        self,
        run: str,
        after: int = 0,
        before: int | None = None,
        *,
        last: int | None = None,
        events: Sequence[str] = (),
    ) -> list[tuple[int, Record]]:
        """The records of a run between two numbers, with their own (from 1); only those of some events if given.

        With `last`, only the last few of them. No record before the first that is returned is read.

        `record_damaged` stands in for a record that cannot be read.

        Raises:
            RunUnknown: There is no run with this id.
        """

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The open, unanswered gates, oldest first."""

    def close(self) -> None:
        """Close all connections, including those of claims. The claims are not released and can no longer be used."""


class Runs(ReadableRuns, Protocol):
    """All runs. Every call raises `StoreError` when the store cannot be read or written."""

    def create(
        self, run: Run, *, agent: str, flow_file: str, flow_text: str, holder: Holder, account: Identity = NOBODY
    ) -> Claim:
        """Store a new run and claim it; it is listed under `agent` until its account has a name.

        Raises:
            StoreError: A run with this id exists.
            AccountInUse: Another run, on any host that shares the store, streams as the account.
        """

    def claim(
        self, run: str, holder: Holder, *, force: bool = False, account: Identity = NOBODY, epoch: int | None = None
    ) -> Claim:
        """Claim a run under a new epoch; its previous holder can no longer write.

        Args:
            run: Its id.
            holder: The new holder.
            force: Take it even from a process that is or may be alive.
            account: The account that it streams as.
            epoch: The epoch that it must still have; None for any.

        Raises:
            Fenced: It has another epoch.
            RunHeld: A living process holds it, or one on another host, whose state is unknown here.
            RunUnknown: There is no run with this id.
            AccountInUse: Another run, on any host that shares the store, streams as the account.
        """

    def request(self, run: str, what: RequestKind, data: Mapping[str, Any] | None = None) -> int:
        """Send a request to the process that drives a run, with its data as plain JSON data; see `Request`.

        Returns:
            The number of the request.

        Raises:
            RunUnknown: There is no run with this id.
        """

    def answer(self, run: str, gate: str, answer: Answer) -> None:
        """Store an answer that is valid for the gate; the first one wins, also across processes.

        Its secret fields are kept until the run has recorded that it took the answer, then erased.

        Raises:
            AlreadyAnswered: It was answered before; says by whom, when and by which channel.
            GateUnknown: The gate was never asked, has expired, or is closed.
        """

    def owing(self) -> list[str]:
        """The ended runs that were released and still owe undos."""

    def prune(self, before: float, *, dry_run: bool = False) -> list[str]:
        """Delete ended runs that were last written before a time, with their journals; returns their ids.

        A run stays if a process still drives it, such as one that signs off, if it still owes undos, if a newer program
        wrote it, or if its data is too damaged to tell whether it has ended.

        Args:
            before: The time.
            dry_run: Whether to delete nothing, and only return the ids.
        """

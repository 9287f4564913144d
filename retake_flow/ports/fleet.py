"""The fleet: what is known of runs that any host may drive, and of the hosts that do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from retake_flow.quick_dataclasses import dataclass, field

#: What happens to the runs of a host that is drained: other hosts continue them, or they end cleanly.
Drain = Literal["", "hand-over", "end"]

#: Why a run needs a process: it is new; its last process handed it over, failed, or lost its lease; or it was parked
#: until a person answered or a timer was due.
Why = Literal["submitted", "handover", "exit", "expired", "answer"]

#: The cost of a run that names none, in cores.
USUAL_COST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run needs of the host that drives it.

    Attributes:
        agent: The agent whose credentials the host has; "" for a run that any host can drive.
        cost: How much of a host's capacity it takes, in cores.
        labels: What the host has, such as `nvenc`.
        priority: Among the runs that wait, the one with the smallest number comes first.
        not_before: When it may start, in seconds since the epoch.
    """

    agent: str = ""
    cost: float = USUAL_COST
    labels: tuple[str, ...] = ()
    priority: int = 0
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """A run that any host may drive.

    Attributes:
        run: Its id.
        demand: What it needs of a host; `not_before` also says when it is tried again after a failure.
        waits: Whether it waits for a host: it is not driven, and has something to do.
        host: The host that drives it or is about to; "" when it has none.
        epoch: The epoch of the run when it was given to that host.
        failures: When its drivers failed, in seconds since the epoch, the newest last.
        failed_on: The hosts on which they did, in the same order; "" where the host is not to blame.
        trouble: Why it failed last, in words for a person.
        held: Since when it is no longer tried, in seconds since the epoch; None while it is.
        since: When the run was last written, in seconds since the epoch; 0 when that was not read.
    """

    run: str
    demand: Demand
    waits: bool = False
    host: str = ""
    epoch: int = 0
    failures: tuple[float, ...] = ()
    failed_on: tuple[str, ...] = ()
    trouble: str = ""
    held: float | None = None
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Host:
    """A host, as its worker last described it.

    Attributes:
        id: Its name, unique in the store.
        place: The boot and the PID namespace in which the process id of its worker is valid.
        pid: The process id of its worker.
        started: When that process started; see `runs.Holder`.
        version: The version of retake-flow there.
        capacity: How much it can drive at a time, in cores.
        labels: What it has.
        agents: The agents whose credentials it has; None when they do not say whose they are.
        accepts: Whether it takes runs.
        draining: What happens to its runs since it is drained; "" when it is not.
        used: What its runs cost together.
        runs: How many it has.
        age: Seconds since its worker was last seen.
        away: Whether that is too long ago, so that it gets no runs.
    """

    id: str
    place: str
    pid: int
    started: float
    version: str
    capacity: float
    labels: tuple[str, ...] = ()
    agents: tuple[str, ...] | None = None
    accepts: bool = True
    draining: Drain = ""
    used: float = 0.0
    runs: int = 0
    age: float = 0.0
    away: bool = False

    @property
    def takes_runs(self) -> bool:
        """Whether it can be given runs now."""
        return self.accepts and not (self.away or self.draining)


@dataclass(frozen=True, slots=True)
class Placed:
    """A run that was given to a host, and is not driven yet.

    Attributes:
        run: Its id.
        epoch: The epoch that it has until a process claims it.
        host: The host.
        agent: The agent that it is for; "" when any host can drive it.
        priority: That of its demand.
        since: Since when it waits, in seconds since the epoch; None when that is not known.
        why: Why it needs a process.
    """

    run: str
    epoch: int
    host: str
    agent: str = ""
    priority: int = 0
    since: float | None = field(default=None, compare=False)
    why: Why = field(default="submitted", compare=False)

    @property
    def job(self) -> str:
        """The id of this work in the queue, which is never used twice."""
        return f"{self.run}/{self.epoch}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """The result of a look for waiting runs.

    Attributes:
        placed: The runs that were given to hosts.
        held: The jobs that are held from now on, because their drivers failed too often.
        lease_ends: Seconds until the next lease of a driver ends, unless it is renewed; None without one.
    """

    placed: Sequence[Placed] = ()
    held: Sequence[Job] = ()
    lease_ends: float | None = field(default=None, compare=False)


#: Chooses the host for a job among those that have room now; None when none fits.
Choose = Callable[[Job, Sequence[Host]], Host | None]

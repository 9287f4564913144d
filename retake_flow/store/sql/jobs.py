"""Job rows: submitted runs, and which host has each of them.

A job keeps the epoch that its run had when it was given to a host. The host has the run as long as the run has that
epoch, or the next one, which is that of the driver's claim. So the rows of a host say what it has, no matter which
worker started the drivers, and a stale order drives nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)

from retake_flow.backoff import Backoff
from retake_flow.errors import Damaged
from retake_flow.ports.fleet import Demand, Job, Placed
from retake_flow.ports.runs import Holder
from retake_flow.run.run import Phase
from retake_flow.store import columns
from retake_flow.store.decoding import parse_object
from retake_flow.store.sql import rows
from retake_flow.store.sql.tables import GATES, HOLDER, JOBS, REQUESTS, RUNS, SNAPSHOTS, StoreClock

#: The columns of `jobs`, in the order of `job_of`.
JOB: Final = (
    *("run", "agent", "cost", "labels", "priority", "not_before"),
    *("failures", "failed_on", "trouble", "held", "host", "epoch"),
)
_COLUMNS = tuple(JOBS.c[name] for name in JOB)
_ANSWERED = exists().where(GATES.c.run == RUNS.c.id, GATES.c.closed.is_(None), GATES.c.answered.is_not(None))
_ASKED = exists().where(REQUESTS.c.run == RUNS.c.id, REQUESTS.c.what.in_(("stop", "kill")))
_SUSPENDED = RUNS.c.phase == Phase.SUSPENDED.value
#: Whether a run has something to do, so that a process has to drive it.
HAS_WORK = RUNS.c.outcome.is_(None) & or_(~_SUSPENDED, RUNS.c.due <= StoreClock(), _ANSWERED, _ASKED)
#: Whether the host of a job drives its run, or is about to.
_GIVEN = (RUNS.c.epoch == JOBS.c.epoch) & RUNS.c.holder_host.is_(None)
_DRIVEN = (RUNS.c.epoch == JOBS.c.epoch + 1) & RUNS.c.holder_host.is_not(None)
#: Whether the run has ended, and was given to a host to do what its last process left undone.
_TO_END = RUNS.c.outcome.is_not(None) & JOBS.c.host.is_not(None) & _GIVEN
#: A place in the order in which jobs get a host: the priority, when the run was created, and its id.
Place = tuple[int, float, str]
#: The failure of a run whose process is gone without a known reason.
DIED = "the process that drove it has died"
_PAGE = 2_000  # jobs that are read at a time


def demand_columns(demand: Demand) -> dict[str, Any]:
    """The columns of a demand; a job with new ones starts anew."""
    return {
        "agent": columns.storable(demand.agent),
        "cost": demand.cost,
        "labels": rows.as_json(sorted(demand.labels)),
        "priority": demand.priority,
        "not_before": demand.not_before,
        "failures": "[]",
        "failed_on": "",
        "trouble": "",
        "held": None,
    }


def every(connection: Connection) -> list[Job]:
    """All jobs of runs that have not ended, those that wait first."""
    waits = (HAS_WORK & RUNS.c.holder_host.is_(None)).label("waits")
    query = _jobs(RUNS.c.updated, waits).where(RUNS.c.outcome.is_(None) | RUNS.c.holder_host.is_not(None))
    found = connection.execute(query.order_by(waits.desc(), JOBS.c.priority, RUNS.c.created, RUNS.c.id)).all()
    return [replace(job_of(row[:-2], waits=bool(row[-1])), since=row[-2]) for row in found]


def _jobs(*more: Any) -> Select[Any]:
    return select(*_COLUMNS, *more).join(RUNS, RUNS.c.id == JOBS.c.run)


def now(connection: Connection) -> float:
    """The time by the clock of the database, in seconds since the epoch."""
    return float(connection.scalars(select(StoreClock())).one())


def lease_ends(connection: Connection) -> float | None:
    """Seconds until the next lease of a driver ends, unless it is renewed; None without one."""
    query = select(func.min(RUNS.c.lease_until) - StoreClock()).join(JOBS, JOBS.c.run == RUNS.c.id)
    left = connection.scalar(query.where(RUNS.c.lease_until > StoreClock()))
    return None if left is None else float(left)


def tidy(connection: Connection) -> None:
    """Delete the jobs of runs that have ended and owe nothing, and take from the hosts what they no longer have."""
    over = RUNS.c.outcome.is_not(None) & RUNS.c.holder_host.is_(None) & ~_TO_END
    for run in connection.scalars(select(JOBS.c.run).join(RUNS, RUNS.c.id == JOBS.c.run).where(over)).all():
        if not owes_undos(connection, run):
            connection.execute(delete(JOBS).where(JOBS.c.run == run))
    theirs = exists().where(RUNS.c.id == JOBS.c.run, or_(_GIVEN, _DRIVEN))
    connection.execute(update(JOBS).where(JOBS.c.host.is_not(None), ~theirs).values(host=None))


def owes_undos(connection: Connection, run: str) -> bool:
    """Whether a run that has ended still owes undos; false when its snapshot cannot be read."""
    data = connection.scalar(select(SNAPSHOTS.c.data).where(SNAPSHOTS.c.run == run))
    try:
        return bool(parse_object(data or "")["undoing"])
    except (Damaged, KeyError):
        return False


class Waiting:
    """A job that waits for a host, and the state in which its run was found.

    Attributes:
        job: The job; held when it or the run cannot be read.
        place: Its place in the order in which jobs get a host.
        epoch: The epoch of the run.
        holder: The process that drove it and has died; None when it was released.
    """

    def __init__(self, row: Any) -> None:
        *job, created, self.epoch, self._lease_until = row[: len(_COLUMNS) + 3]
        self.job = job_of(job, waits=True)
        self.place = (row.priority, created, row.run)
        self.holder: Holder | None = None
        try:
            self.holder = columns.holder(*row[len(_COLUMNS) + 3 :])
        except Damaged as error:
            self.job = replace(self.job, held=0.0, trouble=f"the run is damaged: {error.message}")

    def take(self, connection: Connection, **values: Any) -> bool:
        """Change the run, if it is still as it was found; returns whether it was."""
        same = RUNS.c.lease_until.is_(None) if self._lease_until is None else RUNS.c.lease_until == self._lease_until
        ours = and_(RUNS.c.id == self.job.run, RUNS.c.epoch == self.epoch, same)
        taken = bool(connection.execute(update(RUNS).where(ours).values(rows.holder_columns(None) | values)).rowcount)
        self._lease_until = None
        return taken

    def give(self, connection: Connection, host: str) -> bool:
        """Give the run to a host; the previous host can no longer write. Returns whether it could be given."""
        if not self.take(connection, epoch=self.epoch + 1):
            return False
        self.epoch += 1
        given = update(JOBS).where(JOBS.c.run == self.job.run).values(host=host, epoch=self.epoch)
        connection.execute(given)
        return True


def waiting(
    connection: Connection, where: str | None, alive: Callable[[Holder], bool], after: Place | None
) -> Iterator[Waiting]:
    """The jobs that wait for a host, in the order in which they get one, and those whose drivers have died.

    Args:
        connection: The connection of the transaction.
        where: The place whose process ids are valid here; None when `alive` knows about all.
        alive: Tells whether the process that holds a run is alive.
        after: The place of the one before the first; None for all.
    """
    near = true() if where is None else RUNS.c.holder_where == where
    loose = or_(RUNS.c.holder_host.is_(None), RUNS.c.lease_until <= StoreClock(), near)
    due = and_(JOBS.c.held.is_(None), JOBS.c.not_before <= StoreClock())
    work = or_(HAS_WORK, RUNS.c.outcome.is_not(None))  # `tidy` leaves no job of a run that is over
    order = (JOBS.c.priority, RUNS.c.created, RUNS.c.id)
    query = _jobs(RUNS.c.created, RUNS.c.epoch, RUNS.c.lease_until, *HOLDER).where(due, loose, work)
    while True:
        page = query if after is None else query.where(tuple_(*order) > tuple_(*after))
        found = [Waiting(row) for row in connection.execute(page.order_by(*order).limit(_PAGE)).all()]
        yield from (each for each in found if each.holder is None or not (each.holder.has_moved or alive(each.holder)))
        if len(found) < _PAGE:
            return
        after = found[-1].place


def hold(connection: Connection, job: Job) -> Job:
    """Hold a job that cannot be read, so that it is not tried again; returns the job as it is now."""
    held = now(connection)
    connection.execute(
        update(JOBS).where(JOBS.c.run == job.run).values(held=held, trouble=columns.storable(job.trouble))
    )
    return replace(job, held=held)


def fail(connection: Connection, job: Job, trouble: str, on: str) -> Job:
    """Note that the driver of a run has failed, and return the job as it is now."""
    at = now(connection)
    failed = count_failures(job.failures, at)
    wait = wait_after(failed)
    changed: dict[str, Any] = {
        "failures": json.dumps(failed),
        "failed_on": rows.as_json((*job.failed_on, on)[-len(failed) :]),
        "trouble": columns.storable(trouble),
        "host": None,
    }
    changed |= {"held": at} if wait is None else {"not_before": at + wait}
    connection.execute(update(JOBS).where(JOBS.c.run == job.run).values(changed))
    return job_of_run(connection, job.run) or job


def job_of_run(connection: Connection, run: str) -> Job | None:
    """The job of a run; None when it has none."""
    row = connection.execute(_jobs().where(JOBS.c.run == run)).one_or_none()
    return None if row is None else job_of(row)


def given_runs(connection: Connection, host: str) -> list[Placed]:
    """The runs that a host has and does not drive yet."""
    tried = (JOBS.c.not_before > RUNS.c.updated) & (JOBS.c.trouble != "")  # by a process that has written nothing since
    why = case(
        (tried, case((JOBS.c.trouble == DIED, "expired"), else_="exit")),
        (RUNS.c.phase == Phase.PENDING.value, "submitted"),
        (_SUSPENDED, "answer"),
        else_="handover",
    )
    answers = select(func.min(GATES.c.answered)).where(GATES.c.run == RUNS.c.id, GATES.c.closed.is_(None))
    since = case(
        (JOBS.c.not_before > RUNS.c.updated, JOBS.c.not_before),
        (_SUSPENDED, func.coalesce(answers.scalar_subquery(), RUNS.c.due)),
        else_=RUNS.c.updated,
    )
    columns = JOBS.c.run, JOBS.c.epoch, JOBS.c.agent, JOBS.c.priority, since, why
    query = select(*columns).join(RUNS, RUNS.c.id == JOBS.c.run).where(JOBS.c.host == host, _GIVEN)
    query = query.order_by(JOBS.c.priority, RUNS.c.created, RUNS.c.id)
    return [Placed(run, epoch, host, *more) for run, epoch, *more in connection.execute(query)]


def driven_runs(connection: Connection, host: str) -> dict[str, int]:
    """The runs that the processes of a host drive, each with the id of its process."""
    query = select(JOBS.c.run, RUNS.c.holder_pid).join(RUNS, RUNS.c.id == JOBS.c.run)
    found = connection.execute(query.where(JOBS.c.host == host, _DRIVEN).order_by(JOBS.c.run))
    return {row.run: row.holder_pid for row in found}


def usage_by_host(connection: Connection) -> dict[str, tuple[float, int]]:
    """What the runs of each host cost, and how many they are."""
    query = select(JOBS.c.host, func.sum(JOBS.c.cost), func.count()).join(RUNS, RUNS.c.id == JOBS.c.run)
    query = query.where(JOBS.c.host.is_not(None), or_(_GIVEN, _DRIVEN, false())).group_by(JOBS.c.host)
    return {name: (float(cost), int(number)) for name, cost, number in connection.execute(query)}


def store(connection: Connection, run: str, demand: Demand) -> None:
    """Store the demand of a run, in place of an earlier one."""
    if not connection.execute(update(JOBS).where(JOBS.c.run == run).values(demand_columns(demand))).rowcount:
        connection.execute(insert(JOBS).values(run=run, **demand_columns(demand)))


#: A run is held after so many failures within so many seconds.
MOST: Final = 5
WITHIN: Final = 600.0

_AGAIN: Final = Backoff(1.0, cap=60.0)


def count_failures(earlier: Sequence[float], now: float) -> tuple[float, ...]:
    """The failures that count, with one that happens now."""
    return (*(at for at in earlier if now - WITHIN < at <= now), now)


def wait_after(failures: Sequence[float]) -> float | None:
    """Seconds until a run is tried again after these failures; None when it is held.

    After the first there is no wait, since viewers are looking at a frozen picture.
    """
    if len(failures) >= MOST:
        return None
    return 0.0 if len(failures) < 2 else _AGAIN.wait(len(failures) - 1)


def job_of(row: Sequence[Any], *, waits: bool = False) -> Job:
    """A job, from its columns in the order of `JOB`; one that cannot be read is held, and says why."""
    run, agent, cost, labels, priority, not_before, failures, failed_on, trouble, held, host, epoch = row
    try:
        demand = Demand(agent, float(cost), tuple(json.loads(labels)), int(priority), float(not_before))
        failed = tuple(float(at) for at in json.loads(failures))
        return Job(run, demand, waits, host or "", int(epoch), failed, _hosts(failed_on), trouble, held)
    except (TypeError, ValueError) as error:
        trouble = f"what it needs of a host is damaged ({error}); `retake-flow submit --run` replaces it"
        demand = Demand(agent if isinstance(agent, str) else "")
        since = held if isinstance(held, float) else 0.0
        return Job(run, demand, waits, host or "", epoch if type(epoch) is int else 0, trouble=trouble, held=since)


def _hosts(text: str) -> tuple[str, ...]:
    """The hosts on which a run failed; an older program has written only the last of them."""
    if not text.startswith("["):
        return (text,) if text else ()
    return tuple(str(name) for name in json.loads(text))

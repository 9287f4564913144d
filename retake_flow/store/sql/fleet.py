"""Fleet store: runs that any host may drive, and the hosts, in a database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from sqlalchemy import Connection, delete, insert, select, update

from retake_flow import process_place
from retake_flow.ports.fleet import Choose, Demand, Drain, Host, Job, Placed, Sweep
from retake_flow.run.errors import HostTaken, HostUnknown, RunEnded, RunMoved
from retake_flow.run.run import Run
from retake_flow.store import columns
from retake_flow.store.lease import SURE
from retake_flow.store.sql import jobs, rows
from retake_flow.store.sql.jobs import Waiting
from retake_flow.store.sql.runs import SqlRuns
from retake_flow.store.sql.tables import HOLDER, HOSTS, JOBS, RUNS, StoreClock

#: The columns of `hosts`, in the order of `_host_of`.
_HOST: Final = ("id", "place", "pid", "started", "version", "capacity", "labels", "agents", "accepts", "draining")
#: A host that was not seen for so many seconds is given nothing, unless the lease is shorter.
_AWAY_AFTER: Final = 8.0
_HOSTS = select(*(HOSTS.c[name] for name in _HOST), (StoreClock() - HOSTS.c.seen).label("age"))
#: Seconds for which a sweep gives runs to hosts. A longer transaction would be given up as one that hangs, and after
#: the loss of a rack every sweep would be longer.
SWEEPS_FOR = 1.0


class SqlFleet:
    """Runs that any host may drive, in a database. Every call raises `StoreError` when that cannot be used.

    Args:
        runs: The runs.
        shared: Whether other hosts use the database, so that their processes are judged by their leases alone.
    """

    def __init__(self, runs: SqlRuns, *, shared: bool) -> None:
        self.runs = runs
        self._database, self._alive, self._lease = runs.database, runs.alive, runs.lease
        self._shared = shared
        self._after: jobs.Place | None = None  # where the next sweep goes on

    def submit(self, run: Run, *, agent: str, flow_file: str, flow_text: str, demand: Demand) -> None:
        """Store a run that has not started, for any host to drive; a StoreError when there is one with its id."""
        with self._database.writing() as connection:
            self.runs.insert(connection, run, agent=agent, flow_file=flow_file, flow_text=flow_text)
            jobs.store(connection, run.id, demand)

    def want(self, run: str, demand: Demand) -> None:
        """Have a stored run driven by any host; one that is held is tried again.

        Raises:
            RunUnknown: There is no run with this id.
            RunEnded: It has ended, and nothing of it is left to undo.
            RunMoved: It was moved to another store.
        """
        stored = self.runs.load(run)
        if stored.run.has_ended and not stored.run.undoing:
            raise RunEnded(f"{run} has ended: {stored.run.outcome} in {stored.run.state or 'no state'}")
        if stored.holder is not None and stored.holder.has_moved:
            raise RunMoved(run, stored.holder.host)
        # A program from before there were hosts did not store when the next timer is due.
        same = (RUNS.c.id == run) & (RUNS.c.updated == stored.updated)
        with self._database.writing() as connection:
            connection.execute(update(RUNS).where(same).values(due=rows.due(stored.run)))
            jobs.store(connection, run, demand)

    def jobs(self) -> list[Job]:
        """The submitted runs that have not ended: those that wait first, in the order in which they get a host."""
        with self._database.reading() as connection:
            return jobs.every(connection)

    def hosts(self) -> list[Host]:
        """All hosts, by name."""
        with self._database.reading() as connection:
            return self._hosts(connection)

    def _hosts(self, connection: Connection) -> list[Host]:
        used = jobs.usage_by_host(connection)
        found = []
        for row in connection.execute(_HOSTS.order_by(HOSTS.c.id)).all():
            cost, number = used.get(row.id, (0.0, 0))
            found.append(_host_of(row[:-1], used=cost, runs=number, age=row.age, lease=self._lease))
        return found

    def beat(self, host: Host) -> Drain:
        """Describe this process's host, and learn whether it is drained.

        Raises:
            HostTaken: Another living process is the worker of this host.
        """
        about = {
            **{name: getattr(host, name) for name in ("place", "pid", "started", "version", "capacity")},
            "labels": rows.as_json(sorted(host.labels)),
            "agents": None if host.agents is None else rows.as_json(sorted(host.agents)),
            "accepts": int(host.accepts),
            "seen": StoreClock(),
        }
        ours = (HOSTS.c.id == host.id) & (HOSTS.c.place == host.place) & (HOSTS.c.pid == host.pid)
        with self._database.writing() as connection:
            draining = connection.scalars(update(HOSTS).where(ours).values(about).returning(HOSTS.c.draining)).first()
            if draining is not None:
                return draining  # type: ignore[no-any-return]  # a text of the table
            draining = self._settle_in(connection, host)
            connection.execute(insert(HOSTS).values(id=host.id, draining=draining, **about))
        return draining

    def _settle_in(self, connection: Connection, host: Host) -> Drain:
        """Remove the row of an earlier worker of a host, if that is gone; returns its unfinished drain."""
        row = connection.execute(_HOSTS.where(HOSTS.c.id == host.id)).one_or_none()
        if row is None:
            return ""
        near = row.place == process_place.where()
        gone = not process_place.runs(row.pid, row.started) if near else row.age > away_after(self._lease)
        if not gone:
            raise HostTaken(host.id, row.pid, near=near)
        return connection.scalars(delete(HOSTS).where(HOSTS.c.id == host.id).returning(HOSTS.c.draining)).one()  # type: ignore[no-any-return]  # a text of the table

    def leave(self, host: str) -> None:
        """Remove a host."""
        with self._database.writing() as connection:
            connection.execute(delete(HOSTS).where(HOSTS.c.id == host))

    def drain(self, host: str, how: Drain) -> None:
        """Have a host take nothing more and give up its runs; "" lets it take runs again.

        Raises:
            HostUnknown: There is no host of this name.
        """
        with self._database.writing() as connection:
            if not connection.execute(
                update(HOSTS).where(HOSTS.c.id == columns.storable(host)).values(draining=how)
            ).rowcount:
                known = list(connection.scalars(select(HOSTS.c.id).order_by(HOSTS.c.id)))
                raise HostUnknown(host, known)

    def place(self, choose: Choose) -> Sweep:
        """Give the runs that wait to hosts; nothing while another process does it."""
        placed, held = list[Placed](), list[Job]()
        with self._database.writing() as connection:
            if not self._database.alone_now(connection):
                return Sweep()
            jobs.tidy(connection)
            hosts = {host.id: host for host in self._hosts(connection)}
            where, until = process_place.where() if self._shared else None, time.monotonic() + SWEEPS_FOR
            after = self._after
            for each in jobs.waiting(connection, where, self._alive, after):
                if time.monotonic() >= until:
                    break  # the next sweep goes on
                after = each.place
                if each.job.held is not None:
                    each.job = jobs.hold(connection, each.job)
                elif not self._begins_already(each, hosts):
                    placed += self._give(connection, each, hosts, choose)
                held += [each.job] if each.job.held is not None else []
            else:
                after = None
            lease_ends = jobs.lease_ends(connection)
        self._after = after
        return Sweep(placed, held, lease_ends)

    def _give(self, connection: Connection, each: Waiting, hosts: dict[str, Host], choose: Choose) -> Iterator[Placed]:
        """Give a run to a host, if one fits and it has not to wait."""
        if each.holder is not None and not self._is_due_again(connection, each):
            return
        free = [host for host in hosts.values() if host.takes_runs]
        host = choose(each.job, free)
        if host is not None and each.give(connection, host.id):
            demand = each.job.demand
            hosts[host.id] = replace(host, used=host.used + demand.cost, runs=host.runs + 1)
            yield Placed(each.job.run, each.epoch, host.id, demand.agent, demand.priority)

    @staticmethod
    def _begins_already(each: Waiting, hosts: Mapping[str, Host]) -> bool:
        """Whether a host has the run already, and is about to drive it."""
        has = hosts.get(each.job.host)
        return each.holder is None and has is not None and not has.away

    @staticmethod
    def _is_due_again(connection: Connection, each: Waiting) -> bool:
        """Take a run from a driver that has died, and note that; returns whether it gets a host at once.

        With the next epoch, a driver that was only frozen can no longer write, and its worker counts no second failure.
        """
        if not each.take(connection, epoch=each.epoch + 1):
            return False
        each.epoch += 1
        # Its host may have died with it, so this is no reason to avoid that one.
        each.job = jobs.fail(connection, each.job, jobs.DIED, "")
        return each.job.held is None and each.job.demand.not_before <= jobs.now(connection)

    def placed_runs(self, host: str) -> list[Placed]:
        """The runs that a host was given and does not drive yet, in the order in which it should start them."""
        with self._database.reading() as connection:
            return jobs.given_runs(connection, host)

    def driven_runs(self, host: str) -> dict[str, int]:
        """The runs that the processes of a host drive, each with the id of its process."""
        with self._database.reading() as connection:
            return jobs.driven_runs(connection, host)

    def give_back(self, placed: Placed, failure: str = "", *, after: float = 0.0) -> Job | None:
        """Take a run from its host, once the process that was to drive it has ended, or never began.

        Args:
            placed: The run, as it was given to the host.
            failure: Why the process failed, or why the run has to wait; "" for neither.
            after: Seconds until the run may get a host again, when that is known; then it is no failure.

        Returns:
            The job, if it is held from now on.
        """
        ours = RUNS.c.id == placed.run
        with self._database.writing() as connection:
            job = jobs.job_of_run(connection, placed.run)
            row = connection.execute(select(RUNS.c.epoch, RUNS.c.outcome, *HOLDER).where(ours)).one_or_none()
            if job is None or row is None or not 0 <= row.epoch - placed.epoch <= 1 or job.epoch != placed.epoch:
                return None
            holder = columns.holder(*row[2:])
            if holder is not None:
                if self._alive(holder):
                    return None
                freed = rows.holder_columns(None) | {"epoch": row.epoch + 1}
                connection.execute(update(RUNS).where(ours, RUNS.c.epoch == row.epoch).values(freed))
            undone = row.outcome is None or holder is not None or jobs.owes_undos(connection, placed.run)
            if failure and not after and undone:
                failed = jobs.fail(connection, job, failure, placed.host)
                return failed if failed.held is not None else None
            changed: dict[str, Any] = {"host": None}
            changed |= (
                {"not_before": jobs.now(connection) + after, "trouble": columns.storable(failure)} if after else {}
            )
            connection.execute(update(JOBS).where(JOBS.c.run == placed.run).values(changed))
        return None

    def close(self) -> None:
        """Close all connections."""
        self.runs.close()


def away_after(lease: float) -> float:
    """Seconds after which a host that was not seen counts as away."""
    return min(_AWAY_AFTER, lease * SURE)


def _host_of(row: Sequence[Any], *, used: float, runs: int, age: float, lease: float) -> Host:
    """A host, from its columns in the order of `_HOST`; one that cannot be read counts as away.

    Args:
        row: The columns.
        used: What its runs cost.
        runs: How many it has.
        age: Seconds since it was last seen.
        lease: For how long claims last in this store, in seconds.
    """
    name, place, pid, started, version, capacity, labels, agents, accepts, draining = row
    try:
        known = None if agents is None else tuple(json.loads(agents))
        about = (name, place, int(pid), float(started), version, float(capacity), tuple(json.loads(labels)), known)
    except (TypeError, ValueError) as error:
        version = columns.as_text(f"damaged: {error}")
        return Host(name, "", 0, 0.0, version, 0.0, accepts=False, used=used, runs=runs, age=age, away=True)
    away = age > away_after(lease)
    return Host(*about, bool(accepts), cast("Drain", draining), used, runs, age, away)

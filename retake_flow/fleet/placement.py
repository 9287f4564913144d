"""Placement: which host drives a run, and why a run waits for one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from retake_flow.flow.duration import words
from retake_flow.ports.fleet import Host, Job

if TYPE_CHECKING:  # it imports SQLAlchemy
    from retake_flow.store.sql.fleet import SqlFleet

#: Cores by which what is used may exceed the capacity: sums of costs are not exact.
_ROUNDING = 1e-9


def choose(job: Job, hosts: Sequence[Host]) -> Host | None:
    """The host that drives a run: of those that fit, the one with the largest free share; None when none fits.

    Hosts on which the run has failed come last, the more often the later.

    Args:
        job: The run.
        hosts: Those that take runs now.
    """
    fitting = [host for host in hosts if not mismatch(job, host) and has_room(job, host)]
    return max(fitting, key=lambda host: (-job.failed_on.count(host.id), _free_share(host), host.id), default=None)


def has_room(job: Job, host: Host) -> bool:
    """Whether a host has enough capacity left for a run."""
    return host.used + job.demand.cost <= host.capacity + _ROUNDING


def mismatch(job: Job, host: Host) -> str:
    """Why a host can never drive a run as it is, in words after its name; "" when it can."""
    demand = job.demand
    if missing := [label for label in demand.labels if label not in host.labels]:
        return f"has no label {', '.join(missing)}"
    if demand.agent and host.agents is not None and demand.agent not in host.agents:
        return f"has no credentials of {demand.agent}"
    if demand.cost > host.capacity + _ROUNDING:
        return f"has a capacity of {host.capacity:g}"
    return ""


def reason(job: Job, hosts: Iterable[Host], now: float) -> str:
    """Why a run that waits has no host, in one sentence.

    Args:
        job: The run.
        hosts: All hosts.
        now: Seconds since the epoch.
    """
    if job.held is not None:
        after = f" after {len(job.failures)} failures" if job.failures else ""
        where = f" ({output(job)})" if output(job) else ""
        return f"held{after}: {job.trouble}{where}"
    if job.demand.not_before > now:
        left = words(job.demand.not_before - now)
        return f"tried again in {left}: {job.trouble}" if job.trouble else f"starts in {left}"
    if job.host:
        return f"starts on {job.host}"
    there = [host for host in hosts if not host.away]
    if not there:
        return "no worker runs"
    taking = [host for host in there if host.takes_runs]
    if not taking:
        return "no host takes runs: they are drained, or their workers are not ready"
    misfits = {host.id: mismatch(job, host) for host in taking}
    if all(misfits.values()):
        return "no host fits: " + "; ".join(f"{name} {why}" for name, why in sorted(misfits.items())[:3])
    return f"no host has {job.demand.cost:g} cores free"


def waiting_reason(fleet: SqlFleet, run: str) -> str:
    """Why a run has to wait for a host; "" when one will take it in a moment."""
    hosts, now = fleet.hosts(), time.time()
    job = next((job for job in fleet.jobs() if job.run == run), None)
    free = [host for host in hosts if host.takes_runs]
    if job is None or (job.demand.not_before <= now and choose(job, free) is not None):
        return ""
    return reason(job, hosts, now)


def output(job: Job) -> str:
    """Where the output of the drivers of a run is that failed, in words; "" when no host is known."""
    hosts = ", ".join(dict.fromkeys(host for host in reversed(job.failed_on) if host))
    return f"see logs/{job.run}.log in the state folder on {hosts}" if hosts else ""


def left_over(host: str, jobs: Iterable[Job], hosts: Iterable[Host], now: float) -> dict[str, str]:
    """The runs of a host that wait when it gives them up, since no other host can take them, with why.

    Args:
        host: The host.
        jobs: All jobs.
        hosts: All hosts.
        now: Seconds since the epoch.
    """
    others = {each.id: each for each in hosts if each.id != host}
    left = {}
    for job in (replace(job, host="") for job in jobs if job.host == host):
        free = [each for each in others.values() if each.takes_runs]
        if (taker := choose(job, free)) is None:
            left[job.run] = reason(job, others.values(), now)
        else:
            others[taker.id] = replace(taker, used=taker.used + job.demand.cost)
    return left


def _free_share(host: Host) -> float:
    return (host.capacity - host.used) / host.capacity if host.capacity else 0.0

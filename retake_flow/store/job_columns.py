"""Columns of jobs and hosts, read with or without SQLAlchemy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from retake_flow.ports.fleet import Demand, Drain, Host, Job
from retake_flow.store import columns

#: The columns of `jobs`, in the order of `job`.
JOB: Final = (
    *("run", "agent", "cost", "labels", "priority", "not_before"),
    *("failures", "failed_on", "trouble", "held", "host", "epoch"),
)
#: The columns of `hosts`, in the order of `host`.
HOST: Final = (*("id", "place", "pid", "started", "version", "capacity", "labels", "agents", "accepts", "draining"),)

#: A host that was not seen for so many seconds is given nothing, unless the lease is shorter.
_AWAY_AFTER: Final = 8.0
_SURE: Final = 5 / 7  # as for the lease of a run


def away_after(lease: float) -> float:
    """Seconds after which a host that was not seen counts as away."""
    return min(_AWAY_AFTER, lease * _SURE)


def job(row: Sequence[Any], *, waits: bool = False) -> Job:
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


def host(row: Sequence[Any], *, used: float, runs: int, age: float, lease: float) -> Host:
    """A host, from its columns in the order of `HOST`; one that cannot be read counts as away.

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
        version = columns.shown(f"damaged: {error}")
        return Host(name, "", 0, 0.0, version, 0.0, accepts=False, used=used, runs=runs, age=age, away=True)
    away = age > away_after(lease)
    return Host(*about, bool(accepts), cast(Drain, draining), used, runs, age, away)

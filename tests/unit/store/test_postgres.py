"""What a server brings along that a file does not: it can be away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from store_samples import THEM, TWEET, World, a_run, asking, created, said

from retake_flow.errors import StoreAway
from retake_flow.ports.runs import Holder, Runs
from retake_flow.run.run import Phase
from retake_flow.store.opening import open_runs
from retake_flow.store.sql import postgresql
from retake_flow.store.sql.postgresql import BoundedConnection

Opener = Callable[[str], Runs]


def test_a_lost_connection_is_told_and_the_next_write_has_a_new_one(
    postgres: str, postgres_place: str, opened: Opener
) -> None:
    """When the server ends our connections, at most one call fails, as a whole, and everything after it goes on."""
    runs = opened(postgres_place)
    claim = created(runs)
    claim.write(a_run(state="b"), [said("x")])
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    try:
        claim.write(a_run(state="c"), [said("y")])
        state, events = "c", ["x", "y", "z"]  # it was noticed before
    except StoreAway:
        state, events = "b", ["x", "z"]
    assert runs.load("go-live-1").run.state == state
    claim.write(a_run(state="d"), [said("z")])
    assert runs.load("go-live-1").run.state == "d"
    assert [(n, record["event"]) for n, record in runs.journal("go-live-1")] == [*enumerate(events, 1)]


def test_a_macrostep_is_one_statement(postgres_place: str, opened: Opener) -> None:
    """Each more is a round trip, for which both sides wake; hundreds of runs share a server."""
    runs = opened(postgres_place)
    claim = created(runs)
    claim.write(a_run(state="b"), [said("x")])
    sent: list[str] = []
    event.listen(runs.database._engine, "before_cursor_execute", lambda *call: sent.append(call[2]))  # type: ignore[attr-defined]
    claim.write(a_run(state="c"), [said("y"), said("z")])
    assert len(sent) == 1
    sent.clear()
    claim.write(asking(TWEET), [said("gate_opened")])
    assert len(sent) == 3  # the row of the gate, in place of one of before
    assert [(n, record["event"]) for n, record in runs.journal("go-live-1")] == [
        *enumerate(["x", "y", "z", "gate_opened"], 1)
    ]


@pytest.mark.parametrize(
    ("looks", "shut_at", "driver"),
    [
        ((0.25, 1.0, 61.0, 61.75, 62.5, 63.25), 63.25, 0.0),  # the server may have been suspended with it
        (range(2, 40, 2), 10.0, 0.0),  # a starved machine, not one suspended again and again
        ((0.25, 3.0), 3.0, 2.5),  # the time is the driver's own
    ],
)
def test_a_suspended_machine_breaks_off_no_call(
    looks: Iterable[float], shut_at: float, driver: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that may have been suspended with it still gets its seconds to answer, but not for ever."""
    now, shut = [0.0], list[float]()
    monkeypatch.setattr(postgresql, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(BoundedConnection, "_shut", lambda _: shut.append(now[0]))

    def answer() -> Any:
        while not (yield None):
            now[0] += driver

    connection: Any = BoundedConnection.__new__(BoundedConnection)
    with connection.limit_calls(3.0):
        waiting = connection._within(answer())
        next(waiting)
        for now[0] in looks:
            waiting.send(0)
    assert shut[0] == shut_at


def test_a_run_that_is_claimed_meanwhile_is_not_pruned(postgres_place: str, world: World, opened: Opener) -> None:
    """Another process may claim one, free or left by a dead process, while prune judges the holders."""
    runs = opened(postgres_place)
    for name in ("free", "left"):
        claim = created(runs, a_run(name, phase=Phase.COMPLETED, outcome="completed"))
        if name == "free":
            claim.release()
    claimed: list[str] = []

    def alive(holder: Holder) -> bool:
        for name in () if claimed else ("free", "left"):
            claimed.append(name)
            runs.claim(name, THEM)
            world.living.add(THEM)
        return world.alive(holder)

    pruning = open_runs(postgres_place, alive=alive, now=world.now)
    with closing(pruning):
        assert (pruning.prune(99.0), claimed) == ([], ["free", "left"])
    assert sorted(each.id for each in runs.summaries()) == ["free", "left"]

"""A database server that is restarted, cut off or silent while runs go on: nothing is lost, doubled or held up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import postgres_server
import pytest
from cuttable_port import CuttablePort, leading_to
from flow_processes import waited
from store_samples import THEM, TWEET, US, a_run, an_answer, asking, created, said

from retake_flow.errors import StoreAway
from retake_flow.ports.runs import Runs
from retake_flow.run.errors import Fenced, LeaseExpired
from retake_flow.run.run import PendingUndo
from retake_flow.store import steadfast
from retake_flow.store.lease import Lease
from retake_flow.store.opening import open_runs
from retake_flow.store.sql import claim
from retake_flow.store.sql.postgresql import BoundedConnection
from retake_flow.store.steadfast import Steadfast

RUN = "go-live-1"
OWED = (PendingUndo("live", "live.session", "retake.stop_stream", {}),)
ON_AIR = a_run(undos=OWED)


@dataclass
class Lab:
    """A server behind a network that can be cut."""

    server: postgres_server.Server
    network: CuttablePort
    stores: list[Runs]

    def opened(self, lease: float = 35.0, *, direct: bool = False) -> Runs:
        """The store, behind the network or past it."""
        place = self.server.url if direct else self.server.over(self.network.port)
        self.stores.append(open_runs(place, alive=lambda holder: (holder.lease or 0.0) > 0, lease=lease))
        return self.stores[-1]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """It has a database of its own."""
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.a_server(programs) as server, leading_to(server.port) as network:
        lab = Lab(server, network, [])
        yield lab
        for runs in lab.stores:
            runs.close()


class Driver:
    """What a runner does to its claim: it looks several times a second, and writes a record each time."""

    def __init__(self, claim: Steadfast) -> None:
        self.claim = claim
        self.written = 0
        self.longest = 0.0  # seconds for which the loop was held up
        self.heard: list[str] = []
        self.troubles: list[str] = []

    async def until(self, wanted: Callable[[], object], within: float = 150.0) -> None:
        """Go on until something has happened."""
        deadline, before = time.monotonic() + within, time.monotonic()
        while not wanted():
            assert time.monotonic() < deadline, "it has not happened"
            self.heard += [request.what for request in self.claim.requests()]
            self.troubles += self.claim.troubles()
            self.claim.write(ON_AIR, [said(f"n{self.written}")])
            self.written += 1
            self.longest = max(self.longest, time.monotonic() - before)
            await asyncio.sleep(0.05)
            before = time.monotonic()

    async def for_(self, seconds: float) -> None:
        """Go on for some time."""
        end = time.monotonic() + seconds
        await self.until(lambda: time.monotonic() >= end)

    async def in_touch(self) -> None:
        """Go on until everything is stored."""
        await self.until(lambda: self.written and self.claim.write_error(once=True) is None)


def events(runs: Runs) -> list[str]:
    """The journal; its numbers have no gap."""
    journal = runs.journal(RUN)
    assert [number for number, _ in journal] == list(range(1, len(journal) + 1))
    return [record["event"] for _, record in journal]


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has held up the event loop: calls that were ended without an answer, and attempts to connect."""
    found: list[str] = []
    shut, connect = BoundedConnection._shut, BoundedConnection.connect

    def note(what: str) -> None:
        if threading.current_thread() is threading.main_thread():
            found.append(what)

    def noted_shut(connection: BoundedConnection) -> None:
        if not connection.passed:
            note("a call")
        shut(connection)

    def noted_connect(*arguments: Any, **named: Any) -> BoundedConnection:
        note("a connection")
        return connect(*arguments, **named)

    monkeypatch.setattr(BoundedConnection, "_shut", noted_shut)
    monkeypatch.setattr(BoundedConnection, "connect", noted_connect)
    return found


@pytest.mark.parametrize("outage", ["restart", "refused", "silent"])
def test_an_outage_costs_nothing(lab: Lab, outage: str, hung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is lost or doubled, the claim is the same, one call of the loop hangs at most, and a request that was
    made meanwhile is heard. A short outage is not reported.
    """
    monkeypatch.setattr(steadfast, "TOLD_AFTER", 3600.0)  # this is a short one, however slow the machine is

    async def scene() -> None:
        driver = Driver(Steadfast(created(lab.opened(lease=350.0), ON_AIR), ON_AIR))
        await driver.in_touch()
        driver.longest = 0.0
        hung.clear()
        if outage == "restart":
            lab.server.stop()
        else:
            lab.network.cut("refused" if outage == "refused" else "silent")
        await driver.until(lambda: driver.claim.write_error(once=True) is not None)
        await driver.for_(2)
        assert hung in ([], ["a call"])
        if outage == "restart":
            lab.server.start()
        else:
            lab.network.mend()
        direct = lab.opened(direct=True)
        direct.request(RUN, "stop")
        await driver.in_touch()
        await driver.until(lambda: driver.heard)
        await driver.in_touch()
        print(f"{outage}: the loop was held up for {driver.longest:.2f} s")
        assert driver.longest < 100  # three seconds of the guard, and what a busy machine adds
        assert (driver.claim.epoch, driver.troubles, driver.heard) == (1, [], ["stop"])
        assert events(direct) == [f"n{number}" for number in range(driver.written)]
        driver.claim.release()

    asyncio.run(scene())


def test_a_run_that_others_could_take_ends_before_they_can(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past five sevenths of its lease it gives up, on air or not; nobody takes it before the lease is over, and then
    anybody does. A process that wakes up later finds itself fenced, and may not undo anything.
    """
    clock, ahead = Lease.clock, [0.0]
    monkeypatch.setattr(Lease, "clock", staticmethod(lambda: clock() + ahead[0]))

    async def scene() -> None:
        driver = Steadfast(created(lab.opened(700.0), a_run("r1", undos=OWED)), a_run("r1", undos=OWED))
        other = lab.opened(700.0, direct=True)
        driver.write(a_run("r1", undos=OWED), [said("x")])
        lab.network.cut("silent")
        assert driver.requests() == []  # it cannot be read, and may be read again in time
        ahead[0] = 500.0
        with pytest.raises(LeaseExpired, match="cannot be reached") as raised:
            driver.requests()
        assert 0 < raised.value.undo_within <= 700 - 500 - 2
        with pytest.raises(Exception, match="r1 is driven by process 100 on here"):
            other.claim("r1", THEM)
        ahead[0] = 700.0
        _let_expire(lab.server.url, 700.0)
        other.claim("r1", THEM)
        with pytest.raises(LeaseExpired) as late:
            driver.write(a_run("r1", undos=OWED), [said("y")])
        assert late.value.undo_within < 0
        lab.network.mend()
        with pytest.raises(Fenced):
            await looking(driver, LeaseExpired)

    asyncio.run(scene())


def _let_expire(url: str, seconds: float) -> None:
    """Have the store's clock be so many seconds further, as far as leases know."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE runs SET lease_until = lease_until - %s", [seconds])


async def looking(driver: Steadfast, *bearing: type[Exception]) -> None:
    """Look as a runner does, until that fails."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(*bearing):
            driver.requests()
        await asyncio.sleep(0.05)


def test_a_process_that_slept_past_its_lease_keeps_a_run_that_nobody_wanted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only has to renew its claim when it wakes; a run that another process took is lost at once."""
    monkeypatch.setattr(claim, "_LAST_TRY", 60.0)

    async def scene() -> None:
        claims = [created(lab.opened(10.0), a_run(name)) for name in ("r1", "r2")]
        await asyncio.sleep(0.5)
        other = lab.opened(10.0, direct=True)
        # As if stopped: the event loop does not turn, so nothing renews the leases.
        waited(lambda: all(_lease(other, run) <= 0 for run in ("r1", "r2")), "the end of both leases")
        other.claim("r2", THEM)
        assert claims[0].requests() == []
        with pytest.raises(Fenced):
            claims[1].requests()
        assert claims[0].requests() == []  # on a slow machine its lease may nearly be over again
        with pytest.raises(Exception, match="r1 is driven by process 100 on here"):
            other.claim("r1", THEM)

    asyncio.run(scene())


def _lease(runs: Runs, run: str) -> float:
    """For how many more seconds a run is leased."""
    holder = runs.load(run).holder
    assert holder is not None
    return holder.lease or 0.0


@contextmanager
def in_doubt(runs: Any) -> Iterator[None]:
    """The next write is committed, and its caller is told that it failed."""
    writing = runs.database.writing

    @contextmanager
    def told_wrong(*arguments: Any, **named: Any) -> Iterator[Any]:
        with writing(*arguments, **named) as connection:
            yield connection
        runs.database.writing = writing
        raise StoreAway("the answer was lost")

    runs.database.writing = told_wrong
    yield
    runs.database.writing = writing


def test_a_write_of_which_nobody_knows_whether_it_happened_happens_once(place: str) -> None:
    """The numbers of its records tell; an answer that came in between is not lost."""
    runs = open_runs(place, alive=lambda holder: False)
    claim = Steadfast(created(runs, ON_AIR), ON_AIR)
    claim.write(ON_AIR, [said("a")])
    asks = asking(TWEET, undos=OWED)
    with in_doubt(runs):
        claim.write(asks, [said("b"), said("gate_opened")])
    runs.answer(RUN, TWEET.id, an_answer(url="u", token="t"))
    claim.write(asks, [said("c")])
    with suppress(StoreAway):
        claim.release()
    assert events(runs) == ["a", "b", "gate_opened", "c"]
    assert runs.claim(RUN, US).answers(fresh=True)[TWEET.id].by == "ann"
    runs.close()

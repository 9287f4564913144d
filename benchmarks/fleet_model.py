"""Ten thousand runs on three hundred machines: what the database has to do, and how long runs are off air.

The costs are measured on a PostgreSQL server with that many runs in its tables, as processor time of the server. What a
rack that fails and an upgrade in waves cost is a model in virtual time; the host of each run is chosen by the code that
workers use. With `--quick`, there is no server: the costs are those of an earlier measurement.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from measure import add_quick

from retake_flow.fleet.placement import choose
from retake_flow.ports.fleet import Demand, Host, Job
from retake_flow.run.run import Phase, Run
from retake_flow.settings import USUAL_LEASE
from retake_flow.store.lease import Lease
from retake_flow.store.sql.fleet import SWEEPS_FOR

COST = 0.5  # cores of a run
CAPACITY = 20.0  # cores of a machine
LOOK = 1.0  # seconds between two looks of a worker at the store
POLL = 0.25  # seconds between two looks of a queue
STEPS = 0.5  # macrosteps and records a second that a run writes
NEWS = 1 / 60  # answers and requests a second for each run; all processes hear of them
STARTS = 2  # at once on each core
CORES = 24
TO_AIR = (3.0, 6.0)  # seconds from a claim to the platform's word that the stream is live
HANDED_OVER = 0.5  # seconds from the word to leave until a run is released
_SIZES = ((10, 300), (30, 1_000), (100, 3_000), (300, 10_000))  # machines, runs


@dataclass(frozen=True)
class Costs:
    """What work costs, in milliseconds: of the server's processor, and where it says so, of time.

    Attributes:
        renew: To renew the lease of a run.
        step: To write a macrostep.
        beat: To describe a host.
        look: To read what a host was given and what it drives.
        sweep: To look for runs that wait, by the number of runs.
        give: To give one of them to a host.
        sweep_takes: How long the sweep takes with the most runs.
        give_takes: How long it takes to give a run to a host.
        heard: To tell one listening process that there is news for a run.
        poll: A look of a queue.
    """

    renew: float
    step: float
    beat: float
    look: float
    sweep: dict[int, float]
    give: float
    sweep_takes: float
    give_takes: float
    heard: float
    poll: float = 0.3


EARLIER = Costs(
    renew=0.04,
    step=0.13,
    beat=0.06,
    look=1.05,
    sweep={300: 0.8, 1_000: 1.8, 3_000: 3.8, 10_000: 14.2},
    give=0.35,
    sweep_takes=43.0,
    give_takes=5.3,
    heard=0.0083,
)


# --- the server ---------------------------------------------------------------------------------------------------


def measured(sizes: Sequence[tuple[int, int]], rounds: int) -> Costs:
    """The costs on a real server with so many machines and runs."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "helpers"))
    import postgres_server
    import psutil

    programs = postgres_server.binaries()
    assert programs is not None, "PostgreSQL is not installed: apt install postgresql"
    with postgres_server.a_server(programs) as server:
        root = psutil.Process(server._process.pid)  # type: ignore[union-attr]

        def used() -> float:
            spent = 0.0
            for each in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    times = each.cpu_times()
                    spent += times.user + times.system
            return spent

        def cost(work: Callable[[], object], times: int) -> float:
            before = used()
            for _ in range(times):
                work()
            return (used() - before) / times * 1000.0

        heard = _hearing(server.url, cost)
        sweeps = {}
        for hosts, runs in sizes:
            found = _of_size(server.url, hosts, runs, rounds, cost)
            sweeps[runs] = found["sweep"]
        return Costs(**{**found, "sweep": sweeps, "heard": heard})


def _hearing(url: str, cost: Callable[[Callable[[], object], int], float], listeners: int = 80) -> float:
    import psycopg

    with ExitStack() as stack:
        speaker, *others = [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(listeners + 1)]
        for each in others:
            each.execute("LISTEN retake_flow")

        def tell() -> None:
            for _ in range(2_000):
                speaker.execute("SELECT pg_notify('retake_flow', 'run')")
            for each in others:
                each.execute("SELECT 1")

        return cost(tell, 1) / 2_000 / listeners


def _of_size(
    url: str, hosts: int, runs: int, rounds: int, cost: Callable[[Callable[[], object], int], float]
) -> dict[str, Any]:
    import psycopg
    from sqlalchemy import text

    from retake_flow.store.opening import open_fleet
    from retake_flow.store.sql.keeper import beat_of

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with ExitStack() as stack:
        fleet = stack.enter_context(closing(open_fleet(url)))
        _fill(url, hosts, runs)
        database = fleet._database
        host = fleet.hosts()[0]

        keeper = stack.enter_context(psycopg.connect(url, autocommit=True))

        def renew() -> None:
            keeper.execute(beat_of(1), [USUAL_LEASE, "run-7", 2], prepare=True)

        claim = fleet.runs.claim("run-7", _holder("here"), force=True)
        run = Run("run-7", "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="broadcast/pushing/on_air")
        record = {"t": "2026-01-01T00:00:00.000Z", "event": "activity_result", "result": {"text": "x" * 400}}
        figures = {
            "renew": cost(renew, rounds),
            "step": cost(lambda: claim.write(replace(run, vars={"at": time.time()}), [record]), rounds),
            "beat": cost(lambda: fleet.beat(host), rounds),
            "look": cost(lambda: (fleet.placed_runs(host.id), fleet.driven_runs(host.id)), rounds),
            "sweep": cost(lambda: fleet.place(choose), max(3, rounds // 30)),
        }
        began = time.monotonic()
        fleet.place(choose)
        figures["sweep_takes"] = (time.monotonic() - began) * 1000.0
        lost = max(20, runs // 10)
        with database.writing(long=True) as connection:
            connection.execute(text("UPDATE runs SET lease_until = 0 WHERE created <= :lost"), {"lost": lost})
        sweeps, began = list[Any](), time.monotonic()
        spent = cost(lambda: sweeps.append(fleet.place(choose)), 1)
        placed = len(sweeps[0].placed)
        figures["give"] = max(0.0, spent - figures["sweep"]) / placed
        figures["give_takes"] = ((time.monotonic() - began) * 1000.0 - figures["sweep_takes"]) / placed
        return figures


def _holder(host: str) -> Any:
    from retake_flow.ports.runs import Holder

    return Holder(host, 1, 1.0, f"boot-of-{host}")


def _fill(url: str, hosts: int, runs: int) -> None:
    """Runs that are on air, each on its host."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO flows VALUES ('d', 'flow: x')")
        connection.execute(
            """INSERT INTO runs (id, flow, agent, phase, state, reason, epoch, holder_host, holder_pid, holder_started,
            created, updated, flow_file, flow_text, holder_where, lease_until, lease_epoch)
            SELECT 'run-' || n, 'go-live', 'agent-' || n, 'running', 'broadcast/pushing/on_air', '', 2,
            'host-' || n %% %s, n, 1, n, n, '/x.yaml', 'd', 'boot-of-host-' || n %% %s,
            extract(epoch FROM now()) + 86400, 2
            FROM generate_series(1, %s) AS n""",
            [hosts, hosts, runs],
        )
        connection.execute(
            "INSERT INTO snapshots (run, data) SELECT id, '{}' FROM runs; "
            "INSERT INTO records SELECT id, n, repeat('x', 300) FROM runs, generate_series(1, 20) AS n"
        )
        connection.execute(
            """INSERT INTO jobs (run, agent, cost, labels, priority, not_before, host, epoch)
            SELECT 'run-' || n, '', %s, '[]', 0, 0, 'host-' || n %% %s, 1 FROM generate_series(1, %s) AS n""",
            [COST, hosts, runs],
        )
        connection.execute(
            """INSERT INTO hosts (id, place, pid, started, version, capacity, labels, accepts, seen)
            SELECT 'host-' || n, 'boot-of-host-' || n, 1, 1, '1', %s, '[]', 1, extract(epoch FROM now()) + 86400
            FROM generate_series(0, %s) AS n""",
            [CAPACITY, hosts - 1],
        )
        connection.execute("ANALYZE")


# --- the load -----------------------------------------------------------------------------------------------------


def load(costs: Costs, hosts: int, runs: int) -> dict[str, float]:
    """What a server has to do in a second, in processor time, and the connections it needs."""
    sweep = costs.sweep[runs] / 1000.0
    takes = costs.sweep_takes / 1000.0 * costs.sweep[runs] / max(costs.sweep.values())
    sweeps = min(hosts / LOOK, 1.0 / takes)  # one at a time
    parts = {
        "leases": runs / Lease(USUAL_LEASE).beat * costs.renew / 1000.0,
        "steps": runs * STEPS * costs.step / 1000.0,
        "looks": hosts / LOOK * (costs.beat + costs.look) / 1000.0,
        "queues": hosts / POLL * costs.poll / 1000.0,
        "sweeps": sweeps * sweep,
        "notices": runs * NEWS * runs * costs.heard / 1000.0,
    }
    connections = 2 * runs + 8 * hosts
    return {**parts, "cores": sum(parts.values()), "connections": connections}


# --- virtual time -------------------------------------------------------------------------------------------------


class Model:
    """A fleet in virtual time: machines with runs, and one sweep at a time that gives those that wait to machines.

    Args:
        costs: Those of the server.
        hosts: How many machines there are.
        runs: How many runs, spread evenly.
        seed: Of chance.
    """

    def __init__(self, costs: Costs, hosts: int, runs: int, seed: int = 1) -> None:
        self.now = 0.0
        self.costs = costs
        self.chance = random.Random(seed)
        self.hosts = [Host(f"host-{n}", "", 1, 1.0, "1", CAPACITY) for n in range(hosts)]
        self.of = {run: run % hosts for run in range(runs)}
        for host in range(hosts):
            self.hosts[host] = replace(self.hosts[host], used=COST * len(self._of(host)))
        self.off_since: dict[int, float] = {}
        self.off_air: list[float] = []
        self.moves = dict.fromkeys(range(runs), 0)
        self.waiting: list[int] = []
        self.starting: dict[int, int] = {}
        self.queued: dict[int, list[int]] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Have something happen."""
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what))

    def go_on(self) -> None:
        """Let everything happen until all runs are on air."""
        self.at(self.now, self._sweep)
        while self._events and (self.off_since or self._events[0][2] != self._sweep):
            self.now, _, what = heapq.heappop(self._events)
            what()

    def rest(self, seconds: float) -> None:
        """Let time pass in which no run is off air."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            if what != self._sweep:
                what()
        self.now = until

    def lose(self, host: int) -> None:
        """A machine loses power: its runs wait from when their leases have run out."""
        self.hosts[host] = replace(self.hosts[host], away=True, used=0.0)
        for run in self._of(host):
            self.off_since[run] = self.now
            since_renewal = self.chance.uniform(0.0, Lease(USUAL_LEASE).beat)
            self.at(self.now + USUAL_LEASE - since_renewal, lambda run=run: self.waiting.append(run))

    def drain(self, host: int) -> None:
        """A machine hands its runs over and is there again, empty, after a minute."""
        self.hosts[host] = replace(self.hosts[host], draining="hand-over", used=0.0)
        for run in self._of(host):
            self.off_since[run] = self.now
            self.at(self.now + HANDED_OVER * self.chance.uniform(0.6, 1.4), lambda run=run: self.waiting.append(run))
        self.at(self.now + 60.0, lambda: self._back(host))

    def _back(self, host: int) -> None:
        self.hosts[host] = replace(self.hosts[host], draining="", version="2")

    def _of(self, host: int) -> list[int]:
        return [run for run, its in self.of.items() if its == host]

    def _sweep(self) -> None:
        took = self.costs.sweep_takes / 1000.0
        free = {host.id: host for host in self.hosts if not (host.away or host.draining)}
        for run in list(self.waiting):
            host = choose(Job(str(run), Demand(cost=COST)), list(free.values()))
            if host is None or took > SWEEPS_FOR:
                break
            took += self.costs.give_takes / 1000.0
            self.waiting.remove(run)
            free[host.id] = replace(host, used=host.used + COST)
            number = int(host.id.removeprefix("host-"))
            self.hosts[number] = free[host.id]
            self.of[run] = number
            self.moves[run] += 1
            self.at(self.now + took + self.chance.uniform(0.0, POLL), lambda run=run: self._begin(run))
        self.at(self.now + max(took, LOOK / len(self.hosts)), self._sweep)

    def _begin(self, run: int) -> None:
        host = self.of[run]
        if self.starting.get(host, 0) >= STARTS * CORES:
            self.queued.setdefault(host, []).append(run)
            return
        self.starting[host] = self.starting.get(host, 0) + 1
        self.at(self.now + self.chance.uniform(*TO_AIR), lambda: self._on_air(run, host))

    def _on_air(self, run: int, host: int) -> None:
        self.starting[host] -= 1
        self.off_air.append(self.now - self.off_since.pop(run))
        if self.queued.get(host):
            self._begin(self.queued[host].pop(0))


def rack_lost(costs: Costs, hosts: int, runs: int, rack: int) -> Model:
    """A rack of machines loses power at once."""
    model = Model(costs, hosts, runs)
    for host in range(rack):
        model.lose(host)
    model.go_on()
    return model


def upgraded(costs: Costs, hosts: int, runs: int, wave: int) -> Model:
    """All machines are drained, so many at a time; the next wave begins when all runs are on air again."""
    model = Model(costs, hosts, runs)
    for first in range(0, hosts, wave):
        for host in range(first, min(first + wave, hosts)):
            model.drain(host)
        model.go_on()
        model.rest(60.0)
    return model


# --- the tables ---------------------------------------------------------------------------------------------------


def told(model: Model) -> dict[str, float]:
    """How long runs were off air, in seconds, and how often each moved."""
    off = sorted(model.off_air)
    moved = [number for number in model.moves.values() if number]
    return {
        "moves": len(off),
        "median": off[len(off) // 2],
        "p99": off[int(len(off) * 0.99)],
        "longest": off[-1],
        "most_moves": max(moved),
    }


def main() -> None:
    """Measure or take the earlier costs, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_quick(parser)
    quick = parser.parse_args().quick
    costs = EARLIER if quick else measured(_SIZES, 1_500)
    loads = {f"{hosts} machines, {runs} runs": load(costs, hosts, runs) for hosts, runs in _SIZES}
    print("processor cores of the server")
    for name, row in loads.items():
        print(f"  {name:28} " + ", ".join(f"{part} {value:.3g}" for part, value in row.items()))
    hosts, runs = (30, 1_000) if quick else _SIZES[-1]
    scenes = {f"a rack of {hosts // 10} machines fails": told(rack_lost(costs, hosts, runs, hosts // 10))}
    for part in (30, 10, 5):
        wave = max(1, hosts // part)
        scenes[f"an upgrade in waves of {wave}"] = told(upgraded(costs, hosts, runs, wave))
    print(f"seconds off air, {runs} runs on {hosts} machines")
    for name, row in scenes.items():
        print(f"  {name:34} " + ", ".join(f"{part} {value:.4g}" for part, value in row.items()))
    print(json.dumps({"benchmark": "fleet_model", "costs": asdict(costs), "load": loads, "scenes": scenes}))


if __name__ == "__main__":
    main()

"""Runs on many hosts that die, hang, are drained, cut off and upgraded: exits with 1 when a bound is broken.

A host is a set of namespaces with a way of its own to the database server, so this needs root, PostgreSQL's programs
and those of a stream. Leases last six seconds. `--only SCENE` takes one of `streams`, `database`, `scale` and `parked`.
`--quick` plays `scale` and `parked` with a few runs, and no figure of them counts. What programs compute is their own
seconds of a core; whatever takes time is longer on a machine that does more, so its load is printed too.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import psutil
from fleet_hosts import LEASE, Fleet, FleetHost, Takeover, a_fleet, sampled
from flow_processes import waited
from stored_runs import a_gate, stored

from retake_flow.ports.fleet import Demand
from retake_flow.store.opening import open_fleet

GO_LIVE = ("go-live.yaml", "--agent", "owl", "--set", "size=320x180", "--cost", "1")
LIGHT = """\
flow: light
initial: one
states:
  one: {wait: 3s, transitions: {done: two}}
  two: {wait: 3s, transitions: {done: one}}
"""
WORKERS = 4


class Bounds:
    """Prints figures, and remembers which were beyond their bounds.

    Args:
        measures: Whether figures count, and not only what has to be so.
    """

    def __init__(self, *, measures: bool = True) -> None:
        self.broken: list[str] = []
        self._measures = measures

    def at_most(self, what: str, figure: float, most: float, unit: str = "s") -> None:
        """A figure with an upper bound."""
        load = f", load {os.getloadavg()[0]:.0f}"
        self.holds(f"{what}: {figure:.4g} {unit} (at most {most:g}{load})", not self._measures or figure <= most)

    def holds(self, what: str, good: bool) -> None:
        """Anything that has to be so."""
        print(f"    {'ok    ' if good else 'BROKEN'} {what}", flush=True)
        if not good:
            self.broken.append(what)


def report(fleet: Fleet, bounds: Bounds, runs: dict[str, str]) -> None:
    """What the platform saw of everybody, and that the journals have neither gaps nor doubles."""
    found = fleet.tv.report()
    keys = found["keys"]
    bounds.holds(f"platform: {keys['issued']} keys, {keys['reused']} reused", keys["reused"] == 0)
    bounds.holds(f"platform: broken rules {found['broken_rules']}", found["broken_rules"] == [])
    for agent, run in runs.items():
        numbers = [number for number, _ in fleet.records(run)]
        bounds.holds(f"{run}: {len(numbers)} records without gap", numbers == list(range(1, len(numbers) + 1)))
        said = [line["text"] for line in fleet.tv.agent(agent)["chat"] if line["agent"]]
        bounds.holds(f"{agent} said {len(said)} things, none of them twice", len(set(said)) == len(said))


def show(bounds: Bounds, found: dict[str, float], **most: float) -> None:
    """The steps of a takeover, with the bounds that some have; names have _ for a blank."""
    for name, seconds in found.items():
        bound = most.get(name.replace(" ", "_"))
        if bound is None:
            print(f"           {name}: {seconds:.2f} s", flush=True)
        else:
            bounds.at_most(name, seconds, bound)


def same_encoder(fleet: Fleet, bounds: Bounds, run: str, seconds: float, before: psutil.Process, epoch: int) -> None:
    """Nothing of it is seen for some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.5)
    now = fleet.encoder(run)
    bounds.holds(f"the same encoder and epoch after {seconds:g} s", (now, fleet.epoch(run)) == (before, epoch))


# --- one stream --------------------------------------------------------------------------------


def streams(bounds: Bounds) -> None:
    """A stream whose driver, worker and host die, hang, are drained and cut off."""
    with a_fleet("owl") as fleet:
        hosts = [fleet.host("north"), fleet.host("south")]
        for host in hosts:
            host.start_worker(capacity=2)
        run = fleet.submit(*GO_LIVE)
        fleet.on_air(run)
        for scene in (driver_killed, worker_dies, drained, power_cut, cut_off, forgotten):
            print(f"  {scene.__doc__}", flush=True)
            scene(fleet, bounds, run)
        fleet.call("stop", run)
        waited(lambda: fleet.select("SELECT outcome FROM runs WHERE id = %s", run)[0][0], "its end")
        report(fleet, bounds, {"owl": run})


def driver_killed(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """Its driver is killed."""
    driver = fleet.encoder(run).parent()
    follows = Takeover(fleet, run)
    driver.kill()
    show(bounds, follows.complete(), claimed=1.0)


def worker_dies(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """Its worker hangs, is upgraded, and is killed."""
    host = fleet.place(run)
    encoder, epoch = fleet.encoder(run), fleet.epoch(run)
    host.signal_worker(signal.SIGSTOP)
    same_encoder(fleet, bounds, run, 1.5 * LEASE, encoder, epoch)
    host.signal_worker(signal.SIGCONT)
    host.signal_worker(signal.SIGHUP)
    same_encoder(fleet, bounds, run, 5, encoder, epoch)
    host.signal_worker(signal.SIGKILL)
    same_encoder(fleet, bounds, run, 1.5 * LEASE, encoder, epoch)
    host.start_worker(capacity=2)
    same_encoder(fleet, bounds, run, 3, encoder, epoch)


def drained(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """Its host is drained by SIGTERM."""
    host = fleet.place(run)
    follows = Takeover(fleet, run)
    host.signal_worker(signal.SIGTERM)
    waited(lambda: released(fleet, run, follows.epoch), "its release", every=0.01)
    bounds.at_most("released", follows.since(), 1.0)
    show(bounds, follows.complete(), claimed=2.0, on_air=5.0)
    assert host.worker is not None
    bounds.holds("the worker has ended with 0", host.worker.finish() == 0)
    bounds.holds("it is on another host", fleet.place(run) is not host)
    host.start_worker(capacity=2)


def released(fleet: Fleet, run: str, epoch: int) -> bool:
    """Whether a run was released, or claimed again since."""
    [(holder, now)] = fleet.select("SELECT holder_pid, epoch FROM runs WHERE id = %s", run)
    return holder is None or now > epoch


def power_cut(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """Its host loses power."""
    host = fleet.place(run)
    follows = Takeover(fleet, run)
    host.cut_power()
    show(bounds, follows.complete(), claimed=LEASE + 1, on_air=LEASE + 6)
    host.boot()
    host.start_worker(capacity=2)


def cut_off(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """Its host is cut off from the database."""
    host = fleet.place(run)
    follows = Takeover(fleet, run)
    host.way.cut("silent")
    found = follows.complete()
    show(bounds, found)
    bounds.holds("its encoder ended before the next began", 0 <= found["encoder gone"] < found["next encoder"])
    host.way.mend()


def forgotten(fleet: Fleet, bounds: Bounds, run: str) -> None:
    """A firewall forgets all connections of all hosts."""
    encoder, epoch = fleet.encoder(run), fleet.epoch(run)
    time.sleep(LEASE)  # so that hosts which were cut off take runs again
    for host in fleet.hosts.values():
        host.way.forget()
    began = time.monotonic()
    flow = fleet.folder / "short.yaml"
    flow.write_text("flow: short\ninitial: a\nstates: {a: {wait: 1s, transitions: {done: b}}, b: {final: completed}}\n")
    other = fleet.submit(str(flow), "--cost", "0.1")
    waited(lambda: fleet.epoch(other) > 0, "a new run to be taken", every=0.05)
    bounds.at_most("a new run is taken after", time.monotonic() - began, 15.0)
    same_encoder(fleet, bounds, run, 15, encoder, epoch)


# --- the database --------------------------------------------------------------------------------


def database(bounds: Bounds) -> None:
    """The server is restarted, and away for fifteen seconds; leases last 35 s."""
    with a_fleet("owl", lease=35.0) as fleet:
        for name in ("north", "south"):
            fleet.host(name).start_worker(capacity=2)
        run = fleet.submit(*GO_LIVE)
        fleet.on_air(run)
        encoder, epoch = fleet.encoder(run), fleet.epoch(run)
        for seconds in (1.0, 15.0):
            print(f"  the server is away for {seconds:g} s", flush=True)
            fleet.server.stop()
            time.sleep(seconds)
            fleet.server.start()
            same_encoder(fleet, bounds, run, 20, encoder, epoch)
        began = time.monotonic()
        waited(lambda: all(row[0] for row in fleet.select("SELECT accepts FROM hosts")), "workers that accept")
        print(f"           all workers accept {time.monotonic() - began:.1f} s after that", flush=True)
        fleet.call("stop", run)
        waited(lambda: fleet.select("SELECT outcome FROM runs WHERE id = %s", run)[0][0], "its end")
        report(fleet, bounds, {"owl": run})


# --- many runs --------------------------------------------------------------------------------


def scale(bounds: Bounds, runs: int = 300, seconds: float = 20.0) -> None:
    """Light runs on four workers and two cores; one host with a quarter of them loses power."""
    with a_fleet() as fleet:
        flow = fleet.folder / "light.yaml"
        flow.write_text(LIGHT)
        capacity = runs / WORKERS * 0.5 * 4 / 3 + 1  # three hosts have room for all
        hosts = [fleet.host(f"host-{number}") for number in range(WORKERS)]
        for host in hosts:
            host.start_worker(capacity=capacity)
        samples, end = sampled(partial(load_of_hosts, fleet), 0.25)
        before, first = cost(fleet), time.monotonic()
        submit_many(fleet, flow, runs)
        began = time.monotonic()
        waited(lambda: driven(fleet) == runs, f"{runs} runs to be driven", every=0.1)
        bounds.at_most(f"all {runs} driven after", time.monotonic() - began, 30.0)
        each = (cost(fleet)[0] - before[0]) / runs
        since = time.monotonic() - first
        print(f"           {since:.1f} s after the first was submitted; {each:.2f} s of a core for each", flush=True)
        time.sleep(seconds / 2)
        steady(fleet, bounds, seconds)
        lost = hosts[0]
        theirs = fleet.select("SELECT id, epoch FROM runs WHERE holder_where LIKE %s", f"{boot_of(lost)}/%")
        lost.cut_power()
        began = time.monotonic()
        epochs = dict(theirs)
        waited(lambda: moved(fleet, epochs) == len(epochs), "all of them elsewhere", every=0.1)
        bounds.at_most(f"{len(epochs)} runs of one host driven elsewhere after", time.monotonic() - began, 25.0)
        end()
        most = max(used for sample in samples for used, _ in sample)
        over = [pair for sample in samples for pair in sample if pair[0] > pair[1] + 1e-6]
        bounds.holds(f"capacity never exceeded in {len(samples)} samples: {most:g} of {capacity:g} at most", not over)
        doubled = fleet.select(
            "SELECT run FROM records GROUP BY run HAVING count(*) <> max(number) OR min(number) <> 1"
        )
        bounds.holds("no journal has a gap", not doubled)


def submit_many(fleet: Fleet, flow: Path, runs: int) -> None:
    """Submit runs as fast as one process can."""
    from retake_flow.flow.load.load import load_flow
    from retake_flow.run.run import unique_id
    from retake_flow.wiring import running

    read = load_flow(flow.read_text(), str(flow))
    began = time.monotonic()
    with closing(open_fleet(fleet.server.url, lease=LEASE)) as store:
        for number in range(runs):
            run = running.new_run(unique_id(f"light-{number}"), read, {})
            text = read.sources.dump()
            store.submit(run, agent="", flow_file=str(flow), flow_text=text, demand=Demand(cost=0.5))
    print(f"           {runs} runs submitted in {time.monotonic() - began:.1f} s", flush=True)


def driven(fleet: Fleet) -> int:
    """How many runs a process drives, by leases that have not run out."""
    now = "extract(epoch FROM clock_timestamp())"
    query = f"SELECT count(*) FROM runs WHERE outcome IS NULL AND holder_pid IS NOT NULL AND lease_until > {now}"
    return int(fleet.select(query)[0][0])


def moved(fleet: Fleet, epochs: dict[str, int]) -> int:
    """How many of some runs are driven by another process than before."""
    now = "extract(epoch FROM clock_timestamp())"
    query = f"SELECT id, epoch FROM runs WHERE id = ANY(%s) AND holder_pid IS NOT NULL AND lease_until > {now}"
    return sum(epoch > epochs[run] for run, epoch in fleet.select(query, list(epochs)))


def load_of_hosts(fleet: Fleet) -> list[tuple[float, float]]:
    """What the runs of each host cost together, and its capacity."""
    query = (
        "SELECT coalesce(sum(jobs.cost), 0), hosts.capacity FROM hosts LEFT JOIN jobs ON jobs.host = hosts.id "
        "GROUP BY hosts.id, hosts.capacity"
    )
    return [(float(used), float(capacity)) for used, capacity in fleet.select(query)]


def boot_of(host: FleetHost) -> str:
    """The boot id of a host."""
    return (host.home.folder / "boot_id").read_text().strip()


def steady(fleet: Fleet, bounds: Bounds, seconds: float, ours: float = 40.0, servers: float = 15.0) -> None:
    """What everything costs while nothing happens."""
    known = "SELECT (SELECT sum(epoch) FROM runs), (SELECT sum(sessions) FROM pg_stat_database)"
    [(epochs, connections)] = fleet.select(known)
    hosts, server, rate = idle(fleet, seconds)
    bounds.at_most("all workers and drivers, steady", hosts, ours, "% of a core")
    bounds.at_most("PostgreSQL, steady", server, servers, "% of a core")
    [(epochs_after, connections_after)] = fleet.select(known)
    bounds.at_most("meanwhile moved", epochs_after - epochs, 0, "runs")
    private = []
    for process in processes(fleet):
        with suppress(psutil.Error):
            private.append(process.memory_full_info().uss / 2**20)
    made = f"{connections_after - connections:.0f} connections made"
    print(f"           {rate:.0f} transactions a second, {made}, {sum(private) / len(private):.0f} MiB a process (USS)")


def processes(fleet: Fleet) -> list[psutil.Process]:
    """All processes of all hosts."""
    return [process for host in fleet.hosts.values() for process in host.processes()]


def cost(fleet: Fleet) -> tuple[float, float, float, float]:
    """Seconds computed by hosts and server, the transactions of that, and when this was."""
    ours = processes(fleet)
    assert fleet.server._process is not None
    first = psutil.Process(fleet.server._process.pid)
    began, hosts, server = time.monotonic(), 0.0, 0.0
    for process in ours:
        with suppress(psutil.Error):
            times = process.cpu_times()
            hosts += times.user + times.system
    for process in (first, *first.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            server += times.user + times.system + times.children_user + times.children_system
    transactions = float(fleet.select("SELECT sum(xact_commit) FROM pg_stat_database")[0][0])
    return hosts, server, transactions, began


def parked(bounds: Bounds, runs: int = 1000, seconds: float = 20.0) -> None:
    """Runs that wait for people cost nothing, and have no process."""
    with a_fleet() as fleet:
        for number in range(WORKERS):
            fleet.host(f"host-{number}").start_worker()
        waited(lambda: len(fleet.select("SELECT id FROM hosts WHERE accepts = 1")) == WORKERS, "all workers")
        time.sleep(seconds / 2)
        empty = idle(fleet, seconds)
        with closing(open_fleet(fleet.server.url, lease=LEASE)) as store:
            for number in range(runs):
                stored(store.runs, f"parked-{number}", a_gate())
                store.want(f"parked-{number}", Demand())
        time.sleep(seconds / 2)
        full = idle(fleet, seconds)
        print(f"           without runs: workers {empty[0]:.1f}, PostgreSQL {empty[1]:.1f} % of a core")
        bounds.at_most(f"{runs} parked runs cost the workers", full[0] - empty[0], 2.0, "% of a core more")
        bounds.at_most("and PostgreSQL", full[1] - empty[1], 2.0, "% of a core more")
        bounds.holds("none of them has a process", driven(fleet) == 0)


def idle(fleet: Fleet, seconds: float) -> tuple[float, float, float]:
    """What hosts and server cost, in percent of a core, and its transactions a second."""
    before = cost(fleet)
    time.sleep(seconds)
    hosts, server, transactions, passed = (late - early for early, late in zip(before, cost(fleet), strict=True))
    return 100 * hosts / passed, 100 * server / passed, transactions / passed


SCENES: dict[str, Callable[[Bounds], None]] = {
    "streams": streams,
    "database": database,
    "scale": scale,
    "parked": parked,
}


def main() -> int:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SCENES, help="one scene")
    parser.add_argument(
        "--quick", action="store_true", help="`scale` and `parked` with a few runs, to see that they work"
    )
    args = parser.parse_args()
    bounds = Bounds(measures=not args.quick)
    few: dict[str, Callable[[Bounds], None]] = {
        "scale": partial(scale, runs=6, seconds=1.0),
        "parked": partial(parked, runs=6, seconds=1.0),
    }
    for name, scene in (few if args.quick else SCENES).items():
        if args.only in (None, name):
            print(f"{name}: {SCENES[name].__doc__}", flush=True)
            scene(bounds)
    print(f"{len(bounds.broken)} bounds broken" + "".join(f"\n  {each}" for each in bounds.broken))
    return 1 if bounds.broken else 0


if __name__ == "__main__":
    sys.exit(main())

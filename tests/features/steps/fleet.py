"""Steps about many hosts: workers with names of their own on this machine, and one retake.tv."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import store_hosts
from flow_processes import WITHIN, Home, RetakeTv, Running, at_home, gone, retake_tv, waited, write_credentials
from pytest_bdd import given, parsers, then, when
from steps.store import kept_on_server
from waiting_runs import ASKING

NEEDING = """\
flow: needing
initial: nap
inputs:
  key: {type: string, env: STATION_KEY, secret: true}
states:
  nap: {wait: 50ms, transitions: {done: rested}}
  rested: {final: completed}
"""


@dataclass
class Fleet:
    """Workers, the home that all have, and what was submitted.

    Attributes:
        runs: The submitted runs.
        encoder: The encoder of the stream, as last seen.
        driver: The process of the run, as last seen.
        host: The host of the stream, as last seen.
        keys: How many keys had been used then.
    """

    home: Home
    tv: RetakeTv
    workers: dict[str, Running] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    flow: Path = Path()
    encoder: psutil.Process | None = None
    driver: int = 0
    host: str = ""
    keys: int = 0

    def start(self, name: str, **variables: str) -> None:
        """Start the worker of a host."""
        words = ("worker", "--name", name, "--capacity", "1")
        self.workers[name] = self.home.start(*words, **variables)
        self.workers[name].until("worker_started")

    def find(self, run: str = "") -> dict[str, Any]:
        """A submitted run, as it is listed."""
        wanted = run or self.runs[-1]
        return next(record for record in self.home.call("runs", "--json").records if record["run"] == wanted)

    def hosts(self) -> dict[str, dict[str, Any]]:
        """All hosts by name."""
        return {record["host"]: record for record in self.home.call("hosts", "--json").records}

    def live(self) -> None:
        """Wait until the run is driven by another process than before, and on air with another key."""

        def driven() -> bool:
            found = self.find()
            holder = found["holder"]
            known = holder is not None and holder["alive"] and holder["pid"] != self.driver
            on_air = known and found["host"] is not None and found["state"].startswith("broadcast/pushing/on_air")
            return on_air and self.tv.report()["keys"]["used"] > self.keys

        waited(driven, f"a stream: {self.find()}", every=0.2)
        found = self.find()
        self.host, self.driver = found["host"], found["holder"]["pid"]
        self.keys = self.tv.report()["keys"]["used"]
        self.encoder = store_hosts.encoder(self.runs[-1])

    def same_encoder(self) -> None:
        """The stream has not been touched."""
        assert self.encoder is not None
        assert self.encoder.is_running()
        assert store_hosts.encoder(self.runs[-1]).pid == self.encoder.pid


def _fleet(request: pytest.FixtureRequest, place: str) -> Fleet:
    lasting = ExitStack()
    request.addfinalizer(lasting.close)
    folder = Path(lasting.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
    tv = lasting.enter_context(retake_tv(folder / "tv", store_hosts.OPTIONS))
    agents = folder / "agents"
    agents.mkdir(mode=0o700)
    write_credentials(agents / "owl.json", "owl", store_hosts.TOKEN, tv.address)
    own = {"RETAKE_API_URL": tv.address, "RETAKE_FLOW_AGENTS": str(agents), "RETAKE_FLOW_LEASE": "20s"}
    own |= {"RETAKE_CREDENTIALS": str(folder / "none.json"), "RETAKE_FLOW_STORE": place or str(folder / "runs.sqlite")}
    made = Fleet(lasting.enter_context(at_home(folder / "home", **own)), tv)
    lasting.callback(_end_drivers, made)
    return made


def _end_drivers(fleet: Fleet) -> None:
    """End what a failed test has left; the drivers outlive their workers."""
    for run in fleet.home.call("runs", "--json").records:
        if run["holder"] is not None and run["holder"]["alive"]:
            with suppress(ProcessLookupError):
                os.kill(run["holder"]["pid"], signal.SIGKILL)


@given("hosts with the credentials of owl that share a database server", target_fixture="fleet")
def on_server(request: pytest.FixtureRequest) -> Fleet:
    """One of PostgreSQL."""
    return _fleet(request, kept_on_server(request).url)


@given("hosts with the credentials of owl that share a file", target_fixture="fleet")
def on_file(request: pytest.FixtureRequest) -> Fleet:
    """As the hosts of one machine can."""
    return _fleet(request, "")


@given("a flow that asks somebody")
def asking(fleet: Fleet) -> None:
    """And needs nothing else."""
    fleet.flow = fleet.home.folder / "asking.yaml"
    fleet.flow.write_text(ASKING)


@given("a flow that needs a variable")
def needing(fleet: Fleet) -> None:
    """Which is secret, so that it does not travel with the run."""
    fleet.flow = fleet.home.folder / "needing.yaml"
    fleet.flow.write_text(NEEDING)


@when("the operator submits go-live for owl")
def submits(fleet: Fleet) -> None:
    """Before there is a worker."""
    done = fleet.home.call("submit", "go-live.yaml", "--agent", "owl", "--set", "size=320x240", "--json")
    assert done.code == 0, done
    fleet.runs.append(done.records[0]["run"])


@when(parsers.parse("the flow is submitted {times:d} times"))
def submits_flow(fleet: Fleet, times: int) -> None:
    """Each is a run of its own."""
    for _ in range(times):
        done = fleet.home.call("submit", str(fleet.flow), "--json", STATION_KEY="rosebud")
        assert done.code == 0, done
        fleet.runs.append(done.records[0]["run"])


@then("it waits, since no worker runs")
def waits(fleet: Fleet) -> None:
    """As the list says."""
    assert (fleet.find()["phase"], fleet.find()["waits"]) == ("pending", "no worker runs")


@when("the workers of studio-1 and studio-2 start")
def workers_start(fleet: Fleet) -> None:
    """One after the other."""
    for name in ("studio-1", "studio-2"):
        fleet.start(name)


@when("the worker of studio-1 starts, with room for one run")
def worker_starts(fleet: Fleet) -> None:
    """Room for one core is room for two; a host is small here."""
    fleet.workers["studio-1"] = fleet.home.start("worker", "--name", "studio-1", "--capacity", "0.5")
    fleet.workers["studio-1"].until("worker_started")


@then("owl is live, on one of them")
def is_live(fleet: Fleet) -> None:
    """Driven by a process of its own."""
    fleet.live()
    assert fleet.driver not in {worker.pid for worker in fleet.workers.values()}


@then("that host has 0.5 cores less to give")
def has_less(fleet: Fleet) -> None:
    """And the other one has all."""
    assert {name: host["used"] for name, host in fleet.hosts().items()} == {
        name: 0.5 if name == fleet.host else 0 for name in fleet.workers
    }


@when("the worker of that host hangs")
def worker_hangs(fleet: Fleet) -> None:
    """As when its machine swaps."""
    fleet.workers[fleet.host].process.send_signal(signal.SIGSTOP)


@when("the worker goes on")
def worker_goes_on(fleet: Fleet) -> None:
    """Longer after than its host needs to count as away."""
    fleet.workers[fleet.host].process.send_signal(signal.SIGCONT)


@then("the same encoder goes on, and its host counts as away")
def goes_on_alone(fleet: Fleet) -> None:
    """Its process renews its lease itself."""
    waited(lambda: fleet.hosts()[fleet.host]["state"] == "away", "the host to be away", every=0.2)
    fleet.same_encoder()


@when("the worker of that host is killed, and starts again")
def worker_again(fleet: Fleet) -> None:
    """As by the kernel, when memory is short."""
    fleet.workers.pop(fleet.host).kill()
    fleet.start(fleet.host)


@then("the host has its run again, and the same encoder goes on")
def has_it_again(fleet: Fleet) -> None:
    """It counts what it has not started itself."""
    waited(lambda: fleet.hosts()[fleet.host]["state"] == "ready", "the host to be ready", every=0.2)
    host = fleet.hosts()[fleet.host]
    assert (host["runs"], host["used"]) == (1, 0.5)
    fleet.same_encoder()


@when("the process of the run is killed")
def driver_killed(fleet: Fleet) -> None:
    """So that nothing is undone."""
    os.kill(fleet.driver, signal.SIGKILL)


@then("owl is live again, with a new key")
def live_again(fleet: Fleet) -> None:
    """On either host."""
    fleet.live()


@when("the host of the run is drained, and something is said meanwhile")
def drained(fleet: Fleet) -> None:
    """By commands, from anywhere."""
    done = fleet.home.call("drain", fleet.host, "--json")
    assert done.records == [{"host": fleet.host, "drained": True, "runs": 0, "waiting": [], "next": []}]
    said = fleet.home.call("say", fleet.runs[-1], "We are moving", "--voice", "--json").records[0]
    assert said["effect"] in ("done", "queued"), said
    assert fleet.workers.pop(fleet.host).finish() == 0


@then("it was said there")
def was_said(fleet: Fleet) -> None:
    """Once its services were ready again."""

    def said() -> list[dict[str, Any]]:
        records = fleet.home.call("show", fleet.runs[-1], "--journal", "--json").records
        return [record for record in records if record["event"] == "said"]

    [record] = waited(said, "it to be said", every=0.5)
    assert (record["text"], record["how"], record["failed"]) == ("We are moving", ["voice"], {})


@then("owl is live on the other host, with a new key, and the drained one is gone")
def live_elsewhere(fleet: Fleet) -> None:
    """The run was handed over, not stopped."""
    fleet.live()
    (other,) = fleet.workers
    assert fleet.host == other
    assert [*fleet.hosts()] == [other]
    events = [record["event"] for record in fleet.home.call("show", fleet.runs[-1], "--journal", "--json").records]
    assert events.count("run_handed_over") == 1
    assert "stop_requested" not in events


@when("the other worker is asked to start anew")
def anew(fleet: Fleet) -> None:
    """As after an update."""
    (worker,) = fleet.workers.values()
    os.kill(worker.pid, signal.SIGHUP)
    waited(lambda: sum(r["event"] == "worker_started" for r in worker.records) == 2, "the worker anew")


@then("the same encoder goes on")
def goes_on(fleet: Fleet) -> None:
    """Nobody has noticed."""
    fleet.same_encoder()


@when("the run is stopped from anywhere")
def stopped(fleet: Fleet) -> None:
    """By a command."""
    done = fleet.home.call("stop", fleet.runs[-1], "--json")
    assert done.code == 0, done


@then("it has ended cleanly, and its host has all its room back")
def ended(fleet: Fleet) -> None:
    """The worker ends too, when it is asked to."""
    assert fleet.find()["phase"] == "completed"
    gone(fleet.runs[-1], WITHIN)
    (host,) = waited(lambda: [one for one in fleet.hosts().values() if not one["used"]], "its room", every=0.2)
    assert (host["state"], host["runs"]) == ("ready", 0)
    (worker,) = fleet.workers.values()
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.finish() == 0
    assert fleet.hosts() == {}


@then("retake.tv has seen no key twice and no rule broken")
def clean(fleet: Fleet) -> None:
    """Over all hosts."""
    report = fleet.tv.report()
    assert (report["keys"]["reused"], report["broken_rules"]) == (0, [])


@then(parsers.parse("all {number:d} are asked"))
def all_asked(fleet: Fleet, number: int) -> None:
    """Although there is room for one at a time."""
    waited(lambda: len(fleet.home.call("gates", "--json").records) == number, "the questions", every=0.2)
    waited(lambda: {fleet.find(run)["phase"] for run in fleet.runs} == {"suspended"}, "their processes to leave")


@when("one is answered")
def answered(fleet: Fleet) -> None:
    """From anywhere."""
    assert fleet.home.call("answer", fleet.runs[-1], "word=well").code == 0


@then("that one is completed, and the others still wait for a person")
def one_completed(fleet: Fleet) -> None:
    """A worker takes it up again."""
    waited(lambda: fleet.find()["phase"] == "completed", f"its end: {fleet.find()}", every=0.2)
    assert {fleet.find(run)["phase"] for run in fleet.runs[:-1]} <= {"suspended"}


@then(parsers.parse("it is held after {number:d} failures, and `runs` says which variable is missing"))
def held(fleet: Fleet, number: int) -> None:
    """So that somebody looks at it."""
    said = f"held after {number} failures"
    waited(lambda: (fleet.find()["waits"] or "").startswith(said), "it to be held", every=0.2)
    assert "STATION_KEY" in fleet.find()["waits"]
    assert fleet.workers["studio-1"].until("run_held", run=fleet.runs[-1])["failures"] == number


@when("the worker starts again with that variable, and the run is submitted again")
def mended(fleet: Fleet) -> None:
    """As the message says."""
    fleet.workers.pop("studio-1").kill()
    fleet.start("studio-1", STATION_KEY="rosebud")
    assert fleet.home.call("submit", "--run", fleet.runs[-1]).code == 0

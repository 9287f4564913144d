"""A stream on two hosts, one of which loses power, is cut off or forgotten by a firewall; prints figures."""

from __future__ import annotations

import os
import time
import urllib.request

import postgres_server
import psutil
import pytest
from benchmark import run_benchmark
from fleet_hosts import Takeover, a_fleet
from flow_processes import WITHIN, waited
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces"),
    pytest.mark.skipif(postgres_server.binaries() is None, reason="PostgreSQL's programs are not installed"),
]

#: Seconds: a driver of a busy machine that finds its connection forgotten connects anew well within it.
LEASE = 20.0


def metrics(port: int) -> dict[str, float]:
    """The metrics of a worker, by name and the values of their labels but for host and run."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WITHIN) as answer:
        text = answer.read().decode()
    return {
        " ".join(
            [sample.name, *(value for name, value in sorted(sample.labels.items()) if name not in ("host", "run"))]
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def steps(what: str, follows: Takeover) -> dict[str, float]:
    """The steps of a takeover, printed."""
    found = follows.complete()
    print(f"{what}: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.items()))
    return found


def test_a_stream_outlasts_a_host_without_power_and_one_that_is_cut_off() -> None:
    """It goes on elsewhere, with a fresh key and never twice at once, and a forgetful firewall does not end it."""
    with a_fleet("owl", lease=LEASE) as fleet:
        fleet.host("north").start_worker("--metrics", "127.0.0.1:0", capacity=2)
        sockets = fleet.hosts["north"].worker_process.net_connections("tcp")
        [port] = [each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN]
        run = fleet.submit("go-live.yaml", "--agent", "owl", "--set", "size=320x180", "--cost", "1")
        fleet.on_air(run)
        expected = {
            "retake_flow_on_air owl go-live": 1,
            "retake_flow_used_cores": 1,
            "retake_flow_capacity_cores": 2,
            "retake_flow_starts_total submitted": 1,
            "retake_flow_hosts ready": 1,
        }
        waited(lambda: expected.items() <= metrics(port).items(), f"the metrics {expected}", every=1.0)
        fleet.host("south").start_worker(capacity=2)

        follows = Takeover(fleet, run)
        fleet.hosts["north"].cut_power()
        found = steps("power cut", follows)
        assert found["claimed"] > 2  # nobody took it while its host might have lived
        assert fleet.place(run).name == "south"

        fleet.hosts["north"].boot()
        fleet.hosts["north"].start_worker(capacity=2)
        follows = Takeover(fleet, run)
        fleet.hosts["south"].way.cut("silent")
        found = steps("cut off", follows)
        assert 0 < found["encoder gone"] < found["next encoder"]
        assert fleet.place(run).name == "north"
        fleet.hosts["south"].way.mend()

        encoder, epoch = fleet.encoder(run), fleet.epoch(run)
        for host in fleet.hosts.values():
            host.way.forget()
        short = fleet.folder / "short.yaml"
        short.write_text("flow: short\ninitial: a\nstates: {a: {final: completed}}\n")
        began, other = time.monotonic(), fleet.submit(str(short), "--cost", "0.1")
        waited(lambda: fleet.epoch(other) > 0, "a new run to be taken", every=0.1)
        print(f"forgotten connections: a new run is taken after {time.monotonic() - began:.2f} s")
        waited(lambda: time.monotonic() > began + LEASE + 2, "a lease to be over", every=0.5)
        assert (fleet.encoder(run), fleet.epoch(run)) == (encoder, epoch)

        fleet.call("stop", run)
        waited(lambda: fleet.select("SELECT outcome FROM runs WHERE id = %s", run)[0][0], "its end")
        report = fleet.tv.report()
        assert (report["keys"]["reused"], report["broken_rules"]) == (0, [])
        said = [line["text"] for line in fleet.tv.agent("owl")["chat"] if line["agent"]]
        assert len(set(said)) == len(said)
        numbers = [number for number, _ in fleet.records(run)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_benchmark_works() -> None:
    """With a few runs: its promises hold, also when one host of four loses power."""
    done = run_benchmark("fleet", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "capacity never exceeded" in done.stdout

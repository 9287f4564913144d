"""Steps with two hosts that share a database server."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import postgres_server
import pytest
import store_hosts
from flow_processes import Home, RetakeTv, Running, retake_tv, waited
from pytest_bdd import given, then, when
from steps.store import kept_on_server


@dataclass
class Hosts:
    """Two hosts that share a database server, and a retake.tv.

    Attributes:
        streams: The processes that stream, the newest last.
        until: Until when the lease of the lost host lasts, in seconds since the epoch.
    """

    tv: RetakeTv
    server: postgres_server.Server
    first: Home
    second: Home
    streams: list[Running] = field(default_factory=list)
    until: float = 0.0


@given("two hosts of one name that share a database server", target_fixture="hosts")
def two_hosts(request: pytest.FixtureRequest, lease: str) -> Hosts:
    """With their own processes and their own /tmp."""
    if os.geteuid() != 0:
        pytest.skip("only root makes hosts of namespaces")
    server, lasting = kept_on_server(request), ExitStack()
    request.addfinalizer(lasting.close)
    folder = Path(lasting.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
    tv = lasting.enter_context(retake_tv(folder / "tv", store_hosts.OPTIONS))
    own = {"RETAKE_FLOW_STORE": server.over(server.port), "RETAKE_FLOW_LEASE": lease}
    first, second = (lasting.enter_context(store_hosts.a_host(folder / name, tv, **own)) for name in "ab")
    return Hosts(tv, server, first, second)


@when("an agent is live on the first host")
def live_on_first(hosts: Hosts) -> None:
    """As by `run`."""
    hosts.streams.append(store_hosts.on_host(hosts.first, "run", "go-live.yaml", "--set", "size=320x240"))
    hosts.streams[-1].on_air()


@then("the second host may neither resume its run nor begin another one")
def refused_on_second(hosts: Hosts) -> None:
    """Both end with 5, and name the run that lives."""
    run = hosts.streams[-1].run
    for words in (("resume", run), ("run", "go-live.yaml")):
        refused = store_hosts.on_host(hosts.second, *words)
        assert refused.finish() == 5
        assert run in refused.out


@when("the first host loses its power")
def power_cut(hosts: Hosts) -> None:
    """Everything on it is gone at once, and nobody says goodbye."""
    hosts.until = store_hosts.lease_until(hosts.server, hosts.streams[-1].run)
    hosts.streams[-1].kill()


@then("the second host resumes the run once its lease is over, and not before")
def resumed_on_second(hosts: Hosts) -> None:
    """Without `--force`."""
    while len(hosts.streams) < 2:
        resuming = store_hosts.on_host(hosts.second, "resume", hosts.streams[0].run)
        waited(lambda resuming=resuming: resuming.records, "a word of it")
        if resuming.records[0]["event"] != "error":
            assert time.time() >= hosts.until
            hosts.streams.append(resuming)


@then("the agent is live on the second host, with a new key")
def live_on_second(hosts: Hosts) -> None:
    """And ends there cleanly."""
    hosts.streams[-1].on_air()
    assert hosts.tv.report()["keys"]["used"] >= 2
    assert hosts.tv.report()["keys"]["reused"] == 0
    store_hosts.runner_of(hosts.streams[-1]).send_signal(signal.SIGINT)
    assert hosts.streams[-1].finish() == 130
    assert hosts.tv.report()["broken_rules"] == []

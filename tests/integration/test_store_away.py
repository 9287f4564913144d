"""A database server that is restarted, cut off or silent while real streams are on air."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import postgres_server
import pytest
from cuttable_port import leading_to
from flow_processes import Running, at_home, gone, numbered, retake_tv, waited
from store_hosts import OPTIONS, a_host, encoder, epoch, gone_after, journal, on_host, runner_of

from retake_flow.store.steadfast import TOLD_AFTER

pytestmark = pytest.mark.real
LEASE = 20.0  # seconds; its holder gives up after five sevenths


@pytest.fixture
def server() -> Iterator[postgres_server.Server]:
    """A database server of our own."""
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.a_server(programs) as made:
        yield made


def go_on(running: Running) -> None:
    """Wait until the stream has gone on for a while."""
    known = len(running.records)
    waited(lambda: len(running.records) >= known + 3, "the stream to go on")


def in_touch(server: postgres_server.Server, running: Running) -> None:
    """Wait until what happens is written down again."""
    before = len(journal(server, running.run))
    waited(lambda: len(journal(server, running.run)) > before + 1, "the journal to go on")


def test_a_stream_outlasts_its_server(tmp_path: Path, server: postgres_server.Server) -> None:
    """Restarted, cut off, silent: the same encoder under the same claim, and everything is written down once. While the
    server is silent, commands give up with what to do, and SIGTERM is heeded.
    """
    with (
        leading_to(server.port) as network,
        at_home(tmp_path / "home", RETAKE_FLOW_STORE=server.over(network.port)) as home,
    ):
        folder = home.folder / "rehearsed"
        running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(folder))
        running.on_air()
        pid = encoder(running.run).pid
        away = time.monotonic()
        server.stop()
        server.start()
        in_touch(server, running)
        assert running.store_notices == [] or time.monotonic() - away > TOLD_AFTER
        for cut in ("refused", "silent"):
            network.cut(cut)  # type: ignore[arg-type]
            go_on(running)
            network.mend()
            in_touch(server, running)
        assert (encoder(running.run).pid, epoch(server, running.run)) == (pid, 1)
        network.cut("silent")
        asked = time.monotonic()
        runs = home.call("runs")
        assert time.monotonic() - asked < 100  # five seconds, and what a busy machine takes to start it
        assert runs.code == 6, runs
        assert "cannot be reached" in runs.err
        assert "see whether the database server runs" in runs.err
        waited(lambda: running.store_notices, "a notice")
        running.process.send_signal(signal.SIGTERM)
        running.until("stop_requested")
        network.mend()
        code = running.finish()
        assert code in (6, 130)
        gone(running.run)
        if code == 130:
            assert journal(server, running.run) == numbered(running.records)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes hosts of namespaces")
def test_hosts_take_over_and_never_stream_at_once(server: postgres_server.Server) -> None:
    """Two hosts of one name: a living run is left alone, one that slept past its lease is taken. When the sleeper wakes
    without a database, it ends at once and leaves the new session alone. A host that loses the database ends in time.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        tv = stack.enter_context(retake_tv(folder / "tv", OPTIONS))
        networks = [stack.enter_context(leading_to(server.port)) for _ in range(2)]
        places = [server.over(network.port) for network in networks]
        one, two = (
            stack.enter_context(a_host(folder / name, tv, RETAKE_FLOW_STORE=at, RETAKE_FLOW_LEASE=f"{LEASE}s"))
            for name, at in zip("ab", places, strict=True)
        )
        first = on_host(one, "run", "go-live.yaml")
        first.on_air()
        sleeper, old = runner_of(first), encoder(first.run)
        for arguments in (("resume", first.run), ("run", "go-live.yaml")):
            refused = on_host(two, *arguments)
            assert refused.finish() == 5
            assert first.run in refused.out + refused.err
        assert len(two.call("runs", "--json").records) == 1
        sleeper.send_signal(signal.SIGSTOP)
        waited(lambda: "died" in two.call("runs").out, "the end of the lease")
        second = on_host(two, "resume", first.run)
        second.until("activity_started", activity="broadcast/pushing/on_air:chat")
        networks[0].cut("silent")
        sleeper.send_signal(signal.SIGCONT)
        after = gone_after(old)
        assert first.finish() == 6
        go_on(second)
        assert [session["ended_by"] for session in tv.agent("owl")["sessions"]][-1] is None
        new = encoder(first.run)
        networks[1].cut("silent")
        lost = gone_after(new)
        code = second.finish()
        print(
            f"the sleeper's encoder was gone {after:.2f} s after it woke, the other's {lost:.2f} s after its database"
        )
        assert after < LEASE  # it ends at once, and not as if its lease began when it woke
        assert lost < LEASE
        assert code == 6
        assert epoch(server, first.run) == 2
        # The sleeper may have asked for the status once, before it knew that it was no longer alone.
        assert {broken["rule"] for broken in tv.report()["broken_rules"]} <= {"status-polls"}

"""A database server that is restarted, cut off or silent while real streams are on air."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import postgres_server
import psutil
import pytest
from cuttable_port import leading_to
from flow_processes import (
    Home,
    Record,
    RetakeTv,
    Running,
    at_home,
    command,
    gone,
    program,
    retake_tv,
    waited,
    write_credentials,
)

pytestmark = pytest.mark.real

TOKEN = "rtk_leases_0123456789"
OPTIONS = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]}


@pytest.fixture
def server() -> Iterator[postgres_server.Server]:
    """A database server of our own."""
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.a_server(programs) as made:
        yield made


def journal(server: postgres_server.Server, run: str) -> list[Record]:
    """What is written down of a run; its numbers have neither gaps nor doubles."""
    import psycopg

    with psycopg.connect(server.url) as connection:
        found = connection.execute("SELECT number, data FROM records WHERE run = %s ORDER BY number", [run]).fetchall()
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [json.loads(data) for _, data in found]


def epoch(server: postgres_server.Server, run: str) -> int:
    """How often a run was claimed."""
    import psycopg

    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT epoch FROM runs WHERE id = %s", [run]).fetchone()
    assert row is not None
    return int(row[0])


def encoder(run: str) -> psutil.Process:
    """The encoder of a run on this machine."""
    return waited(lambda: program(run, "ffmpeg", "flv"), "an encoder")


def told(running: Running) -> list[str]:
    """What the run has said of its store."""
    return [r["message"] for r in running.records if r["event"] == "notice" and r.get("kind") == "store"]


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
        running = home.start("run", "go-live.yaml", "--rehearse", "--folder", str(folder), "--set", "size=320x240")
        running.on_air()
        pid = encoder(running.run).pid
        server.stop()
        go_on(running)
        server.start()
        in_touch(server, running)
        for cut in ("refused", "silent"):
            network.cut(cut)  # type: ignore[arg-type]
            go_on(running)
            network.mend()
            in_touch(server, running)
        assert (encoder(running.run).pid, epoch(server, running.run)) == (pid, 1)
        network.cut("silent")
        asked = time.monotonic()
        runs = home.call("runs")
        gave_up = time.monotonic() - asked
        assert runs.code == 6, runs
        assert "cannot be reached" in runs.err
        assert "see whether the database server runs" in runs.err
        waited(lambda: told(running), "word of it")
        running.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        running.until("stop_requested")
        heeded = time.monotonic() - asked
        network.mend()
        code = running.finish()
        print(f"`runs` gave up after {gave_up:.1f} s, SIGTERM was heeded after {heeded:.1f} s, exit code {code}")
        assert gave_up < 10
        assert heeded < 8
        assert code in (6, 130)
        gone(running.run)
        if code == 130:
            beside = ("rehearsal_report", "notice_sent", "notice_failed")
            heard = [r for r in running.records if r["event"] not in beside]
            assert [r for r in journal(server, running.run) if r["event"] not in beside] == heard


_HOST = ("unshare", "--pid", "--uts", "--mount", "--fork", "--kill-child", "--mount-proc")
_SETTLED = 'mount -t tmpfs tmpfs /tmp && hostname studio && exec "$@"'
LEASE = 8.0


@contextmanager
def a_host(folder: Path, place: str, tv: RetakeTv) -> Iterator[Home]:
    """A home on a host of its own, with its own processes and /tmp, where the agent's credentials are."""
    write_credentials(folder / "owl.json", "owl", TOKEN, tv.address)
    own = {"RETAKE_API_URL": tv.address, "RETAKE_CREDENTIALS": str(folder / "owl.json")}
    with at_home(folder, RETAKE_FLOW_STORE=place, RETAKE_FLOW_LEASE=f"{LEASE}s", **own) as home:
        yield home


def on_host(home: Home, *arguments: str) -> Running:
    """A command on a host of its own, all of which have one name."""
    process = subprocess.Popen(
        [*_HOST, "sh", "-c", _SETTLED, "sh", *command(*arguments, "--json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.environment,
    )
    home.started.append(Running(process))
    return home.started[-1]


def runner_of(running: Running) -> psutil.Process:
    """The program itself, inside its host."""
    return waited(lambda: next(iter(psutil.Process(running.pid).children()), None), "the program")


def gone_after(process: psutil.Process, since: float) -> float:
    """Seconds after which a program was gone."""
    waited(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "its end", every=0.01)
    return time.monotonic() - since


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
        one, two = (stack.enter_context(a_host(folder / name, at, tv)) for name, at in zip("ab", places, strict=True))
        first = on_host(one, "run", "go-live.yaml", "--set", "size=320x240")
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
        after = gone_after(old, time.monotonic())
        assert first.finish() == 6
        go_on(second)
        assert [session["ended_by"] for session in tv.agent("owl")["sessions"]][-1] is None
        new = encoder(first.run)
        networks[1].cut("silent")
        lost = gone_after(new, time.monotonic())
        code = second.finish()
        print(
            f"the sleeper's encoder was gone {after:.2f} s after it woke, the other's {lost:.2f} s after its database"
        )
        assert after < 4
        assert lost < LEASE
        assert code == 6
        assert epoch(server, first.run) == 2
        # The sleeper may have asked for the status once, before it knew that it was no longer alone.
        assert {broken["rule"] for broken in tv.report()["broken_rules"]} <= {"status-polls"}

"""A database server that is restarted, cut off or silent while real streams are on air."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import postgres_server
import psutil
import pytest
from cuttable_port import leading_to
from flow_processes import Record, Running, at_home, gone, program, waited

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

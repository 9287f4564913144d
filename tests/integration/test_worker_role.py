"""A worker whose role may neither create nor change tables, on a real server."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import postgres_server
import psycopg
import pytest
from flow_processes import at_home, waited

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).parents[2] / "docs" / "deploy" / "worker-role.sql"
NAP = """
flow: nap
initial: asleep
states:
  asleep: {wait: 100ms, transitions: {done: over}}
  over: {final: completed}
"""


def test_a_worker_needs_no_right_to_create(tmp_path: Path) -> None:
    """Its owner prepares the tables, of the runs and of the queue; then it takes and drives a run, and drains."""
    programs = postgres_server.binaries()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt install postgresql")
    with postgres_server.serving(programs) as url:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("CREATE ROLE retake_worker LOGIN")
        worker = url.replace("//retake@", "//retake_worker@")
        with at_home(tmp_path, RETAKE_FLOW_STORE=worker) as home:
            (tmp_path / "nap.yaml").write_text(NAP)
            early = home.call("worker", "--capacity", "1")
            assert (early.code, "retake-flow store prepare" in early.err) == (6, True), early
            prepared = home.call("store", "prepare", url, "--json")
            assert (prepared.code, json.loads(prepared.out)["queue"]) == (0, True), prepared
            psql = [str(programs / "psql"), "-q", "-X", "-f", str(SCRIPT), url]
            subprocess.run(psql, check=True, capture_output=True)
            driving = home.start("worker", "--capacity", "1")
            assert home.call("submit", str(tmp_path / "nap.yaml")).code == 0

            def has_ended() -> bool:
                [run] = map(json.loads, home.call("runs", "--json").out.splitlines())
                return bool(run["outcome"] == "completed")

            waited(has_ended, "the end of the run", every=0.2)
            driving.process.send_signal(signal.SIGTERM)
            assert driving.finish() == 0

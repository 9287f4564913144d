"""A role for workers: it uses the tables, and may neither create nor change any."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgres_server
import psycopg
import pytest
from store_samples import TWEET, US, a_run, an_answer, asking, created, said

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Runs
from retake_flow.run.run import Phase
from retake_flow.store.opening import open_runs

SCRIPT = Path(__file__).parents[3] / "docs" / "deploy" / "worker-role.sql"


@pytest.fixture
def database(postgres: str) -> Iterator[tuple[str, str]]:
    """An empty database: its URL for the owner of the tables, and for the role of workers."""
    with psycopg.connect(postgres, autocommit=True) as server:
        for role in ("retake_owner", "retake_worker"):
            server.execute(f"CREATE ROLE {role} LOGIN")
        server.execute("CREATE DATABASE fleet OWNER retake_owner")
        place = postgres.replace("/postgres?", "/fleet?")
        yield place.replace("//retake@", "//retake_owner@"), place.replace("//retake@", "//retake_worker@")
        server.execute("DROP DATABASE fleet WITH (FORCE)")
        for role in ("retake_owner", "retake_worker"):
            server.execute(f"DROP ROLE {role}")


def granted(owner: str) -> None:
    """What the administrator's script does."""
    programs = postgres_server.binaries()
    assert programs is not None
    subprocess.run([str(programs / "psql"), "-q", "-X", "-f", str(SCRIPT), owner], check=True, capture_output=True)


def test_a_worker_needs_no_right_to_create(database: tuple[str, str]) -> None:
    """It does all that a run needs on current tables; older ones and none are named, with who has to bring them up."""
    owner, worker = database
    with pytest.raises(StoreError, match="permission denied for schema public") as refused:
        open_runs(worker)
    assert "as the owner of its tables" in refused.value.hint
    open_runs(owner).close()
    granted(owner)
    granted(owner)
    with closing(open_runs(worker)) as runs:
        everything(runs)
    with psycopg.connect(worker, autocommit=True) as server:
        for forbidden in ("CREATE TABLE more (a int)", "ALTER TABLE runs ADD COLUMN more int", "DROP TABLE gates"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                server.execute(forbidden)
        with psycopg.connect(owner, autocommit=True) as tables:
            tables.execute("CREATE TABLE later (a serial)")
        server.execute("INSERT INTO later DEFAULT VALUES")


def everything(runs: Runs) -> None:
    """What processes do with a store."""
    claim = created(runs, a_run("asks-1"))
    claim.write(asking(TWEET, id="asks-1"), [said("gate_opened")])
    runs.answer("asks-1", TWEET.id, an_answer(url="https://x.com/1", token="t"))
    runs.request("asks-1", "stop")
    assert [request.what for request in claim.requests(fresh=True)] == ["stop"]
    assert claim.answers(fresh=True)
    claim.upgrade(a_run("asks-1", phase=Phase.COMPLETED, outcome="succeeded"), [said("run_ended")], "flow: new")
    claim.release()
    again = runs.claim("asks-1", US)
    assert again.epoch == 2
    again.release()
    assert runs.prune(float("inf")) == ["asks-1"]

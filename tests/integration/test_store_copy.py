"""Moving from one machine's file to a database server, with copies that are killed on the way."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import postgres_server
import psycopg
import pytest
from flow_processes import at_home, waited
from store_samples import TWEET, US, a_run, said

from retake_flow.run.run import Phase
from retake_flow.store.opening import open_runs

pytestmark = pytest.mark.real

RUNS, RECORDS = 30, 700  # more than are read at a time
# Stops a copy in the middle of a run until an advisory lock is free.
HOLD = """
CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.id = 'go-live-{number}') EXECUTE FUNCTION hold();
SELECT pg_advisory_lock(1);
"""
FREE = "SELECT pg_advisory_unlock(1); DROP TRIGGER hold ON runs;"
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
ASKED = replace(TWEET, due=None)


def fill(file: Path) -> None:
    """A store of runs that wait for people."""
    with closing(open_runs(file)) as runs:
        for number in range(RUNS):
            run = f"go-live-{number}"
            waiting = a_run(run, gates={ASKED.id: ASKED}, phase=Phase.SUSPENDED)
            claim = runs.create(a_run(run), agent="owl", flow_file="/x/y.yaml", flow_text="flow: y", holder=US)
            claim.write(waiting, [said("line", number=each) for each in range(RECORDS)])
            claim.release()


def test_a_killed_copy_is_repeated(tmp_path: Path) -> None:
    """However often it is killed, each run is there whole or not at all, and at last all are there, once."""
    programs = postgres_server.binaries()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt install postgresql")
    with postgres_server.serving(programs) as url, at_home(tmp_path) as home:
        file = home.folder / "state" / "runs.sqlite"
        fill(file)
        with psycopg.connect(url, autocommit=True) as server:

            def count(query: str) -> int:
                [number] = server.execute(query).fetchone() or (0,)
                return int(number)

            assert home.call("store", "prepare", url).code == 0
            for number in (10, 20):
                server.execute(HOLD.format(number=number))
                copying = home.start("store", "copy", str(file), url)
                waited(lambda: count(HELD), f"the copy of run {number}")
                copying.kill()
                server.execute(FREE)
                partly = server.execute(
                    "SELECT run, count(*) FROM records GROUP BY run HAVING count(*) <> %s", [RECORDS]
                )
                assert partly.fetchall() == []
                assert count("SELECT count(*) FROM runs") == number
            moved = home.call("answer", "go-live-29", "url=https://x.com/1", "token=t")
            assert (moved.code, "go-live-29 was moved to postgresql:///postgres?host=" in moved.err) == (5, True)
            assert home.call("resume", "--all").out == "no run waits for a process\n"
            done = home.call("store", "copy", str(file), url, "--json")
            assert done.code == 0, done
            found = json.loads(done.out)
            assert found["runs"] + found["there"] == RUNS
            assert (found["records"], found["gates"], found["left"]) == (found["runs"] * RECORDS, found["runs"], [])
            assert "retake@" not in found["target"]
            assert count("SELECT count(*) FROM records") == RUNS * RECORDS
        assert home.call("runs").out.count(" moved") == 20
        answered = home.call("answer", "go-live-29", "url=https://x.com/1", "token=t", RETAKE_FLOW_STORE=url)
        assert answered.code == 0, answered
        with closing(open_runs(file)) as old, closing(open_runs(url)) as new:
            for number in range(RUNS):
                assert new.load(f"go-live-{number}").run == old.load(f"go-live-{number}").run
                assert new.journal(f"go-live-{number}") == old.journal(f"go-live-{number}")
        again = home.call("store", "copy", str(file), RETAKE_FLOW_STORE=url)
        assert (again.code, again.out.splitlines()[1]) == (0, f"{RUNS} runs were there already")

"""The list of runs that is read without SQLAlchemy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from store_samples import CHOICE, THEM, TWEET, World, a_run, an_answer, asking, created

from retake_flow.ports.runs import Runs
from retake_flow.run.run import Phase
from retake_flow.store import listing
from retake_flow.store.sql.migrations import STEPS

Opener = Callable[[str], Runs]


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"limit": 2},
        {"phases": [Phase.WAITING, Phase.COMPLETED]},
        {"agent": "owl"},
        {"flow": "other", "limit": 1},
        {"phases": [Phase.RUNNING], "agent": "nobody"},
    ],
)
def test_it_says_what_the_store_says(tmp_path: Path, opened: Opener, world: World, filters: dict[str, Any]) -> None:
    """With all filters, the list is the same as that of the store, in the same order."""
    place = str(tmp_path / "runs ? #.db")
    runs = opened(place)
    for number, run in enumerate(
        (a_run("a"), a_run("b", flow="other"), asking(TWEET, CHOICE, id="c"), a_run("d", reason="ü", flow="other"))
    ):
        world.time = 10.0 + number // 2
        claim = created(runs, run, agent="owl" if number else "", holder=THEM)
        claim.write(run, [])
        if number == 1:
            claim.release()
    created(runs, a_run("e")).write(a_run("e", phase=Phase.COMPLETED, outcome="completed"), [])
    runs.answer("c", TWEET.id, an_answer(url="https://x.com/1"))
    found = listing.listed(place, **filters)
    assert found == runs.summaries(**filters)
    assert found or filters.get("agent") == "nobody"


def test_what_it_does_not_know_is_left_to_the_store(tmp_path: Path, opened: Opener) -> None:
    """A URL, a file that is missing, none of ours, or of another version is nothing for it, and stays as it is."""
    place = tmp_path / "runs.db"
    assert listing.listed(str(place)) is listing.listed("postgresql://db/runs") is None
    assert not place.exists()
    opened(str(place)).close()
    assert listing.listed(str(place)) == []
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99, readable_by = 98")
    assert listing.listed(str(place)) is None
    place.write_bytes(b"nonsense" * 1000)
    assert listing.listed(str(place)) is None
    assert place.read_bytes() == b"nonsense" * 1000


def test_it_knows_the_version_of_today() -> None:
    """Who adds a step to the tables has to look at the list, too."""
    assert len(STEPS) == listing.VERSION


def test_it_does_without_sqlalchemy(tmp_path: Path, opened: Opener) -> None:
    """To list the runs of a file, SQLAlchemy is not imported."""
    place = str(tmp_path / "runs.db")
    created(opened(place))
    program = """
import sys
from retake_flow.store.listing import listed
print(len(listed(sys.argv[1])), "sqlalchemy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program, place], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "False"]

"""The same store three times: in memory, in a SQLite file, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import postgres_server
import pytest
from store_samples import World

from retake_flow.ports.runs import Runs
from retake_flow.store.memory import MemoryRuns
from retake_flow.store.opening import open_runs


@pytest.fixture
def world() -> World:
    """The world around the store."""
    return World()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    programs = postgres_server.binaries()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt install postgresql")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'retake-flow[postgres]'")
    with postgres_server.serving(programs) as url:
        yield url


_schemas = count()


@pytest.fixture
def postgres_place(postgres: str) -> Iterator[str]:
    """The URL of an empty schema on that server."""
    import psycopg

    schema = f"test_{next(_schemas)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{postgres}&options=-csearch_path%3D{schema}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_place")
        return found
    return str(tmp_path / "store" / "runs.db")


@pytest.fixture
def opened(world: World) -> Iterator[Callable[[str], Runs]]:
    """Opens stores in that world, and closes them when the test is over."""
    all_opened: list[Runs] = []

    def open_at(place: str) -> Runs:
        all_opened.append(open_runs(place, alive=world.alive, now=world.now))
        return all_opened[-1]

    yield open_at
    for runs in all_opened:
        runs.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def runs(request: pytest.FixtureRequest, world: World, tmp_path: Path, opened: Callable[[str], Runs]) -> Runs:
    """An empty store."""
    if request.param == "memory":
        return MemoryRuns(alive=world.alive, now=world.now)
    if request.param == "postgresql":
        return opened(request.getfixturevalue("postgres_place"))
    return opened(str(tmp_path / "runs.db"))

"""The process that drives a run dies at every boundary of its journal, in virtual time and with a real store."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import postgres_server
import pytest

from retake_flow.ports.runs import Runs
from retake_flow.store.opening import open_runs
from retake_flow.testing.runs.interventions import Intervention, Scene
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed, open_flow

#: How many boundaries are tried on a database server, each way.
_SAMPLE = 8
go_live = cache(partial(open_flow, "go-live.yaml"))
POST = "https://x.com/owl/status/1860000000000000001"
OWL = {
    "agent_name": "Day Owl",
    "agent_description": "Watches and tells",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}


def _again(folder: Path) -> Rehearsal:
    """An agent with credentials, that any person has vouched for."""
    rehearsal = Rehearsal(go_live(), folder, inputs={"max_duration": "8s"})
    rehearsal.give_credentials()
    return rehearsal


def _first_time(folder: Path) -> Rehearsal:
    """An agent that is neither registered nor verified; a person vouches for it after an hour."""
    rehearsal = Rehearsal(go_live(), folder, inputs={**OWL, "max_duration": "8s"})
    rehearsal.options = replace(rehearsal.options, agents=(), verified=False, tweets={POST: "{message}"})

    def answer(scene: Scene) -> None:
        scene.answer("post", {"tweet_url": POST}, decision="posted")

    rehearsal.interventions.append(Intervention(lambda record: True, 3600.0, answer))
    return rehearsal


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database server of our own; "" for files."""
    if request.param == "files":
        yield ""
        return
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.serving(programs) as url:
        yield url


def _place(server: str, folder: Path) -> str:
    """An empty store: a file, or a schema of the server."""
    if not server:
        empty, file = folder.parent / "empty.sqlite", folder / "runs.sqlite"
        if not empty.exists():
            open_runs(str(empty)).close()
        shutil.copy(empty, file)  # makes no tables, which takes a third of the time of a whole run
        return str(file)
    import psycopg

    schema = f"at_{folder.name.replace('-', '_').replace('+', 'p')}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server}&options=-csearch_path%3D{schema}"


def _played(
    make: Callable[[Path], Rehearsal],
    folder: Path,
    dies: int = 1,
    die_at: str = "",
    processes: int = 1,
    server: str = "",
) -> Rehearsed:
    folder.mkdir()
    rehearsal = make(folder)
    place = _place(server, folder)

    def store(now: Callable[[], float]) -> Runs:
        return open_runs(place, alive=lambda holder: False, now=now)

    rehearsal.store, rehearsal.dies, rehearsal.die_at = store, dies, die_at
    more = 1 if die_at else 0
    rehearsal.comebacks = [60.0 if n == dies and die_at else 7200.0 for n in range(1, processes + more)]
    rehearsal.within = 90_000.0
    return rehearsal.play()


def _registered(rehearsed: Rehearsed) -> int:
    return sum(call["path"].endswith("/agent/register") and call["status"] == 200 for call in _calls(rehearsed))


def _calls(rehearsed: Rehearsed) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = rehearsed.report["timeline"]
    return calls


@pytest.mark.parametrize("server", ["files", "a database server"], indirect=True)
@pytest.mark.parametrize(("make", "processes"), [(_again, 1), (_first_time, 2)])
def test_a_run_that_dies_at_any_boundary_ends_as_if_it_had_not(
    make: Callable[[Path], Rehearsal], processes: int, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same final state, registered once at most, no key twice, one opening message, credentials whole, nothing left.

    On a database server a sample of the boundaries is tried.
    """
    whole = _played(make, tmp_path / "whole", processes=processes, server=server)
    assert (whole.run.outcome, len(whole.writes)) == ("completed", processes)
    points = [
        (dies, f"{write}{side}")
        for dies, writes in enumerate(whole.writes, 1)
        for write in range(1, writes + 1)
        for side in "-+"
    ]
    for dies, die_at in points[:: max(1, len(points) // _SAMPLE) if server else 1]:
        folder = tmp_path / f"{dies}-{die_at}"
        rehearsed = _played(make, folder, dies, die_at, processes, server)
        about = f"process {dies} died at {die_at}: {rehearsed.run}"
        assert (rehearsed.run.outcome, rehearsed.run.state) == (whole.run.outcome, whole.run.state), about
        assert _registered(rehearsed) == _registered(whole), about
        assert rehearsed.report["broken_rules"] == [], about
        assert rehearsed.report["keys"]["reused"] == 0, about
        said = [comment["text"] for comment in rehearsed.agent["chat"] if comment["agent"]]
        assert said.count("I'm live. What should we explore today?") <= 1, about
        assert [s for s in rehearsed.agent["sessions"] if s["ended"] is None] == [], about
        assert rehearsed.left == (), about
        assert rehearsed.studio.alive == [], about
        file = folder / "retake" / "credentials.json"
        token = next(iter(rehearsed.platform.agents)).token.reveal()
        assert json.loads(file.read_text())["access_token"] == token, about
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, about
    with capsys.disabled():
        print(f"\n{len(points)} points at which the process died, {make.__name__.strip('_')}")

"""What is read of a SQLite file without SQLAlchemy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from store_samples import CHOICE, THEM, TWEET, US, World, a_run, an_answer, asking, created, said

from retake_flow.errors import RetakeFlowError
from retake_flow.monitor.following import Following
from retake_flow.ports.runs import Runs
from retake_flow.run.figures import Figures
from retake_flow.run.run import Phase
from retake_flow.run.vitals import Vitals
from retake_flow.store import reading
from retake_flow.store.opening import open_runs
from retake_flow.store.reading import FileReader
from retake_flow.store.sql.migrations import STEPS

Opener = Callable[[str], Runs]


def read(place: str, owner: str = "") -> FileReader:
    """A reader of a file that it can read."""
    found = reading.open_file(place, owner)
    assert found is not None
    return found


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
    found = read(place).summaries(**filters)
    assert found == runs.summaries(**filters)
    assert found or filters.get("agent") == "nobody"


def outcome(ask: Callable[..., Any], *told: Any, **named: Any) -> Any:
    """What a question gives, or the error that it raises."""
    try:
        return ask(*told, **named)
    except RetakeFlowError as error:
        return type(error), error.message, error.hint


def test_it_reads_a_run_as_the_store_does(tmp_path: Path, opened: Opener, world: World) -> None:
    """Its snapshot, journal and questions; what a name means; and what is wrong when there is nothing."""
    place = str(tmp_path / "runs.db")
    store = opened(place)
    for number, name in enumerate(("show-20261130-061558-5c19", "show-20261130-061559-5c19", "show-x", "other")):
        world.time = 10.0 + number
        created(store, asking(TWEET, CHOICE, id=name)).write(
            asking(TWEET, CHOICE, id=name), [said("chat_message", text='"event":"tip"'), said("tip"), said("x", n=1)]
        )
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE records SET data = 'damaged' WHERE run = 'other' AND number = 2")
        connection.execute("UPDATE gates SET data = '{}' WHERE run = 'show-x'")
        connection.execute("UPDATE snapshots SET data = '[]' WHERE run = 'show-x'")
    reader = read(place)
    for name in ("last", "show", "show-2", "show-x", "other", "o", "nothing", "sh", "%", ""):
        assert outcome(reader.find, name) == outcome(store.find, name), name
    for run in ("show-20261130-061558-5c19", "show-x", "other", "nothing"):
        assert outcome(reader.load, run) == outcome(store.load, run)
        for asked in ({}, {"after": 1}, {"last": 1}, {"events": ["tip"]}, {"events": ["x", "tip"], "last": 1}):
            assert outcome(reader.journal, run, **asked) == outcome(store.journal, run, **asked)
    assert [each.damage for each in reader.open_gates()] == [each.damage for each in store.open_gates()]
    assert reader.open_gates("other") == store.open_gates("other")


def test_figures_are_stored_with_the_run(tmp_path: Path, opened: Opener) -> None:
    """They count what was written up to the last snapshot or a hundred records ago, also after a new claim."""
    place = str(tmp_path / "runs.db")
    store, run = opened(place), a_run()
    claim = created(store, run)
    claim.write(run, [said("chat_message")] * 3)
    claim.write(a_run(state="b"), [said("chat_message")])
    found = read(place).load(run.id).figures
    assert found.dump() == {**Figures().dump(), "number": 3, "unanswered": 3} | {
        "asked": found.vitals._last,
        "vitals": {**vars(Vitals()), "_last": found.vitals._last},
    }
    claim.release()
    claim = store.claim(run.id, US)
    for _ in range(101):
        claim.write(run, [said("chat_sent")])
    figures = Following(read(place), run.id).figures
    assert (figures.number, figures.unanswered) == (105, 0)
    assert read(place).load(run.id).figures.number >= 100
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("""UPDATE snapshots SET figures = '{"version": 1, "number": 7}'""")
    assert Following(read(place), run.id).figures.number == 105


def test_last_is_the_last_run_of_the_agent_who_asks(tmp_path: Path, world: World) -> None:
    """Two agents with one store do not see each other's; a run that nobody owns is everybody's."""
    place = str(tmp_path / "runs.db")
    owl, fox, nobody = (open_runs(place, alive=world.alive, now=world.now, owner=name) for name in ("o", "f", ""))
    names = ("one", "show-20261130-061558-0000", "show-20261130-061559-0000", "two")
    for number, (store, name) in enumerate(zip((nobody, owl, fox, nobody), names, strict=True)):
        world.time = 10.0 + number
        created(store, a_run(name))
        if number == 2:
            for who, wanted in ((owl, names[1]), (fox, names[2]), (nobody, names[2])):
                assert who.find("last") == who.find("show") == wanted
            assert read(place, "o").find("last") == read(place, "o").find("show") == names[1]
            assert read(place, "new").find("last") == "one"
            assert read(place, "new").find("show") == names[2]
    assert {read(place, who).find("last") for who in ("o", "f", "")} == {"two"}
    for store in (owl, fox, nobody):
        store.close()


def test_what_it_does_not_know_is_left_to_the_store(tmp_path: Path, opened: Opener) -> None:
    """A URL, a file that is missing, none of ours, or of another version is nothing for it, and stays as it is."""
    place = tmp_path / "runs.db"
    assert reading.open_file(str(place)) is reading.open_file("postgresql://db/runs") is None
    assert not place.exists()
    opened(str(place)).close()
    assert read(str(place)).summaries() == []
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99, readable_by = 98")
    assert reading.open_file(str(place)) is None
    place.write_bytes(b"nonsense" * 1000)
    assert reading.open_file(str(place)) is None
    assert place.read_bytes() == b"nonsense" * 1000


def test_it_knows_the_version_of_today() -> None:
    """Who adds a step to the tables has to look at the reader, too."""
    assert len(STEPS) == reading.VERSION


def test_it_does_without_sqlalchemy(tmp_path: Path, opened: Opener) -> None:
    """To read what `status` needs, SQLAlchemy is not imported."""
    place = str(tmp_path / "runs.db")
    created(opened(place))
    program = """
import sys
from retake_flow.monitor import brief, chat_inbox, following
from retake_flow.store.reading import open_file
store = open_file(sys.argv[1])
run = store.find("last")
print(len(store.summaries()), len(chat_inbox.ChatInbox(store, run, "").messages), brief.status(
    following.Following(store, run))["unread"], not {"sqlalchemy", "asyncio", "jinja2", "httpx"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", program, place], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0", "0", "True"]

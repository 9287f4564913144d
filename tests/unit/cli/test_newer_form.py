"""A run in a form that only a newer program knows: every command names it and leaves it as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cli_command import Command
from sqlalchemy import text
from stored_runs import DEAD
from waiting_runs import ASKING, begun

from retake_flow.cli.main import COMMANDS
from retake_flow.ports.runs import Holder, Runs
from retake_flow.store.holders import this_process

RUN = "newer-1"
NAMING: dict[str, Sequence[str]] = {
    "resume": (RUN,),
    "resume --force": (RUN,),
    "resume --upgrade": (RUN,),
    "resume --detach": (RUN,),
    "answer": (RUN, "word=yes"),
    "show": (RUN,),
    "watch": (RUN,),
    "say": (RUN, "hello"),
    "send": (RUN, "raid"),
    "stop": (RUN,),
    "kill": (RUN,),
    "status": (RUN,),
    "wait": (RUN, "--until", "ended"),
    "events": (RUN,),
    "chat": (RUN,),
    "reply": (RUN, "hello"),
    "screen": (RUN, "title", "hello"),
    "scene": (RUN, "brb"),
    "graph --run": (RUN,),
}
#: Commands that name no run.
OTHERS = {
    *("run", "gates", "runs", "prune", "mcp", "skill", "serve", "notify", "guide", "doctor", "rehearsal"),
    *("store", "agents"),
    *("submit", "worker", "hosts", "drain"),
    *("flows", "init", "check", "show-flow", "plan", "simulate", "test", "paths", "actions", "schema"),
}


def newer(store: Runs, folder: Path, holder: Holder | None) -> None:
    """A run that a program of the future has written."""
    begun(store, folder, RUN, ASKING, holder=holder)
    with store.database.writing() as connection:  # type: ignore[attr-defined]
        data = json.loads(connection.scalar(text("SELECT data FROM snapshots WHERE run = 'newer-1'")))
        changed = json.dumps({**data, "version": 99, "moods": ["calm"]})
        connection.execute(text("UPDATE snapshots SET data = :data WHERE run = 'newer-1'"), {"data": changed})


def rows(store: Runs) -> list[object]:
    """Everything that is kept of it."""
    tables = {"runs": "id", "snapshots": "run", "records": "run", "gates": "run", "requests": "run"}
    with store.database.reading() as connection:  # type: ignore[attr-defined]
        queries = (text(f"SELECT * FROM {table} WHERE {key} = 'newer-1'") for table, key in tables.items())
        return [connection.execute(query).all() for query in queries]


def test_every_command_is_tried() -> None:
    """A new one is added to those that name a run, or to the others."""
    assert {name.split()[0] for name in NAMING} | OTHERS == set(COMMANDS)


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("alive", [False, True], ids=["dead", "driven"])
def test_a_command_names_it_and_leaves_it_alone(
    command: Command, store: Runs, folder: Path, name: str, alive: bool
) -> None:
    """Whether its process lives or not."""
    newer(store, folder, this_process() if alive else DEAD)
    before = rows(store)
    said = command(*name.split(), *NAMING[name])
    assert said.code == 6, said
    assert "the run newer-1 cannot be read: this run was written in form 99; this program knows" in said.err
    assert "update retake-flow; until then it is not changed" in said.err
    assert rows(store) == before


def test_all_others_go_on(command: Command, store: Runs, folder: Path) -> None:
    """`resume --all` says once which run it leaves alone, and `runs` and `gates` list it as any other."""
    newer(store, folder, DEAD)
    begun(store, folder, "good-1")
    before = rows(store)
    said = command("resume", "--all")
    assert said.code == 5, said
    assert said.out.count("[newer-1] is skipped: the run newer-1 cannot be read: this run was written in form 99") == 1
    assert "update retake-flow" in said.out
    assert store.load("good-1").run.outcome == "completed"
    for listing in ("runs", "gates"):
        said = command(listing)
        assert said.code == 0, said
        assert "newer-1" in said.out
    assert rows(store) == before


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_prune_leaves_it_alone_although_it_has_ended(
    command: Command, store: Runs, folder: Path, options: Sequence[str]
) -> None:
    """What else belongs to it is known only to the program that wrote it."""
    newer(store, folder, None)
    with store.database.writing() as connection:  # type: ignore[attr-defined]
        connection.execute(text("UPDATE runs SET outcome = 'completed', phase = 'completed' WHERE id = 'newer-1'"))
    before = rows(store)
    said = command("prune", "--older-than", "0s", *options)
    assert (said.code, said.out.split()[0], rows(store)) == (0, "0", before)

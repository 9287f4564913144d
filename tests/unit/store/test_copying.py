"""Copying a store: everything arrives, once, and goes on in one place only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_samples import CHOICE, TWEET, US, World, a_run, an_answer, asking, created, said

from retake_flow.errors import SettingsError, StoreError
from retake_flow.fleet.placement import choose
from retake_flow.ports.fleet import Demand, Host
from retake_flow.ports.runs import Runs
from retake_flow.run.errors import RunMoved, RunsHeld
from retake_flow.run.run import PendingUndo, Phase
from retake_flow.store.holders import this_process
from retake_flow.store.opening import copy_store, open_fleet, open_runs
from retake_flow.store.sql.copying import Copied

Opener = Callable[[str], Runs]

#: A process that was here.
GONE = replace(this_process(), pid=2**22 + 1)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Where the runs are at first."""
    return str(tmp_path / "old.sqlite")


def copy(source: str, target: str, owner: Callable[[str], str] = str) -> Copied:
    """A copy of all runs."""
    return copy_store(source, target, owner, lambda done, of: None)[0]


def filled(runs: Runs) -> None:
    """One run that waits for people and has an answer, one whose process died, one that has ended."""
    waiting = created(runs, a_run("waits-1"))
    waiting.write(asking(TWEET, CHOICE, id="waits-1"), [said("gate_opened"), said("line", text="grüß \x00Gott")])
    waiting.release()
    runs.answer("waits-1", TWEET.id, an_answer(url="https://x.com/1", token="s3cret-token"))
    created(runs, a_run("died-1"), holder=GONE).write(a_run("died-1"), [said("entered")] * 1201)
    runs.request("died-1", "say", {"text": "hello"})
    ended = runs.create(a_run("ended-1"), agent="fox", flow_file="/y/own.yaml", flow_text="flow: y", holder=GONE)
    ended.write(a_run("ended-1", phase=Phase.COMPLETED, outcome="succeeded"), [said("run_ended")])
    ended.release()


def everything(runs: Runs) -> dict[str, Any]:
    """All that a store has, without who drives what."""
    found = {}
    for summary in runs.summaries():
        stored = runs.load(summary.id)
        about = (stored.run, stored.agent, stored.flow_file, stored.flow_text, stored.created, stored.updated)
        found[summary.id] = (about, runs.journal(summary.id), runs.open_gates(summary.id), summary.outcome)
    return found


def test_everything_arrives(source: str, place: str, opened: Opener, world: World) -> None:
    """Runs, journals, questions, answers, requests and flows are there, and the answer reaches the run."""
    old = opened(source)
    filled(old)
    done = copy(source, place)
    counts = (done.runs, done.there, done.records, done.gates, done.answers, done.requests, done.flows, done.left)
    assert counts == (3, 0, 1204, 2, 1, 1, 2, {})
    new = opened(place)
    assert everything(new) == everything(old)
    claim = new.claim("waits-1", US)
    assert claim.answers(fresh=True)[TWEET.id].fields["token"].reveal() == "s3cret-token"
    [request] = new.claim("died-1", US).requests(fresh=True)
    assert (request.what, request.data) == ("say", {"text": "hello"})
    again = copy(source, place)
    assert (again.runs, again.there, again.left) == (0, 3, {})  # and nothing in the target was touched
    assert new.load("waits-1").holder == US


def test_from_a_server_to_a_file(postgres_place: str, tmp_path: Path, opened: Opener) -> None:
    """The way back is the same."""
    old = opened(postgres_place)
    filled(old)
    done = copy(postgres_place, f"sqlite:///{tmp_path}/new.sqlite")
    assert (done.runs, done.records, done.left) == (3, 1204, {})
    new = opened(str(tmp_path / "new.sqlite"))
    assert everything(new) == everything(old)
    with pytest.raises(RunMoved, match=r"waits-1 was moved to .*/new\.sqlite"):
        old.claim("waits-1", US)


def test_a_moved_run_goes_on_in_the_target_only(source: str, place: str, opened: Opener) -> None:
    """In the source it is neither driven, nor answered, nor asked for anything, unless it is forced."""
    old = opened(source)
    filled(old)
    old.close()
    copy(source, place)
    old = opened(source)
    with pytest.raises(RunMoved, match="died-1 was moved to ") as refused:
        old.claim("died-1", US)
    assert (refused.value.exit_code, "RETAKE_FLOW_STORE" in refused.value.hint) == (5, True)
    for ask in (
        lambda: old.answer("waits-1", CHOICE.id, an_answer(decision="give_up")),
        lambda: old.request("waits-1", "stop"),
    ):
        with pytest.raises(RunMoved):
            ask()
    opened(place).answer("waits-1", CHOICE.id, an_answer(decision="give_up"))
    old.claim("waits-1", US, force=True).release()
    with pytest.raises(StoreError, match="runs of one name that differ: waits-1"):
        copy(source, place)


def test_what_an_ended_run_owes_is_undone_in_the_target_only(source: str, place: str, opened: Opener) -> None:
    """Twice, it would undo what another run of the agent has done since."""
    old = opened(source)
    owed = (PendingUndo("a", "a", "retake.stop_stream", {}),)
    created(old, a_run("owes-1", phase=Phase.FAULTED, outcome="failed", undoing=owed)).release()
    assert copy(source, place).runs == 1
    assert (old.owing(), opened(place).owing()) == ([], ["owes-1"])
    with pytest.raises(RunMoved, match="owes-1 was moved to "):
        old.claim("owes-1", US)
    assert copy(source, place).there == 1
    assert (opened(place).prune(99.0), old.prune(99.0)) == ([], ["owes-1"])


def test_a_driven_run_is_not_copied(source: str, place: str, opened: Opener) -> None:
    """It is refused by name; neither store has changed."""
    filled(opened(source))
    us = this_process()
    driven = open_runs(source)
    with closing(driven):
        claim = created(driven, a_run("on-air-1"), holder=us)
        with pytest.raises(RunsHeld, match=rf"on-air-1 \(process {os.getpid()} on .*\)") as refused:
            copy(source, place)
        assert refused.value.exit_code == 5
        assert opened(place).summaries() == []
        claim.write(a_run("on-air-1", vars={"still": "written"}), [])
        claim.release()
    assert copy(source, place).runs == 4


def test_what_is_in_the_target_stays(source: str, place: str, opened: Opener) -> None:
    """Other runs are kept; one of the same name that differs keeps all from being copied."""
    filled(opened(source))
    created(opened(place), a_run("theirs-1"))
    assert copy(source, place).runs == 3
    assert len(opened(place).summaries()) == 4


def test_a_run_of_the_same_name_is_never_overwritten(source: str, place: str, opened: Opener, world: World) -> None:
    """Nothing is copied then, and the source goes on."""
    filled(opened(source))
    world.time = 99.0
    created(opened(place), a_run("died-1"), agent="other")
    with pytest.raises(StoreError, match="differ: died-1"):
        copy(source, place)
    assert [run.agent for run in opened(place).summaries()] == ["other"]
    opened(source).claim("waits-1", US)


def test_a_damaged_run_is_left_and_named(source: str, postgres_place: str, opened: Opener) -> None:
    """All others are copied."""
    filled(opened(source))
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE runs SET created = 'long ago' WHERE id = 'died-1'")
        connection.execute("UPDATE runs SET epoch = 'many' WHERE id = 'ended-1'")
        connection.commit()
    done = copy(source, postgres_place)
    assert (done.runs, sorted(done.left)) == (1, ["died-1", "ended-1"])
    assert done.left["ended-1"] == "its epoch is 'many'"
    assert done.left["died-1"].startswith("it does not fit the tables: ")
    assert [run.id for run in opened(postgres_place).summaries()] == ["waits-1"]


def test_a_submitted_run_gets_a_host_in_the_target(source: str, place: str) -> None:
    """What it needs comes along; the host that it had stays behind."""
    with closing(open_fleet(source)) as old:
        demand = Demand("owl", 0.25, ("nvenc",))
        old.submit(a_run("waits-1"), agent="owl", flow_file="/f.yaml", flow_text="flow", demand=demand)
        host = Host("here", GONE.where, GONE.pid, GONE.started, "1", 2.0, ("nvenc",), ("owl",))
        old.beat(host)
        assert [placed.run for placed in old.place(choose).placed] == ["waits-1"]
    assert copy(source, place).runs == 1
    with closing(open_fleet(place)) as new:
        [job] = new.jobs()
        assert (job.demand, job.waits, new.placed_runs("here")) == (demand, True, [])
        new.beat(replace(host, id="there"))
        assert [placed.host for placed in new.place(choose).placed] == ["there"]


def test_only_stores_are_copied(tmp_path: Path, source: str, opened: Opener) -> None:
    """A file that is not there is not made, and a store is not copied to itself under another name."""
    with pytest.raises(StoreError, match=r"there is no store .*old\.sqlite"):
        copy(source, str(tmp_path / "new.sqlite"))
    assert not Path(source).exists()
    filled(opened(source))
    (tmp_path / "link").symlink_to(source)
    for name in (source, f"sqlite:///{source}", str(tmp_path / "link")):
        with pytest.raises(SettingsError, match="both stores are"):
            copy(source, name)
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="there is no store of retake-flow"):
        copy(str(tmp_path / "empty.sqlite"), source)
    assert opened(source).claim("waits-1", US)


def test_a_run_moves_to_one_place(source: str, tmp_path: Path, opened: Opener) -> None:
    """A run that was moved is not moved again from where it was."""
    filled(opened(source))
    copy(source, str(tmp_path / "first.sqlite"))
    with pytest.raises(RunMoved, match=r"moved to .*/first\.sqlite"):
        copy(source, str(tmp_path / "second.sqlite"))
    assert copy(str(tmp_path / "first.sqlite"), str(tmp_path / "second.sqlite")).runs == 3


def test_the_owner_is_seen_from_the_target(tmp_path: Path) -> None:
    """Credentials named from a file's folder are the same ones in a database, so that `last` finds the runs."""
    from retake_flow.wiring import storing

    folder = tmp_path / "state"
    owned = open_runs(str(folder / "runs.sqlite"), owner="file ../owl.json")
    created(owned, a_run("owl-1")).release()
    owned.close()
    storing.copy_store(str(folder / "runs.sqlite"), f"sqlite:///{tmp_path}/new.sqlite", lambda done, of: None)
    copied = open_runs(str(tmp_path / "new.sqlite"), owner=f"file {tmp_path}/owl.json")
    assert copied.find("last") == "owl-1"
    copied.close()

"""Ending a run, whoever drives it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_command import Command
from flow_processes import write_credentials
from stored_runs import AWAY, DEAD, a_gate, an_answer, ended, stored

from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.cli.run_commands import stop
from retake_flow.errors import CredentialsError
from retake_flow.ports.fleet import Demand
from retake_flow.ports.runs import Claim, Runs
from retake_flow.redact import Secret
from retake_flow.run.records import record
from retake_flow.run.run import PendingUndo, Phase, Run
from retake_flow.run.stats import Stats
from retake_flow.settings import Settings
from retake_flow.store.holders import this_process
from retake_flow.studio.processes.launcher import RUN_VARIABLE
from retake_flow.wiring import accounts
from retake_flow.wiring.storing import open_fleet, open_store

RUN = Run("owl-1", "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="on/air")
ASKING = """\
flow: asking
initial: question
states:
  question: {ask: {message: "Well?", answer: {word: {type: string}}}, transitions: {answered: done}}
  done: {final: completed}
"""


@contextmanager
def driving(claim: Claim, heard: list[str], *, lets_go: bool = False) -> Iterator[None]:
    """A driver that does what it is asked."""
    over = threading.Event()

    def drive() -> None:
        while not over.wait(0.02):
            for request in claim.requests():
                heard.append(request.what)
                if not lets_go:
                    outcome = {"stop": "stopped", "kill": "killed"}[request.what]
                    claim.write(replace(RUN, phase=Phase.CANCELLED, outcome=outcome, reason="by hand"), [])
                claim.release()
                return

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(("command_name", "outcome"), [("stop", "stopped"), ("kill", "killed")])
def test_whoever_drives_it_is_asked_and_waited_for(
    command: Command, store: Runs, command_name: str, outcome: str
) -> None:
    """The process that drives a run hears of it, and its end is told, soon."""
    heard: list[str] = []
    claim = stored(store, "owl-1", holder=this_process())
    begun = time.monotonic()
    with driving(claim, heard):
        said = command(command_name, "owl")
    assert time.monotonic() - begun < 60
    assert (said.code, said.out, heard) == (0, f"owl-1 has ended: {outcome} in on/air: by hand\n", [command_name])


def test_a_program_gets_the_end_as_one_object(command: Command, store: Runs) -> None:
    """How a run ended is told with phase, outcome and reason."""
    claim = stored(store, "owl-1", holder=this_process())
    with driving(claim, []):
        [one] = command("stop", "last", "--json").records
    assert one == {
        "run": "owl-1", "ended": True, "already_ended": False, "phase": "cancelled", "outcome": "stopped",
        "state": "on/air", "reason": "by hand", "stats": Stats().figures(0), "effect": "done",
        "waits": None, "next": ["retake-flow show owl-1 --json"],
    }  # fmt: skip


@pytest.mark.parametrize(("command_name", "hint"), [("stop", "retake-flow kill owl-1"), ("kill", "kill -9 ")])
def test_a_run_that_does_not_end_in_time_is_told_with_1(
    command: Command, store: Runs, command_name: str, hint: str
) -> None:
    """Who does not want to wait longer is told what can be done; what was asked stays asked."""
    claim = stored(store, "owl-1", holder=this_process())
    said = command(command_name, "owl-1", "--within", "200ms")
    assert (said.code, said.out) == (1, "owl-1 has not ended yet; it is in on/air\n")
    assert hint in said.err
    assert [request.what for request in claim.requests()] == [command_name]


def test_a_process_elsewhere_is_asked_too(command: Command, store: Runs) -> None:
    """A process on another host counts as alive, so it is asked, and nothing is taken from it."""
    stored(store, "owl-1", holder=AWAY)
    [one] = command("kill", "owl-1", "--within", "0.2", "--json").records
    assert (one["ended"], store.load("owl-1").holder) == (False, AWAY)


@pytest.mark.parametrize("name", ["stop", "kill"])
def test_what_has_ended_is_said_to_have_ended(command: Command, store: Runs, name: str) -> None:
    """To end an ended run is no error."""
    ended(store)
    said = command(name, "owl-1")
    assert (said.code, said.out) == (0, "owl-1 had already ended: completed in done\n")
    assert command(name, "owl-1", "--json").records[0]["already_ended"] is True
    assert command(name, "bat").code == 2


def test_a_run_without_a_process_is_killed_here(command: Command, store: Runs) -> None:
    """Its end is written, its programs are swept away, and a question is closed even when it was just answered."""
    run = f"owl-{os.getpid()}"  # programs of this mark are killed on the whole machine
    stored(store, run, a_gate(), a_gate("b.1"), holder=DEAD)
    store.answer(run, "prove.1", an_answer(tweet_url="https://x"))
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); import time; time.sleep(900)"],
        env={**os.environ, RUN_VARIABLE: run},
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        said = command("kill", run)
        assert child.wait(300) == -9
    assert (said.code, said.out) == (0, f"{run} has ended: killed in on/air\n")
    last = store.load(run)
    assert (last.run.phase, last.run.outcome, last.holder) == (Phase.CANCELLED, "killed", None)
    assert store.open_gates() == []
    [(_, record)] = store.journal(run)
    assert {**record, "t": ""} == {
        "t": "", "event": "run_ended", "run": run, "outcome": "killed", "state": "on/air", "reason": "killed",
        "stats": Stats().figures(0),
    }  # fmt: skip


def test_nothing_is_owed_by_a_killed_run(command: Command, store: Runs) -> None:
    """What was still to be taken back is not listed any more, as when the run's own process kills it."""
    undo = PendingUndo("on", "on/air", "retake.stop_stream", {})
    stored(store, "owl-1", holder=DEAD, undos=(undo,), undoing=(undo,))
    assert command("kill", "owl-1").code == 0
    last = store.load("owl-1").run
    assert (last.outcome, last.undos, last.undoing) == ("killed", (), ())


@pytest.mark.parametrize("recorded", [True, False])
def test_a_run_that_ended_before_its_undos_were_done_is_killed_whole(
    command: Command, store: Runs, folder: Path, recorded: bool
) -> None:
    """It keeps its outcome. Its end is recorded once, its stream counts as over, and its credentials are deleted."""
    rehearsed = folder / "rehearsed"
    rehearsed.mkdir()
    (rehearsed / ".rehearsal.json").write_text('{"agents": [{"token": "rtk_1"}]}', encoding="utf-8")
    over = {"phase": Phase.COMPLETED, "outcome": "completed", "reason": "well done", "rehearsal": str(rehearsed)}
    undo = PendingUndo("on", "on/air", "retake.stop_stream", {})
    end = [record("run_ended", 5.0, run="owl-1", outcome="completed", state="on/air", reason="well done")]
    on_air = Stats(began=time.time() - 60)
    stored(store, "owl-1", holder=DEAD, records=end * recorded, stats=on_air, undoing=(undo,), **over)
    assert command("kill", "owl-1").out == "owl-1 has ended: completed in on/air: well done\n"
    last = store.load("owl-1")
    assert (last.run.outcome, last.run.undoing, last.holder) == ("completed", (), None)
    assert (last.run.stats.on_air, last.run.stats.seconds >= 60) == (False, True)
    [(_, told)] = store.journal("owl-1")
    assert (told["event"], told["outcome"], told["reason"]) == ("run_ended", "completed", "well done")
    assert not any(rehearsed.iterdir())


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("name", ["stop", "kill"])
def test_a_run_whose_process_died_at_its_very_end_is_ended_whole(
    command: Command, store: Runs, folder: Path, name: str, recorded: bool
) -> None:
    """All was undone, and only the record of the end, or the release, was missing: it is made up for, once."""
    rehearsed = folder / "rehearsed"
    rehearsed.mkdir()
    (rehearsed / ".rehearsal.json").write_text('{"agents": [{"token": "rtk_1"}]}', encoding="utf-8")
    end = [record("run_ended", 5.0, run="owl-1", outcome="completed", state="on/air", reason="")]
    over = {"phase": Phase.COMPLETED, "outcome": "completed", "stats": Stats(began=time.time() - 60)}
    stored(store, "owl-1", holder=DEAD, records=end * recorded, rehearsal=str(rehearsed), **over)
    for _ in range(2):
        assert command(name, "owl-1").out == "owl-1 had already ended: completed in on/air\n"
    last = store.load("owl-1")
    assert (last.run.outcome, last.run.stats.on_air, last.holder) == ("completed", recorded, None)
    assert [told["event"] for _, told in store.journal("owl-1")] == ["run_ended"]
    assert not any(rehearsed.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_a_rehearsal_that_is_killed_without_a_process_leaves_no_token(
    command: Command, store: Runs, folder: Path, there: bool
) -> None:
    """It can never go on, so what it has kept for that goes; results stay, and a folder that is gone is no error."""
    rehearsed = folder / "rehearsed"
    if there:
        rehearsed.mkdir()
        (rehearsed / ".rehearsal.json").write_text('{"agents": [{"token": "rtk_1"}]}', encoding="utf-8")
        (rehearsed / "report.json").touch()
        own = Credentials(Secret("rtk_some_token_1"), issued_by="http://127.0.0.1:8123")
        credentials.save(rehearsed / "credentials.json", own)
    stored(store, "owl-1", a_gate(), holder=None, rehearsal=str(rehearsed))
    assert command("kill", "owl-1").code == 0
    assert store.load("owl-1").run.outcome == "killed"
    assert [file.name for file in rehearsed.glob("*")] == (["report.json"] if there else [])
    assert [file.name for file in rehearsed.glob(".*")] == []


@pytest.mark.parametrize("dies", [True, False])
def test_a_run_without_a_process_is_stopped_by_going_on(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """A stop without a process, also of one that lets go when it is asked, is done in this process."""
    asked: list[tuple[Any, ...]] = []

    async def stop_parked(runs: Runs, run: str, settings: Settings, *, silent: bool) -> None:
        asked.append((run, settings.store, silent))
        with closing(open_store(settings)) as other:
            other.claim(run, this_process(), force=True).write(
                replace(other.load(run).run, outcome="stopped", phase=Phase.CANCELLED), []
            )

    monkeypatch.setattr(stop, "stop_parked", stop_parked)
    claim = stored(store, "owl-1", holder=DEAD if dies else this_process())
    with nullcontext() if dies else driving(claim, [], lets_go=True):
        assert command("stop", "owl-1", "--json").code == 0
    assert asked == [("owl-1", Settings.from_environment().store, True)]


@pytest.mark.parametrize("taken_by_a_host", [False, True])
@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.SUSPENDED])
def test_a_submitted_run_is_stopped_by_whoever_has_its_agent(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch, taken_by_a_host: bool, phase: Phase
) -> None:
    """By this process, if the folder of agents has it; else by the next host, also if the run was held."""
    used: list[Path] = []

    async def stop_parked(runs: Runs, run: str, settings: Settings, *, silent: bool) -> None:
        used.append(settings.credentials)
        if taken_by_a_host:
            raise CredentialsError("no credentials of owl")
        claim = runs.claim(run, this_process())
        claim.write(replace(runs.load(run).run, outcome="stopped", phase=Phase.CANCELLED, undos=()), [])
        claim.release()

    monkeypatch.setattr(stop, "stop_parked", stop_parked)
    monkeypatch.setenv("RETAKE_FLOW_AGENTS", str(folder / "agents"))
    if not taken_by_a_host:
        write_credentials(folder / "agents" / "night.json", "owl", "rtk_owl_0123456789", "https://retake.tv")
    undo = PendingUndo("on", "on/air", "retake.stop_stream", {})
    stored(store, "owl-1", undos=(undo,), phase=phase)
    with closing(open_fleet(Settings.from_environment())) as fleet:
        fleet.want("owl-1", Demand("owl", not_before=time.time() + 3600))
        said = command("stop", "owl-1", "--within", "10m")
        if not taken_by_a_host:
            assert (said.code, used) == (0, [folder / "agents" / "night.json"])
            return
        told = "owl-1 has not ended yet; it is in on/air, and a host will stop it once it drives it: no worker runs\n"
        assert (said.code, said.out) == (1, told)
        assert "retake-flow kill owl-1" in said.err
        assert (fleet.jobs()[0].waits, fleet.jobs()[0].demand.not_before) == (True, 0.0)
        [one] = command("stop", "owl-1", "--json").records
        assert (one["effect"], one["waits"], one["next"][-1]) == (
            "queued", "no worker runs", "retake-flow kill owl-1 --json",
        )  # fmt: skip


def test_a_local_run_is_stopped_whatever_the_folder_of_agents_is(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be read is no trouble of a run that was not submitted."""

    def unreadable(agents: Path) -> list[Any]:
        raise CredentialsError(f"the agents in {agents} cannot be read")

    async def stop_parked(runs: Runs, run: str, settings: Settings, *, silent: bool) -> None:
        claim = runs.claim(run, this_process())
        claim.write(replace(runs.load(run).run, outcome="stopped", phase=Phase.CANCELLED), [])
        claim.release()

    (folder / "agents").mkdir()
    monkeypatch.setenv("RETAKE_FLOW_AGENTS", str(folder / "agents"))
    monkeypatch.setattr(stop, "agents_in", unreadable)
    monkeypatch.setattr(stop, "stop_parked", stop_parked)
    stored(store, "owl-1", phase=Phase.SUSPENDED)
    said = command("stop", "owl-1")
    assert (said.code, said.err) == (0, "")


def test_a_run_that_waits_to_begin_needs_no_account(
    command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while another run streams as its agent, which would keep it from beginning."""
    own, name = folder / "owl.json", f"owl{os.getpid()}"  # an account is locked on the whole machine
    write_credentials(own, name, f"rtk_{name}_0123456789", "https://retake.tv")
    monkeypatch.setenv("RETAKE_CREDENTIALS", str(own))
    assert command("submit", "go-live.yaml", "--agent", name).code == 0
    settings = Settings.from_environment()
    identity = accounts.identity_here(settings, {})
    with accounts.AccountLock(settings.lock_folders, "other", settings.store) as lock:
        lock.hold(identity)
        assert command("stop", "last").code == 0
    assert [record["event"] for _, record in store.journal(store.find("last"))][-1] == "run_ended"


def test_a_parked_run_is_stopped_for_good(command: Command, store: Runs, folder: Path) -> None:
    """A run that waits for a person without a process goes on just to end cleanly."""
    (folder / "asking.yaml").write_text(ASKING, encoding="utf-8")
    assert command("run", "asking.yaml").code == 4
    said = command("stop", "last", "--json")
    assert said.code == 0
    [one] = said.records
    assert (one["ended"], one["already_ended"], one["outcome"]) == (True, False, "stopped")
    assert store.load(store.find("last")).run.has_ended
    assert "had already ended" in command("stop", "last").out

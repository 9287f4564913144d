"""Data of version 0.1 stays usable: its runs, journals, rehearsals, flows and overlays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from first_version import DATA, leave_store
from flow_processes import Home, at_home, gone

from retake_flow.cli import flow_file
from retake_flow.flow.diagnostics import errors
from retake_flow.settings import Settings
from retake_flow.testing.runs.rehearsed import Rehearsal, open_flow

ON_AIR = "broadcast/pushing/on_air"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Somebody's home."""
    with at_home(tmp_path / "owl") as home:
        yield home


def test_its_runs_are_listed_shown_answered_stopped_and_pruned(home: Home) -> None:
    """The store is taken over as it is, journals included."""
    runs = leave_store(home.folder)
    assert {run["run"] for run in home.call("runs", "--json").records} == set(runs.values())
    for command in (("show", runs["ended"], "--journal"), ("watch", runs["ended"], "--json")):
        journal = home.call(*command).records
        states = [record["state"] for record in journal if record["event"] == "state_entered"]
        assert states == ["credentials", "status", "over"]
        assert (journal[0]["event"], journal[-1]["outcome"]) == ("run_started", "completed")
    shown = home.call("show", runs["go-live"]).out
    assert f"state      {ON_AIR}/asking" in shown
    assert "mira: hi!" in shown
    assert home.call("answer", runs["register"], "details.1", "--decision", "decline").code == 0
    declined = home.call("resume", runs["register"], "--json")
    assert declined.records[-1]["outcome"] == "declined", declined
    stopped = home.call("stop", runs["token"], RETAKE_ACCESS_TOKEN="rtk_owl")
    assert stopped.code == 0, stopped
    assert home.call("prune", "--older-than", "0s").code == 0
    left = {run["run"] for run in home.call("runs", "--json").records}
    assert left == {runs[flow] for flow in ("go-live", "loaded", "plain")}


@pytest.mark.real
def test_its_run_that_died_on_air_goes_on_air_again(home: Home) -> None:
    """Its chat goes on, too: nobody is greeted twice, and the message in doubt is sent once. Then a person answers."""
    run = leave_store(home.folder)["go-live"]
    resumed = home.start("resume", run)
    resumed.until("chat_sent", text="Hoo, kim!")
    assert home.call("answer", run, f"{ON_AIR}/asking:builder.2", "direction=north").code == 0
    resumed.until("gate_answered", gate=f"{ON_AIR}/asking:builder.2")
    assert home.call("stop", run).code == 0
    assert resumed.finish() == 0
    said = [record["text"] for record in home.journal(run) if record["event"] == "chat_sent"]
    assert [text for text in said if text.startswith("Hoo, ")] == ["Hoo, mira and ade!", "Hoo, kim!"]
    assert resumed.records[-1]["state"] == "signed_off"
    gone(run)


FILES = sorted(path for path in DATA.glob("[fc]*/*.yaml") if not path.name.endswith(".rules.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_flows_and_overlays_have_no_errors(file: Path) -> None:
    """Its own flows, and the overlays of its cookbook on today's flows."""
    assert errors(flow_file.problems(str(file), Settings.from_environment())) == ()


@pytest.mark.parametrize("file", ["flows/go-live.yaml", "cookbook/goodbye.yaml"])
def test_its_flows_and_overlays_still_stream(file: Path, tmp_path: Path) -> None:
    """A minute on air, against the rehearsed platform in virtual time."""
    rehearsal = Rehearsal(open_flow(str(DATA / file)), tmp_path)
    rehearsal.inputs["max_duration"] = "1m"
    rehearsal.give_credentials()
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert played.records("activity_started", activity=f"{ON_AIR}:chat")
    assert not played.records("error")

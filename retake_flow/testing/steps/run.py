"""Rehearsed runs: setup, interruptions and end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers, then, when

from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.runs.trial import Premise
from retake_flow.testing.steps.tables import ON_AIR, since_start


@pytest.fixture
def rehearsal(tmp_path: Path, premise: Premise) -> Rehearsal:
    """The run against a rehearsed platform that a scenario sets up: an agent with credentials."""
    folder = tmp_path / "agent"
    folder.mkdir()
    rehearsal = Rehearsal(premise.flow, folder, machine=premise.machine)
    rehearsal.give_credentials()
    return rehearsal


@given(parsers.parse("it is to be on air for {time}"))
def duration(premise: Premise, time: str) -> None:
    """Like `--for`."""
    premise.inputs["max_duration"] = time


@given(parsers.parse("Ctrl-C is pressed {after:g} s into {state}"))
def press_ctrl_c(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The first Ctrl-C stops the run cleanly."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.stop("interrupted"))


@given(parsers.parse("Ctrl-C is pressed again {after:g} s into {state}"))
def press_ctrl_c_again(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The second Ctrl-C kills the run."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.kill())


@when("the agent goes live", target_fixture="rehearsed")
def go_live(premise: Premise, rehearsal: Rehearsal, subject: Subject) -> Rehearsed:
    """Drives the run against a rehearsed platform to its end."""
    rehearsal.flow, rehearsal.inputs = premise.flow, premise.inputs
    rehearsed = rehearsal.play()
    subject.of = rehearsed
    return rehearsed


@then(parsers.parse("it took {seconds:g} s at most"))
def run_takes_at_most(rehearsed: Rehearsed, seconds: float) -> None:
    """From its start to its end."""
    assert since_start(rehearsed, "run_ended") <= seconds


@then("it leaves nothing behind")
def nothing_left(rehearsed: Rehearsed) -> None:
    """No program, task, session or push is left."""
    assert [program.name for program in rehearsed.studio.alive] == []
    assert rehearsed.left == ()
    assert open_sessions(rehearsed) == []
    assert [push for push in rehearsed.report["recordings"] if push["closed"] is None] == []


@then("no program is left running")
def no_program_left(rehearsed: Rehearsed) -> None:
    """No program of the run is left on this machine."""
    assert [program.name for program in rehearsed.studio.alive] == []
    assert rehearsed.left == ()


@then("its session is still open")
def session_open(rehearsed: Rehearsed) -> None:
    """The platform still has the session open."""
    assert len(open_sessions(rehearsed)) == 1


def open_sessions(rehearsed: Rehearsed) -> list[dict[str, Any]]:
    """The sessions that nobody ended."""
    return [s for agent in rehearsed.report["agents"] for s in agent["sessions"] if s["ended"] is None]


@then("it has been on air")
def on_air(rehearsed: Rehearsed) -> None:
    """The stream was live, and the run knew."""
    assert rehearsed.records("state_entered", state=ON_AIR)
    assert any(session["live"] is not None for session in rehearsed.agent["sessions"])


@then(parsers.parse("it has been on air {times:d} times"))
def on_air_times(rehearsed: Rehearsed, times: int) -> None:
    """The number of times the stream went on air."""
    assert len(rehearsed.records("state_entered", state=ON_AIR)) == times
    assert sum(session["live"] is not None for session in rehearsed.agent["sessions"]) == times


@then("it was never on air")
def off_air(rehearsed: Rehearsed) -> None:
    """The stream was never live."""
    assert rehearsed.records("state_entered", state=ON_AIR) == []


@then(parsers.parse("it was on air for {seconds:g} s"))
def on_air_for(rehearsed: Rehearsed, seconds: float) -> None:
    """The time from going on air to leaving the state."""
    entered = since_start(rehearsed, "state_entered", state=ON_AIR)
    assert since_start(rehearsed, "state_left", state=ON_AIR) - entered == seconds

"""Steps about the run as a whole: how it is set up, played, interrupted, and how it ended."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers, then, when

from retake_flow.flow.model import Flow
from retake_flow.testing.rehearsed import Rehearsal, Rehearsed, opened
from retake_flow.testing.steps.reading import ON_AIR, Table, rows, since_start

_read = cache(opened)


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    """The run that a scenario sets up: go-live.yaml, half a minute on air, an agent with credentials."""
    folder = tmp_path / "agent"
    folder.mkdir()
    rehearsal = Rehearsal(_flow("go-live.yaml"), folder, inputs={"max_duration": "30s"})
    rehearsal.give_credentials()
    return rehearsal


def _flow(name: str) -> Flow:
    return _read(name)


@given(parsers.parse("the flow {name}"))
def flow(rehearsal: Rehearsal, name: str) -> None:
    """A flow by its path or shipped name; go-live.yaml is there unless another is named."""
    rehearsal.flow = _flow(name)


@given("this flow")
def written_flow(rehearsal: Rehearsal, docstring: str) -> None:
    """A flow as it stands in the scenario."""
    file = rehearsal.folder / "flow.yaml"
    file.write_text(docstring, encoding="utf-8")
    rehearsal.flow = opened(str(file))
    rehearsal.inputs = {}


@given(parsers.parse("it is to be on air for {time}"))
def duration(rehearsal: Rehearsal, time: str) -> None:
    """As by --for."""
    rehearsal.inputs["max_duration"] = time


@given("the inputs")
def inputs(rehearsal: Rehearsal, datatable: Table) -> None:
    """As by --set."""
    rehearsal.inputs |= {row["name"]: row["value"] for row in rows(datatable)}


@given("there are no inputs")
def no_inputs(rehearsal: Rehearsal) -> None:
    """For a flow that takes none."""
    rehearsal.inputs = {}


@given(parsers.parse("Ctrl-C is pressed {after:g} s into {state}"))
def interrupted(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The first interruption stops the run in order."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.stop("interrupted"))


@given(parsers.parse("Ctrl-C is pressed again {after:g} s into {state}"))
def interrupted_again(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The second interruption kills the run."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.kill())


@when("the agent goes live", target_fixture="rehearsed")
def played(rehearsal: Rehearsal) -> Rehearsed:
    """Drive the run to its end."""
    return rehearsal.play()


@then(parsers.parse("the run is {outcome}"))
def ended(rehearsed: Rehearsed, outcome: str) -> None:
    """It ended in this way, and the journal says so last, once."""
    ends = rehearsed.records("run_ended")
    assert rehearsed.run.outcome == outcome, rehearsed.run
    assert [end["outcome"] for end in ends] == [outcome]
    assert rehearsed.last == ends[0]


@then(parsers.parse('the reason says "{words}"'))
def reason(rehearsed: Rehearsed, words: str) -> None:
    """A person reads these words."""
    assert words in rehearsed.run.reason


@then(parsers.parse("it took {seconds:g} s at most"))
def took(rehearsed: Rehearsed, seconds: float) -> None:
    """From its start to its end."""
    assert since_start(rehearsed, "run_ended") <= seconds


@then("it leaves nothing behind")
def nothing_left(rehearsed: Rehearsed) -> None:
    """No program, no task, no session, no push."""
    assert [program.name for program in rehearsed.stage.alive] == []
    assert rehearsed.left == ()
    assert open_sessions(rehearsed) == []
    assert [push for push in rehearsed.report["recordings"] if push["closed"] is None] == []


@then("no program is left running")
def no_program_left(rehearsed: Rehearsed) -> None:
    """Nothing runs on this machine."""
    assert [program.name for program in rehearsed.stage.alive] == []
    assert rehearsed.left == ()


@then("its session is still open")
def session_open(rehearsed: Rehearsed) -> None:
    """The platform was not told, or did not listen."""
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
    """It came back as often as it was lost."""
    assert len(rehearsed.records("state_entered", state=ON_AIR)) == times
    assert sum(session["live"] is not None for session in rehearsed.agent["sessions"]) == times


@then("it was never on air")
def off_air(rehearsed: Rehearsed) -> None:
    """Nobody saw anything."""
    assert rehearsed.records("state_entered", state=ON_AIR) == []


@then(parsers.parse("it was on air for {seconds:g} s"))
def on_air_for(rehearsed: Rehearsed, seconds: float) -> None:
    """From the last step of going live to leaving it."""
    entered = since_start(rehearsed, "state_entered", state=ON_AIR)
    assert since_start(rehearsed, "state_left", state=ON_AIR) - entered == seconds


@then(parsers.parse('the operator is told "{words}"'))
def told(rehearsed: Rehearsed, words: str) -> None:
    """A notice with these words."""
    assert any(words in notice["message"] for notice in rehearsed.records("notice"))

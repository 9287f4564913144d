"""Steps that simulate a flow by a script."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers, then, when

from retake_flow.cli.main import main
from retake_flow.testing.runs.rehearsed import Rehearsal


@dataclass
class Simulated:
    """A simulation that is to be, or that was: what it wrote, one object for the start and one a line."""

    folder: Path
    mocks: str = ""
    code: int = 0
    said: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def play(self, flow: str, script: str, capsys: pytest.CaptureFixture[str]) -> None:
        """As by `retake-flow simulate`."""
        (self.folder / "script.jsonl").write_text(script)
        (self.folder / "mocks.yaml").write_text(self.mocks or "{}")
        capsys.readouterr()
        files = ["--start", flow, str(self.folder / "script.jsonl"), "--mock", str(self.folder / "mocks.yaml")]
        self.code = main(["simulate", *files])
        written = capsys.readouterr()
        self.said = written.err
        self.seen = [json.loads(line) for line in written.out.splitlines()]


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """The simulation of a scenario."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Simulated(tmp_path)


@given("these mocks")
def mocked(simulated: Simulated, docstring: str) -> None:
    """What actions answer by themselves."""
    simulated.mocks = docstring


@when("this script is simulated")
def simulate(simulated: Simulated, rehearsal: Rehearsal, docstring: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The flow is that of the scenario."""
    simulated.play(rehearsal.flow.file, docstring, capsys)


@then(parsers.parse('it is in "{state}" at first'))
def at_first(simulated: Simulated, state: str) -> None:
    """Before any line."""
    assert simulated.seen[0]["configuration"] == [state]


@then(parsers.parse('it is in "{state}" after line {number:d}'))
def after_line(simulated: Simulated, state: str, number: int) -> None:
    """The innermost active state is this one."""
    assert simulated.seen[number]["configuration"] == [state]


@then(parsers.parse("the variable {name} is {value:g} after line {number:d}"))
def variable_after(simulated: Simulated, name: str, value: float, number: int) -> None:
    """A variable of the flow itself."""
    assert simulated.seen[number]["vars"][name] == value


@then(parsers.parse("it is {time:g} s after line {number:d}"))
def time_after(simulated: Simulated, time: float, number: int) -> None:
    """Counted from the start."""
    assert simulated.seen[number]["time"] == time


@then(parsers.parse('line {number:d} is refused, since "{words}"'))
def line_refused(simulated: Simulated, number: int, words: str) -> None:
    """It is told with its number and these words, and nothing has changed."""
    refused = simulated.seen[number]
    assert refused["error"]["line"] == number
    assert words in refused["error"]["message"]
    assert (refused["entered"], refused["exited"]) == ([], [])


@then(parsers.re(r'the simulated run is (?P<outcome>\w+)(, since "(?P<words>.+)")?'))
def simulated_end(simulated: Simulated, outcome: str, words: str | None) -> None:
    """It ended in this way, and says these words about it."""
    assert simulated.seen[-1]["ended"] == outcome
    assert (words or "") in simulated.seen[-1]["reason"]


@then(parsers.parse("the simulation exits with {code:d}"))
def simulation_exits(simulated: Simulated, code: int) -> None:
    """The exit code that the command line documents."""
    assert simulated.code == code


@then(parsers.parse('the simulation says "{words}"'))
def simulation_says(simulated: Simulated, words: str) -> None:
    """A person reads these words."""
    assert words in simulated.said

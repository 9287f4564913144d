"""`retake-flow test` and `retake-flow paths`: scenarios played, and scenarios begun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.testing.runs.trial import Trial

_FLOW = """
flow: hello
initial: look
inputs: {long: {type: string, format: duration, default: 30s}}
states:
  look:
    do: retake.verification_status
    transitions: {done: [{when: result.verified, to: wait}, {to: bad}], error: bad}
  wait: {wait: "{{ inputs.long }}", transitions: {done: good}}
  good: {final: completed}
  bad: {final: failed, reason: "it is so"}
"""
_FEATURE = """
Feature: Hello
  Scenario: It ends
    When the flow is run
    And 30s pass
    Then the run is completed

  Scenario: It ends otherwise
    Given look takes 2s
    When the flow is run
    And 30s pass
    Then the run is completed
"""


@pytest.fixture
def hello(folder: Path) -> Path:
    """A folder with a flow and its features."""
    (folder / "hello.yaml").write_text(_FLOW, encoding="utf-8")
    (folder / "features").mkdir()
    (folder / "features" / "hello.feature").write_text(_FEATURE, encoding="utf-8")
    return folder


@pytest.mark.usefixtures("hello")
def test_programs_get_one_object_a_scenario(command: Command) -> None:
    """With what failed, where, what was expected and got, the journal; then the summary and what was not reached."""
    said = command("test", "hello.yaml", "--json")
    first, second, last = said.records
    assert said.code == 1
    assert (first["scenario"], first["outcome"], first["failure"]) == ("It ends", "passed", None)
    assert (second["file"], second["line"], second["outcome"]) == ("features/hello.feature", 8, "failed")
    failure = second["failure"]
    assert (failure["step"], failure["line"]) == ("Then the run is completed", 12)
    assert (failure["expected"], failure["got"]) == ("completed", "in 'wait', and it continues")
    assert any("2.000 s  state_entered     wait" in line for line in failure["journal"])
    assert last["summary"] == {"passed": 1, "failed": 1, "skipped": 0}
    assert [missed["state"] for missed in last["coverage"]["states"]["missed"]] == ["bad"]
    assert [missed["on"] for missed in last["coverage"]["transitions"]["missed"]] == ["done", "error"]


@pytest.mark.usefixtures("hello")
def test_inputs_mocks_and_a_choice(command: Command, hello: Path) -> None:
    """A longer wait by --set, an answer by --mock, and only the scenarios that fit."""
    assert "1 scenario: 1 failed" in command("test", "hello.yaml", "-k", "otherwise").out
    assert command("test", "hello.yaml", "--set", "long=10s").code == 0
    (hello / "mocks.yaml").write_text("look: {value: {verified: false}}\n", encoding="utf-8")
    said = command("test", "hello.yaml", "--mock", "mocks.yaml", "--coverage", "off")
    assert said.code == 1
    assert "got: failed in 'bad': it is so" in said.out
    assert "reached" not in said.out


@pytest.mark.usefixtures("hello")
def test_nothing_is_left_behind(command: Command, hello: Path) -> None:
    """Neither a cache nor compiled files, nor anything in the folder for temporary files."""
    command("test", "hello.yaml")
    assert sorted(str(path.relative_to(hello)) for path in hello.rglob("*")) == [
        "features",
        "features/hello.feature",
        "hello.yaml",
    ]


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("name", ["pytest.ini", "conftest.py"])
def test_no_configuration_of_pytest_has_a_part_in_it(command: Command, hello: Path, name: str) -> None:
    """What stands above the features is for other tests."""
    (hello / name).write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    assert "1 passed, 1 failed" in command("test", "hello.yaml").out


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "say which flow"),
        (("hello.yaml", "nowhere"), 2, "there is no nowhere"),
        (("hello.yaml", "hello.yaml"), 2, "is not a feature file"),
        (("hello.yaml", "-k", "owl"), 2, "there is no scenario that fits 'owl'"),
        (("hello.yaml", "--mock", "nowhere"), 2, "nowhere cannot be read"),
        (("hello.yaml", "--phrases", "nowhere"), 2, "nowhere cannot be read"),
        (("hello.yaml", "--set", "foo=1"), 2, "retake-flow: the flow 'hello' has no input 'foo'"),
        (("hello.yaml", "--set", "long=x"), 2, "the input 'long'"),
        (("hello.yaml", "--phrases", "nope.yaml"), 2, "retake-flow: nope.yaml cannot be read: No such file"),
        (("hello.yaml", "-k", "("), 2, "the scenarios could not be played"),
        (("nowhere.yaml",), 2, "there is no flow"),
    ],
)
def test_what_cannot_be_is_told(command: Command, arguments: tuple[str, ...], code: int, words: str) -> None:
    """By one message, without a traceback; for programs as an error object."""
    said = command("test", *arguments)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert "Traceback" not in said.err
    assert command("test", *arguments, "--json").records[0]["event"] == "error"


@pytest.mark.usefixtures("hello")
def test_an_input_that_is_missing_may_be_said_by_a_scenario(command: Command, hello: Path) -> None:
    """So that it need not be set for all."""
    (hello / "hello.yaml").write_text(_FLOW.replace(", default: 30s", ""), encoding="utf-8")
    said_by_it = _FEATURE.replace("When the flow", "Given the input long is 9s\n    When the flow")
    (hello / "features" / "hello.feature").write_text(said_by_it, encoding="utf-8")
    assert command("test", "hello.yaml").code == 0


@pytest.mark.usefixtures("hello")
def test_the_line_of_the_document_works(command: Command, hello: Path) -> None:
    """The shell makes the file that is to be written before the folder is read."""
    (hello / "features" / "more.feature").touch()
    written = command("paths", "hello.yaml", "--gherkin", "--uncovered", "features")
    assert (written.code, written.out.count("Scenario:"), written.err) == (0, 2, "")
    assert "2 scenarios" in command("test", "hello.yaml").out
    named = command("test", "hello.yaml", "features/more.feature")
    assert (named.code, named.out) == (2, "")
    assert "features/more.feature:1:1: the file has no feature" in named.err


@pytest.mark.usefixtures("hello")
def test_a_conftest_that_cannot_be_read_is_told(command: Command, hello: Path) -> None:
    """With what Python says of it."""
    (hello / "features" / "conftest.py").write_text("import nowhere_at_all\n", encoding="utf-8")
    said = command("test", "hello.yaml", "--python")
    assert said.code == 2
    assert "No module named 'nowhere_at_all'" in said.err


@pytest.mark.parametrize(
    ("step", "words"),
    [
        *((f"look takes {number}s", "not a duration") for number in ("1e400", "9" * 400, "1_0")),
        *((f"look takes {number}s", "no step") for number in ("nan", "-1", "٣", "²")),
        *((f'look fails with "http" {number} times', "the count is too large") for number in (99_999_999, "9" * 400)),
        *((f'look fails with "http" {number} times', "no step") for number in ("٣", "1e3", "nan")),
        ("99999999 viewers who all write at 10 s", "the count is too large"),
        *((f"Ctrl-C is pressed {number} s into look", "the time is too long") for number in ("nan", "inf", "1e400")),
        ("the display is killed 1.2.3 s into look", "no step"),
        ("the next POST /agent/rtmp meets status ٣", "there is no fault"),
    ],
)
def test_each_number_is_played_or_refused(command: Command, hello: Path, step: str, words: str) -> None:
    """With one clear message, and before anything grows: no number ends in Python's words."""
    text = f"Feature: x\n  Scenario: y\n    Given {step}\n    When the flow is run\n    Then the run goes on\n"
    (hello / "features" / "hello.feature").write_text(text, encoding="utf-8")
    said = command("test", "hello.yaml", "--coverage", "off")
    assert said.code != 0
    assert words in said.out + said.err
    assert "Error" not in said.out + said.err


def test_a_scenario_without_end_is_ended(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years of a flow that changes its state each second are more than anybody waits for."""
    monkeypatch.setattr(Trial.__init__, "__defaults__", (2_000,))  # records in place of 50,000
    flow = "flow: x\ninitial: a\nstates:\n  a: {wait: 1s, transitions: {done: b}}\n"
    flow += (
        '  b: {wait: 1s, transitions: {done: [{when: "visits.b > 900000", to: c}, {to: a}]}}\n  c: {final: completed}\n'
    )
    (folder / "x.yaml").write_text(flow, encoding="utf-8")
    scenario = "Feature: x\n  Scenario: y\n    When the flow is run\n    And 3650d pass\n    Then the run goes on\n"
    (folder / "x.feature").write_text(scenario, encoding="utf-8")
    said = command("test", "x.yaml", "x.feature")
    assert said.code == 1
    assert "more than 50000 things happened within one line: advance by less" in said.out


def test_steps_are_listed_for_programs(command: Command) -> None:
    """Without a flow; each with its wording, meaning and example."""
    listed = command("test", "--steps", "--json").records
    assert {"topic", "kind", "wording", "meaning", "example"} == set(listed[0])
    assert any(step["wording"] == "the flow is run" for step in listed)


@pytest.mark.usefixtures("hello")
def test_the_shortest_ways_are_shown(command: Command) -> None:
    """One along each transition, with its place."""
    said = command("paths", "hello.yaml")
    assert said.code == 0
    assert "hello.yaml:9:57: wait: done → good\n    look —done→ wait —done→ good\n" in said.out
    assert [record["on"] for record in command("paths", "hello.yaml", "--json").records] == [
        "done",
        "done",
        "error",
        "done",
    ]


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("more", [(), ("--gherkin",), ("--uncovered", "features")])
def test_ways_need_inputs_that_the_flow_has(command: Command, more: tuple[str, ...]) -> None:
    """Another one is told before anything is written."""
    said = command("paths", "hello.yaml", "--set", "foo=1", *more)
    assert (said.code, said.out) == (2, "")
    assert "the flow 'hello' has no input 'foo'" in said.err


@pytest.mark.usefixtures("hello")
def test_only_what_is_missing_is_written(command: Command, hello: Path) -> None:
    """What was written is played, and then nothing is missing."""
    written = command("paths", "hello.yaml", "--gherkin", "--uncovered", "features")
    assert written.out.count("Scenario:") == 2
    (hello / "features" / "more.feature").write_text(written.out, encoding="utf-8")
    assert "4 of 4 states, 4 of 4 transitions" in command("test", "hello.yaml").out
    scenarios = command("paths", "hello.yaml", "--gherkin", "--json").records
    assert [json.dumps(scenario["missing"]) for scenario in scenarios] == ['""'] * 4

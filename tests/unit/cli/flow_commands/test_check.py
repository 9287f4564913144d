"""What `check` says, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.cli.flow_commands.problem_reports import github_annotation, sarif_log
from retake_flow.flow.diagnostics import CODES, Position, Problem

GOOD = "flow: good\ninitial: over\nstates:\n  over: {final: completed}\n"
BAD = GOOD + "  lost: {wait: 1s, transitions: {done: ovre}}\n"
ADVISED = """\
flow: advised
initial: way
states:
  way: {ask: {message: Where?, answer: {way: {type: string}}}, transitions: {answered: over}}
  over: {final: completed}
"""


@pytest.fixture
def flows(folder: Path) -> Path:
    """A folder with a good flow, a bad one, and one with a warning."""
    for name, text in (("good", GOOD), ("bad", BAD), ("advised", ADVISED.replace("Where?", "'Where?'"))):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_people_read_place_code_and_hint(command: Command, flows: Path) -> None:
    """Several flows are checked in order, each with a sum; one bad flow makes the whole fail with 3."""
    said = command("check", "good.yaml", "bad.yaml", "advised.yaml")
    assert said.code == 3
    lines = said.out.splitlines()
    assert lines[0] == "good.yaml: no mistakes"
    assert lines[1] == "bad.yaml:5:40: RF020 there is no state 'ovre'"
    assert lines[2] == "    hint: did you mean 'over'?"
    assert lines[3] == "bad.yaml: 1 mistake"
    assert lines[4].startswith("advised.yaml:4:3: RF054 warning: nothing reads the field 'way'")
    assert lines[-1] == "advised.yaml: 1 warning"


def test_a_warning_keeps_nothing_from_running(command: Command, flows: Path) -> None:
    """A flow with advice only is valid: the exit code is 0, and other commands take it."""
    assert command("check", "advised.yaml").code == 0
    assert command("graph", "advised.yaml").code == 0


def test_programs_read_one_object_a_flow(command: Command, flows: Path) -> None:
    """Each problem has its severity; a flow with warnings is valid."""
    good, bad, advised = command("check", "good.yaml", "bad.yaml", "advised.yaml", "--json").records
    assert good.pop("next") == ["retake-flow run good.yaml --rehearse --detach --json"]
    assert good == {"flow": "good.yaml", "valid": True, "problems": []}
    assert (bad["valid"], advised["valid"]) == (False, True)
    assert bad["problems"] == [
        {
            "file": "bad.yaml",
            "line": 5,
            "column": 40,
            "code": "RF020",
            "severity": "error",
            "message": "there is no state 'ovre'",
            "hint": "did you mean 'over'?",
        }
    ]
    assert [problem["severity"] for problem in advised["problems"]] == ["warning"]


def test_code_hosts_read_sarif(command: Command, flows: Path) -> None:
    """The log names every rule once, and of each result the rule, the level, and a place relative to the folder."""
    said = command("check", "good.yaml", "bad.yaml", "advised.yaml", "bad.yaml", "--format", "sarif")
    assert said.code == 3
    log = json.loads(said.out)
    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-schema-2.1.0.json")
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert {rule["defaultConfiguration"]["level"] for rule in rules} == {"error", "warning"}
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "RF020"
    assert (first["level"], second["level"]) == ("error", "warning")
    assert first["message"]["text"] == "there is no state 'ovre' (did you mean 'over'?)"
    assert first["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "bad.yaml"}, "region": {"startLine": 5, "startColumn": 40}}}
    ]


def test_places_in_sarif_are_references(folder: Path) -> None:
    """A file below the folder is relative and escaped; one that is elsewhere is a whole `file:` reference."""

    def uri(file: str) -> str:
        [result] = sarif_log([Problem(Position(file, 1, 1), "RF001", "m")])["runs"][0]["results"]
        return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    assert uri("my flows/ä.yaml") == uri(str(folder / "my flows" / "ä.yaml")) == "my%20flows/%C3%A4.yaml"
    assert uri("/elsewhere/a b.yaml") == "file:///elsewhere/a%20b.yaml"


def test_github_gets_a_command_a_line(command: Command, flows: Path) -> None:
    """Each problem is an annotation at its place; a good flow says nothing."""
    said = command("check", "good.yaml", "bad.yaml", "advised.yaml", "--format", "github")
    assert said.code == 3
    error, warning = said.out.splitlines()
    assert error == "::error file=bad.yaml,line=5,col=40,title=RF020::there is no state 'ovre'%0Adid you mean 'over'?"
    assert warning.startswith("::warning file=advised.yaml,line=4,col=3,title=RF054::")


def test_annotations_are_escaped_as_github_asks(folder: Path) -> None:
    """A text cannot end a command or begin another: percent signs, line ends, and in properties colons and commas."""
    problem = Problem(Position("a,b:c%.yaml", 1, 2), "RF001", "100 %\r\n::error::x, y")
    assert github_annotation(problem) == (
        "::error file=a%2Cb%3Ac%25.yaml,line=1,col=2,title=RF001::100 %25%0A::error::x, y"
    )


def test_a_code_is_explained(command: Command) -> None:
    """The section of a code is printed, with examples; small letters do; for programs as one object."""
    said = command("check", "--explain", "rf048")
    assert said.code == 0
    assert said.out.startswith("RF048: undo outside of a scope\n\nAn undo is performed when")
    assert "```yaml" in said.out
    assert "## " not in said.out
    [record] = command("check", "--explain", "RF048", "--json").records
    assert (record["code"], record["title"]) == ("RF048", "undo outside of a scope")
    for code in CODES:
        assert command("check", "--explain", code).out.count("\n") > 3


def test_an_unknown_code_and_no_flow_are_refused(command: Command) -> None:
    """Both are said with a hint and exit with 2."""
    said = command("check", "--explain", "RF99")
    assert (said.code, said.err.splitlines()[0]) == (2, "retake-flow: there is no code 'RF99'")
    assert command("check").code == 2


def test_programs_get_the_path_on_which_a_rule_is_broken(command: Command, folder: Path) -> None:
    """With --json, a broken rule comes with each move to it: the event, the guards, the states left and entered."""
    states = "{start: {do: retake.start_stream, transitions: {done: over}}, over: {final: ok}}"
    (folder / "f.yaml").write_text(f"flow: f\ninitial: start\nstates: {states}\n")
    [record] = command("check", "f.yaml", "--json").records
    paths = {problem["message"].split()[4]: problem.get("path") for problem in record["problems"]}
    assert paths["verified_first:"] == [
        {"event": "", "from": "", "refused": [], "when": None, "left": [], "entered": ["start"]}
    ]
    assert [move["event"] for move in paths["session_stopped:"]] == ["", "done"]


def test_a_flow_that_is_not_there_keeps_no_other_from_being_checked(command: Command, flows: Path) -> None:
    """All others are checked; then it is named, and the exit code is 2, as `--help` says."""
    said = command("check", "bad.yaml", "nope.yaml", "good.yaml", "nor.yaml")
    assert said.code == 2
    assert said.out.splitlines()[-2:] == ["bad.yaml: 1 mistake", "good.yaml: no mistakes"]
    assert "there is no flow 'nope.yaml'; there is no flow 'nor.yaml'" in said.err


def test_an_empty_name_is_told_as_such(command: Command, flows: Path) -> None:
    """An empty argument, as an unset variable of a shell gives, is no folder."""
    said = command("check", "")
    assert said.code == 2
    assert "the name of a flow is empty" in said.err

"""Plans on the command line."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.cli.flow_commands import plan_text
from retake_flow.whatif.plan.plan import Kind, Plan, Step


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the network nor programs can be used."""

    def refused(*arguments: object, **options: object) -> None:
        raise AssertionError("a plan does nothing")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(subprocess.Popen, "__init__", refused)


def test_a_plan_is_one_json_document(command: Command) -> None:
    """With the flow, every step with its time, kind and state, and how it ends."""
    said = command("plan", "go-live.yaml", "--json", "--set", "max_duration=1h")
    (plan,) = said.records
    assert (said.code, plan["flow"], plan["ended"], plan["t"], plan["state"]) == (
        0, "go-live", "completed", 3600.0, "signed_off",
    )  # fmt: skip
    assert {"t": 0.0, "kind": "request", "state": "broadcast/stream_key", "call": "POST /agent/rtmp"}.items() <= next(
        step for step in plan["steps"] if step.get("action") == "retake.stream_key"
    ).items()
    assert all({"t", "kind", "state"} <= step.keys() for step in plan["steps"])
    assert [step["t"] for step in plan["steps"]] == sorted(step["t"] for step in plan["steps"])


def test_the_same_plan_is_the_same_text(command: Command) -> None:
    """To the byte."""
    arguments = ("plan", "go-live.yaml", "--json", "--assume", "encoder=exited")
    assert command(*arguments).out == command(*arguments).out


def test_the_ways_are_one_json_document(command: Command) -> None:
    """With each transition, and what to assume for a plan that goes there."""
    (ways,) = command("plan", "verify.yaml", "--all-paths", "--json").records
    declined = next(way for way in ways["ways"] if way["to"] == "declined")
    assert declined["assume"] == ["post=decline"]
    assert declined["path"][-1] == {"from": "post", "event": "decline", "guards": [], "to": "declined"}
    assert ways["unreached"] == []


def test_each_way_can_be_planned_as_it_is_told(command: Command) -> None:
    """The command below each way leads there."""
    lines = command("plan", "go-live.yaml", "--all-paths").out.splitlines()
    shown = [line.strip()[2:].split() for line in lines if line.strip().startswith("$ ")]
    assert len(shown) >= 5
    for words in shown:
        assert command(*words[1:]).code == 0


def test_a_plan_leaves_nothing_behind(command: Command, folder: Path) -> None:
    """But what is remembered of a flow that was found good."""
    command("plan", "go-live.yaml")
    assert list(folder.iterdir()) == []
    assert [path.name for path in (folder.parent / "home").iterdir()] == ["cache"]


def test_what_is_wrong_is_told_to_programs_too(command: Command) -> None:
    """As an error in JSON, with the exit code of a command that was not understood."""
    said = command("plan", "go-live.yaml", "--assume", "credentials=mising", "--json")
    (error,) = said.records
    assert (said.code, error["event"], error["kind"]) == (2, "error", "usage")


def test_ways_take_no_assumptions(command: Command) -> None:
    """They are all the ways."""
    assert command("plan", "go-live.yaml", "--all-paths", "--assume", "verified=false").code == 2


def test_an_input_that_is_missing_is_told(command: Command, folder: Path) -> None:
    """As for a run."""
    (folder / "own.yaml").write_text(
        "flow: own\ninputs: {topic: {type: string}}\ninitial: a\nstates: {a: {final: completed}}"
    )
    said = command("plan", "own.yaml")
    assert said.code == 2
    assert "--set topic=" in said.err


def _documented() -> list[str]:
    text = (Path(__file__).parents[4] / "docs" / "plan.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?=.+?`) \|", text, re.M)
    return [written for row in rows for written in re.findall(r"`(.+?)`", row)]


@pytest.mark.parametrize("written", _documented())
def test_what_the_document_assumes_can_be_assumed(command: Command, written: str) -> None:
    """Each example in docs/plan.md, of an agent that is verified, or of one that is not."""
    ways = (), ("--assume", "verification.verified=false")
    assert any(command("plan", "go-live.yaml", "--assume", written, *more).code == 0 for more in ways)


def _plan(*steps: Step) -> Plan:
    return Plan("sample", steps, None, 0.0, "a", "nothing ends it", ("stop",))


def test_words_of_others_look_like_no_line_of_ours() -> None:
    """What is asked or told stands behind a bar on every line, however narrow the terminal is."""
    message = "one two three four five six seven eight nine ten\n\n10s  a  POST /agent/rtmp"
    told = {"message": message, "schema": {"properties": {}, "required": []}, "answered": None}
    lines = list(plan_text.lines(_plan(Step(0.0, Kind.QUESTION, "a", told)), {}, 50))
    begin = next(number for number, line in enumerate(lines) if "asks a person" in line)
    end = next(number for number, line in enumerate(lines) if "nobody answers" in line)
    assert end - begin > 4
    assert all(line.strip().startswith("│") for line in lines[begin + 1 : end])


def test_lines_fit_the_terminal_and_calls_stay_whole() -> None:
    """A call is not broken between its method and its path."""
    request = {"call": "POST /agent/stream/chat/send", "action": "chat.send", "outcome": "done", "attempt": 1,
               "may": {"GET /agent/stream/status": "when the agent's userDbId is not known yet"}}  # fmt: skip
    lines = list(plan_text.lines(_plan(Step(0.0, Kind.REQUEST, "a", request)), {}, 60))
    assert max(map(len, lines)) <= 60
    assert sum("POST /agent/stream/chat/send" in line for line in lines) >= 2
    assert any("GET /agent/stream/status" in line for line in lines)


def test_a_plan_that_does_not_end_says_what_would_take_it_on() -> None:
    """The events that somebody can send."""
    assert "It is in a: nothing ends it. It continues with stop." in list(plan_text.lines(_plan(), {}))


def test_the_document_of_a_plan_is_json() -> None:
    """Whatever its steps hold."""
    json.dumps(plan_text.document(_plan(Step(0.0, Kind.STATE, "a", {"visit": 1, "is": "rest"})), {}))

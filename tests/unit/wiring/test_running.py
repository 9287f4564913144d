"""Putting a run together, as far as nothing is started."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from retake_flow.errors import MissingProgram, ResponderMissing
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.flow.text import locate
from retake_flow.ports.actions import Call
from retake_flow.ports.runs import Stored
from retake_flow.run.run import Run
from retake_flow.settings import Settings
from retake_flow.whatif import virtual_time
from retake_flow.wiring import guide, preflight, running

PLAIN = load_flow(
    """
flow: plain
initial: a
states:
  a: {do: credentials.load, transitions: {found: b, missing: b}}
  b: {final: ok}
""",
    "/x/Plain one.yaml",
)


ANSWERED = """
flow: answered
initial: a
states:
  a:
    activities: {chat: {do: chat.respond, every: 3s, with: {since: 0, responder: {command: [PROGRAM]}}}}
    timeout: 1m
    transitions: {timeout: b}
  b: {final: ok}
"""


def go_live() -> Flow:
    """The shipped flow."""
    return load_flow(locate.find("go-live.yaml").read_text(encoding="utf-8"), "go-live.yaml")


def test_a_run_has_a_name_of_its_own_that_sorts_by_time() -> None:
    """The id of a run tells its flow's file and when it began, and no two are alike."""
    names = {running.new_id(PLAIN) for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"plain-one-\d{8}-\d{6}-[0-9a-f]{6}", name) for name in names)


@pytest.mark.parametrize(
    ("agent", "rehearsal", "begins"),
    [
        ("Night Owl", False, "plain-one-night-owl-2"),
        ("Night Owl", True, "plain-one-night-owl-rehearsal-2"),
        ("rehearsal-agent", True, "plain-one-rehearsal-agent-2"),
        ("Plain one", False, "plain-one-2"),
        ("Über/../Owl\n", False, "plain-one-uber-owl-2"),
        ("梟", False, "plain-one-2"),
        ("x" * 500, False, f"plain-one-{'x' * 40}-2"),
    ],
)
def test_the_name_of_a_run_tells_its_agent_and_whether_it_is_a_rehearsal(
    agent: str, rehearsal: bool, begins: str
) -> None:
    """Whatever an agent is called, the id can be written in a shell and be the name of a folder."""
    assert running.new_id(PLAIN, agent, rehearsal=rehearsal).startswith(begins)


def test_the_programs_of_a_flow_are_required_before_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """All missing programs that a flow would start are named at once, with the command that installs them."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingProgram, match="not installed: ") as raised:
        preflight.require_programs(go_live())
    assert all(name in raised.value.message for name in ("Xvfb", "openbox", "xterm", "ffmpeg", "scrot"))
    assert "apt" in raised.value.hint
    assert raised.value.exit_code == 6


@pytest.mark.parametrize("command", ["./brain", "no-such-brain"])
def test_a_program_that_answers_chat_is_required_before_the_flow_runs(tmp_path: Path, command: str) -> None:
    """An operator's own program that is not there is named; one with a `/` is sought beside the flow."""
    flow = load_flow(ANSWERED.replace("PROGRAM", command), str(tmp_path / "flow.yaml"))
    with pytest.raises(MissingProgram, match=r"the responder's program .*brain (does not exist|is not installed)"):
        preflight.require_programs(flow)
    (tmp_path / "brain").write_text("#!/bin/sh\n")
    (tmp_path / "brain").chmod(0o755)
    if "/" in command:
        preflight.require_programs(flow)
    preflight.require_programs(load_flow(ANSWERED.replace("PROGRAM", "sh"), str(tmp_path / "flow.yaml")))


def settings(**environment: str) -> Settings:
    """The settings in an environment with nothing but a home folder and these."""
    return Settings.from_environment({"HOME": "/home/owl", "XDG_STATE_HOME": "/s", **environment})


ADDRESSES = "json://127.0.0.1:8080/a shared=json://localhost:1/b json://example.com/c owner=json://example.com/d"


@pytest.mark.parametrize(("rehearsal", "told"), [("", 4), ("/r", 2)])
def test_a_rehearsal_tells_nobody_beyond_this_machine(rehearsal: str, told: int) -> None:
    """Of all audiences, only addresses on this machine are left."""
    run = Run("owl", "plain", "", {}, rehearsal=rehearsal)
    found = running.channels(PLAIN, settings(RETAKE_FLOW_NOTIFY=ADDRESSES), run)
    assert [each.audience for each in found] == ["operator", "shared", "operator", "owner"][:told]


KEYED = {"MOLTBOOK_API_KEY": "moltbook_sk_0123"}
LOCAL = {"RETAKE_FLOW_MOLTBOOK_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environment", "rehearsed", "why"),
    [
        ({}, False, "MOLTBOOK_API_KEY is not set"),
        (KEYED, True, "a rehearsal notifies nobody beyond this machine"),
        (LOCAL, True, "MOLTBOOK_API_KEY is not set"),
    ],
)
def test_where_nothing_may_be_shared_nothing_is(environment: dict[str, str], rehearsed: bool, why: str) -> None:
    """Without a key, and in a rehearsal that has nothing to stand for Moltbook, the post is left out and says why."""
    run = Run("owl", "plain", "", {}, rehearsal="/r" if rehearsed else "")
    made = running.sharing(settings(**environment), run)
    call = Call("r", "p", 1, "share.moltbook", {"title": "t", "message": "m"}, {}, "k")
    done = virtual_time.run(made.tasks["share.moltbook"](call))
    assert (done.outcome, done.value) == ("skipped", {"why": why})


def test_guides_of_a_rehearsal_are_kept_apart() -> None:
    """What stands for retake.tv publishes no guide that an operator should ever compare with."""
    real = guide.stored_guides(settings()).path("1")
    local = guide.stored_guides(settings(RETAKE_API_URL="http://127.0.0.1:8080")).path("1")
    rehearsal = guide.stored_guides(settings(), "/r").path("1")
    assert [str(path.parent) for path in (real, local, rehearsal)] == [
        "/s/retake-flow/guides",
        "/s/retake-flow/guides-local",
        "/r/guides",
    ]


def test_a_flow_without_programs_requires_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that only calls the platform runs on a machine without any of the programs."""
    monkeypatch.setenv("PATH", "/nowhere")
    preflight.require_programs(PLAIN)


def test_all_that_answers_chat_is_required_before_the_flow_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function and variables that are not there are named, all at once, each on a line."""
    monkeypatch.delenv("OWL_KEY", raising=False)
    named = ANSWERED.replace("command: [PROGRAM]", "module: 'no_such_owl:reply'")
    with pytest.raises(ResponderMissing, match="the responder's module no_such_owl cannot be imported"):
        preflight.require_programs(load_flow(named, str(tmp_path / "flow.yaml")))
    model = 'openai: {url: "https://owl.example/v1", model: m, key_from: OWL_KEY, playbook_file: owl.md}'
    flow = load_flow(ANSWERED.replace("command: [PROGRAM]", model), str(tmp_path / "flow.yaml"))
    with pytest.raises(ResponderMissing) as raised:
        preflight.require_programs(flow)
    first, second = raised.value.message.splitlines()
    assert first.startswith("the variable OWL_KEY, needed to answer chat, is not set (export OWL_KEY=")
    assert second.startswith(f"there is no file {tmp_path}/owl.md")
    assert raised.value.exit_code == 6
    monkeypatch.setenv("OWL_KEY", "key-of-the-owl")
    (tmp_path / "owl.md").write_text("Be kind.")
    preflight.require_programs(flow)


def stored_at(updated: float, ahead: float = 0.0) -> Stored:
    """A run that was written last at a time of the wall clock."""
    return Stored(replace(Run("r", "f", "d", {}), ahead=ahead), "", "", "", 1, None, updated, updated)


@pytest.mark.parametrize("ahead", [0.0, 600.0, -172800.0])
def test_the_time_of_a_run_goes_on_where_it_was(ahead: float) -> None:
    """It is as far ahead of the wall clock as it was, whatever the process that drives it."""
    assert running.clock_of(stored_at(time.time() - 5.0, ahead)).ahead == pytest.approx(ahead, abs=0.5)


@pytest.mark.parametrize("back", [10.0, 600.0, 172800.0])
def test_the_time_of_a_run_never_goes_back(back: float) -> None:
    """When the wall clock is behind what was written last, the run goes on from there."""
    clock = running.clock_of(stored_at(time.time() + back, 60.0))
    assert clock.now() == pytest.approx(time.time() + back + 60.0, abs=5.0)

"""Gherkin steps that set a run up and play it; what came of it is looked at by `retake_flow.testing.expectations`.

They are fixtures of pytest-bdd: `pytest_plugins = ["retake_flow.testing.steps", "retake_flow.testing.expectations"]`
in a `conftest.py` makes them known. All are plain functions: an `async def` step would never be awaited.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from pytest_bdd import given, parsers, when

from retake_flow.flow.model import Flow
from retake_flow.redact import Secret
from retake_flow.rehearsal.options import ChatShape, PreparedAgent
from retake_flow.rehearsal.script import Cue, CueType
from retake_flow.testing.rehearsed import Rehearsal, Rehearsed, Scene, opened
from retake_flow.testing.studio import Trouble, Way
from retake_flow.testing.wording import fault

Table = list[list[str]]
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


def rows(table: Table) -> list[dict[str, str]]:
    """The rows of a table by the names in its first line."""
    head, *lines = table
    return [dict(zip(head, line, strict=True)) for line in lines]


# --- the agent ----------------------------------------------------------------------------------------------


@given("an agent with credentials")
def agent(rehearsal: Rehearsal) -> None:
    """What a scenario begins with unless it says otherwise."""
    assert rehearsal.credentials.exists()


@given("an agent that nobody has vouched for")
def unverified(rehearsal: Rehearsal) -> None:
    """The platform knows it and says `verified: false`."""
    rehearsal.options = replace(rehearsal.options, verified=False)


@given("an agent that was never registered")
def unregistered(rehearsal: Rehearsal) -> None:
    """Neither the platform nor the machine knows of it."""
    rehearsal.credentials.unlink()
    rehearsal.options = replace(rehearsal.options, agents=())


@given(parsers.parse('an agent named "{name}" is registered by somebody else'))
def other_agent(rehearsal: Rehearsal, name: str) -> None:
    """The name is taken."""
    other = PreparedAgent(name, Secret("rtk_of_somebody_else"))
    rehearsal.options = replace(rehearsal.options, agents=(*rehearsal.options.agents, other))


@given("there is no credentials file")
def no_credentials(rehearsal: Rehearsal) -> None:
    """Nothing was ever saved here."""
    rehearsal.credentials.unlink()


@given(parsers.parse("its credentials were issued by {origin}"))
def issued_by(rehearsal: Rehearsal, origin: str) -> None:
    """The token is bound to another origin."""
    rehearsal.give_credentials(issued_by=origin)


@given(parsers.parse("its credentials file has mode {mode}"))
def open_credentials(rehearsal: Rehearsal, mode: str) -> None:
    """Somebody changed who may read the file."""
    rehearsal.credentials.chmod(int(mode, 8))


@given("its credentials file holds")
def credentials_text(rehearsal: Rehearsal, docstring: str) -> None:
    """Somebody wrote the file by hand."""
    rehearsal.credentials.write_text(docstring, encoding="utf-8")


@given("its credentials cannot be saved")
def unsaveable(rehearsal: Rehearsal) -> None:
    """Where the folder should be is a file; permissions would not keep root from writing."""
    rehearsal.credentials.parent.rmdir()
    rehearsal.credentials.parent.touch()


@given(parsers.parse("the environment holds the token {token}"))
def token(rehearsal: Rehearsal, token: str) -> None:
    """As by RETAKE_ACCESS_TOKEN."""
    rehearsal.token = Secret(token)


# --- the run ------------------------------------------------------------------------------------------------


@given(parsers.parse("the flow {name}"))
def flow(rehearsal: Rehearsal, name: str) -> None:
    """Another flow than go-live.yaml, by path or shipped name."""
    rehearsal.flow = _flow(name)


@given(parsers.parse("it is to be on air for {time}"))
def duration(rehearsal: Rehearsal, time: str) -> None:
    """As by --for."""
    rehearsal.inputs["max_duration"] = time


@given("the inputs")
def inputs(rehearsal: Rehearsal, datatable: Table) -> None:
    """As by --set."""
    rehearsal.inputs |= {row["name"]: row["value"] for row in rows(datatable)}


@given(parsers.parse("Ctrl-C is pressed {after:g} s into {state}"))
def interrupted(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The first interruption stops the run in order."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.stop("interrupted"))


@given(parsers.parse("Ctrl-C is pressed again {after:g} s into {state}"))
def interrupted_again(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The second interruption kills the run."""
    rehearsal.intervene(state, after, lambda scene: scene.runner.kill())


# --- the studio ---------------------------------------------------------------------------------------------


@given(parsers.re(r"the (?P<part>[a-z ]+?) (?P<way>is missing|never becomes ready|fails)(?P<once> once)?"))
def trouble(rehearsal: Rehearsal, part: str, way: Way, once: str | None) -> None:
    """A program does not start: always, or the first time only."""
    rehearsal.troubles.append(Trouble(part, way, times=1 if once else None))


@given(parsers.parse("the {part} always dies {after:g} s after its start"))
def mortal(rehearsal: Rehearsal, part: str, after: float) -> None:
    """A program never lasts."""
    rehearsal.troubles.append(Trouble(part, "dies", after, times=None))


@given(parsers.parse("the {part} is killed {after:g} s into {state}"))
def killed(rehearsal: Rehearsal, part: str, after: float, state: str) -> None:
    """Somebody kills a program."""
    rehearsal.intervene(state, after, lambda scene: scene.stage.kill(part))


@given(parsers.parse("the encoder stalls {after:g} s into {state}"))
def stalled(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The encoder goes on without sending."""
    rehearsal.intervene(state, after, lambda scene: scene.stage.stall())


# --- the platform -------------------------------------------------------------------------------------------


@given(parsers.re(r"the next (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"))
def one_fault(rehearsal: Rehearsal, call: str, words: str) -> None:
    """One call fails."""
    rehearsal.fault(fault(call, words))


@given(parsers.re(r"every (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"))
def lasting_fault(rehearsal: Rehearsal, call: str, words: str) -> None:
    """All calls fail."""
    rehearsal.fault(fault(call, words, times=None))


@given(parsers.re(r"from its (?P<nth>\d+)\w\w on, (?P<which>every|the next) (?P<call>[A-Z]+ /\S+) meets (?P<words>.+)"))
def later_fault(rehearsal: Rehearsal, nth: str, which: str, call: str, words: str) -> None:
    """The first few calls go well."""
    rehearsal.fault(fault(call, words, times=None if which == "every" else 1, after=int(nth) - 1))


@given(parsers.parse("each answer takes {seconds:g} s"))
def latency(rehearsal: Rehearsal, seconds: float) -> None:
    """The platform is far away."""
    rehearsal.options = replace(rehearsal.options, latency=seconds)


@given(parsers.parse("a stream shows as live {seconds:g} s after its first video"))
def lag(rehearsal: Rehearsal, seconds: float) -> None:
    """`is_live` lags behind the push."""
    rehearsal.options = replace(rehearsal.options, lag=seconds)


@given(parsers.parse("the platform's guide has version {version}"))
def guide(rehearsal: Rehearsal, version: str) -> None:
    """The version in skill.json."""
    rehearsal.options = replace(rehearsal.options, skill_version=version)


@given(parsers.parse("the platform ends the session {after:g} s into {state}"))
def ended_session(rehearsal: Rehearsal, after: float, state: str) -> None:
    """Somebody else stops the stream."""

    def end(scene: Scene) -> None:
        scene.platform.stop(next(iter(scene.platform.agents)))

    rehearsal.intervene(state, after, end)


@given(parsers.parse("somebody else fetches a stream key {after:g} s into {state}"))
def foreign_key(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The run's key is not the newest any more, so the ingest refuses it."""

    def issue(scene: Scene) -> None:
        scene.platform.issue_key(next(iter(scene.platform.agents)))

    rehearsal.intervene(state, after, issue)


# --- chat ---------------------------------------------------------------------------------------------------


@given(parsers.parse("chat comes in the {shape} shape"))
def shape(rehearsal: Rehearsal, shape: str) -> None:
    """One of the two shapes, or both mixed."""
    rehearsal.options = replace(rehearsal.options, chat_shape=cast(ChatShape, shape))


@given(parsers.parse("without a session comments are answered by status {status:d}"))
def comments_without_session(rehearsal: Rehearsal, status: int) -> None:
    """Both 404 and 409 were observed."""
    rehearsal.options = replace(rehearsal.options, comments_without_session=status)


@given("these viewers")
def viewers(rehearsal: Rehearsal, datatable: Table) -> None:
    """What is done by whom, `at` so many seconds after going live."""
    cues = (Cue(float(row["at"]), row["name"], cast(CueType, row.get("type", "message")), row["text"])
            for row in rows(datatable))  # fmt: skip
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, *cues))


@given(parsers.parse("{count:d} viewers who all write at {at:g} s"))
def burst(rehearsal: Rehearsal, count: int, at: float) -> None:
    """More than fits on one page."""
    cues = (Cue(at, f"viewer-{number}", text=f"hello {number}") for number in range(1, count + 1))
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, *cues))


@given("a chat that holds already")
def history(rehearsal: Rehearsal, datatable: Table) -> None:
    """What was written before the stream."""
    cues = tuple(Cue(float(row["seconds ago"]), row["name"], text=row["text"]) for row in rows(datatable))
    rehearsal.options = replace(rehearsal.options, history=cues)


# --- play ---------------------------------------------------------------------------------------------------


@when("the agent goes live", target_fixture="rehearsed")
def played(rehearsal: Rehearsal) -> Rehearsed:
    """Drive the run to its end."""
    return rehearsal.play()

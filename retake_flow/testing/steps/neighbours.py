"""Rehearsed runs: other agents, tokens, and runs that last for days."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from pytest_bdd import given, parsers, then

from retake_flow.errors import UsageError
from retake_flow.flow import duration
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Neighbour
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.observed import seconds
from retake_flow.testing.runs.rehearsed import AGENT, Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import rows

_TOKEN = "So1anaTokenOfTheNightOwl"


@given("these agents are on air")
def on_air(rehearsal: Rehearsal, datatable: Table) -> None:
    """A table of `name` and `viewers`."""
    _settle(rehearsal, *(Neighbour(row["name"], viewers=int(row["viewers"])) for row in rows(datatable)))


@given(parsers.parse("the agent {name} is off air"))
def off_air(rehearsal: Rehearsal, name: str) -> None:
    """A registered agent that does not stream."""
    _settle(rehearsal, Neighbour(name, live=False))


@given(parsers.parse("the agent has written to {name} {time} before"))
def has_written(rehearsal: Rehearsal, name: str, time: str) -> None:
    """A message of an earlier run."""

    def write(scene: Scene) -> None:
        own = scene.platform.agents.by_id(AGENT.user_id)
        at = scene.platform.now() - duration.seconds(time)
        shape = rehearsal.options.chat_shape
        _agent(scene.platform, name).chat.write(own.person, "Hello!", at=at, session_id="", shape=shape)

    rehearsal.intervene("", 0.0, write)


@given(parsers.parse('{name} writes "{text}" {time} after the start'))
def writes(rehearsal: Rehearsal, name: str, text: str, time: str) -> None:
    """A message in the agent's chat, on air or not."""

    def write(scene: Scene) -> None:
        scene.platform.viewers.perform(scene.platform.agents.by_id(AGENT.user_id), Cue(0.0, name, text=text))

    rehearsal.intervene("", duration.seconds(time), write)


@given("its token does, look by look")
def token(rehearsal: Rehearsal, datatable: Table) -> None:
    """A table of the token's figures, one row per call; the last row repeats."""
    first, *others = rehearsal.options.agents
    rehearsal.options = replace(rehearsal.options, agents=(replace(first, token_address=_TOKEN), *others))
    looks = [{name: float(value) for name, value in row.items()} for row in rows(datatable)]
    for look in looks:
        _answers(
            rehearsal, f"GET /tokens/{_TOKEN}/stats", {"ticker": "OWL", **look}, 1 if look is not looks[-1] else None
        )


@given(parsers.re(r"the platform answers (?P<call>[A-Z]+ /\S+) with"))
def lists(rehearsal: Rehearsal, call: str, datatable: Table) -> None:
    """Every response is a list: a table of its entries."""
    _answers(rehearsal, call, rows(datatable))


@given(parsers.parse("the run is stopped after {time}"))
def stop_after(rehearsal: Rehearsal, time: str) -> None:
    """The run is stopped after this time."""
    rehearsal.within += duration.seconds(time)
    rehearsal.intervene("", duration.seconds(time), lambda scene: scene.runner.stop("seen enough"))


@then("the operator was told, so long after the start")
def operator_gets_notices(rehearsed: Rehearsed, datatable: Table) -> None:
    """All messages to the operator, in order: `after` (to the minute) and `words`."""
    notices = [(60 * round(seconds(record) / 60), str(record["message"])) for record in rehearsed.records("notice")]
    assert [at for at, _ in notices] == [duration.seconds(row["after"]) for row in rows(datatable)], notices
    for (_, message), row in zip(notices, rows(datatable), strict=True):
        assert row["words"] in message


@then("the operator was told nothing")
def operator_gets_no_notice(rehearsed: Rehearsed) -> None:
    """There was no message to the operator."""
    assert rehearsed.records("notice") == []


@then(parsers.parse("the agent wrote to {name}"))
def wrote_to(rehearsed: Rehearsed, name: str, datatable: Table) -> None:
    """All its messages in another agent's chat, in order."""
    assert [comment.text for comment in _written(rehearsed, name)] == [row[0] for row in datatable]


@then(parsers.parse("the agent wrote nothing to {name}"))
def wrote_nothing_to(rehearsed: Rehearsed, name: str) -> None:
    """No message in this run."""
    assert [each for each in _written(rehearsed, name) if each.at >= rehearsed.platform.began] == []


@then(parsers.parse("its messages came {time} apart"))
def apart(rehearsed: Rehearsed, time: str) -> None:
    """The shortest time between two messages."""
    sent = [round(seconds(record)) for record in rehearsed.records("chat_sent")]
    pauses = [later - earlier for earlier, later in pairwise(sent)]
    assert pauses
    assert min(pauses) >= duration.seconds(time)


def _settle(rehearsal: Rehearsal, *neighbours: Neighbour) -> None:
    rehearsal.options = replace(rehearsal.options, neighbours=(*rehearsal.options.neighbours, *neighbours))


def _agent(platform: Platform, name: str) -> Agent:
    agent = platform.agents.by_name(name)
    if agent is None:
        raise UsageError(f"there is no agent {name!r}", hint="`Given these agents are on air` says who is there")
    return agent


def _answers(rehearsal: Rehearsal, call: str, body: object, times: int | None = None) -> None:
    rehearsal.fault(Fault(call, body=body, times=times))


def _written(rehearsed: Rehearsed, name: str) -> list[Comment]:
    comments = _agent(rehearsed.platform, name).chat.comments
    return [comment for comment in comments if comment.author.user_id == AGENT.user_id]

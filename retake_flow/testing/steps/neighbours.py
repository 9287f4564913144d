"""Rehearsed runs, the neighbourhood: other agents, what tokens do, and runs that go on for days."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from pytest_bdd import given, parsers, then

from retake_flow.flow import duration
from retake_flow.redact import Secret
from retake_flow.rehearsal.faults import Fault
from retake_flow.rehearsal.options import PreparedAgent
from retake_flow.rehearsal.script import Cue
from retake_flow.simulation.virtual_time import EPOCH
from retake_flow.testing.cells import Table
from retake_flow.testing.rehearsed import AGENT, Rehearsal, Rehearsed
from retake_flow.testing.scene import Scene
from retake_flow.testing.steps.reading import rows

_TOKEN = "So1anaTokenOfTheNightOwl"


@given("these agents are on air")
def on_air(rehearsal: Rehearsal, datatable: Table) -> None:
    """By `name`, with so many `viewers`; the agent itself may be among them."""
    crowd = [{"user_id": _id(row["name"]), "username": row["name"], "viewers": int(row["viewers"])}
             for row in rows(datatable)]  # fmt: skip
    _answers(rehearsal, "GET /users/live/", crowd)
    for user in crowd:
        _known(rehearsal, str(user["username"]))
        session = {"session_id": f"session_{user['user_id']}", "streamer_id": user["user_id"]}
        _answers(rehearsal, f"GET /sessions/active/{user['user_id']}/", session)


@given(parsers.parse("the agent {name} is off air"))
def off_air(rehearsal: Rehearsal, name: str) -> None:
    """Known to the platform, and not streaming."""
    _known(rehearsal, name)
    _answers(rehearsal, f"GET /sessions/active/{_id(name)}/", [])


@given(parsers.parse("the agent has written to {name} {time} before"))
def has_written(rehearsal: Rehearsal, name: str, time: str) -> None:
    """In some earlier run."""

    def write(scene: Scene) -> None:
        own = scene.platform.agents.with_id(AGENT.user_id)
        at = scene.platform.now() - duration.seconds(time)
        chat = scene.platform.agents.with_id(_id(name)).chat
        chat.write(own.person, "Hello!", at=at, session_id="", shape=rehearsal.options.chat_shape)

    rehearsal.intervene("", 0.0, write)


@given(parsers.parse('{name} writes "{text}" {time} after the start'))
def writes(rehearsal: Rehearsal, name: str, text: str, time: str) -> None:
    """In the agent's chat, whether it is on air or not."""

    def write(scene: Scene) -> None:
        scene.platform.perform(scene.platform.agents.with_id(AGENT.user_id), Cue(0.0, name, text=text))

    rehearsal.options = replace(rehearsal.options, comments_without_session=200)
    rehearsal.intervene("", duration.seconds(time), write)


@given("its token does, look by look")
def token(rehearsal: Rehearsal, datatable: Table) -> None:
    """A table of what the platform tells of the agent's token each time; the last line repeats."""
    first, *others = rehearsal.options.agents
    rehearsal.options = replace(rehearsal.options, agents=(replace(first, token_address=_TOKEN), *others))
    looks = [{name: float(value) for name, value in row.items()} for row in rows(datatable)]
    for look in looks:
        _answers(
            rehearsal, f"GET /tokens/{_TOKEN}/stats", {"ticker": "OWL", **look}, 1 if look is not looks[-1] else None
        )


@given(parsers.re(r"the platform answers (?P<call>[A-Z]+ /\S+) with"))
def lists(rehearsal: Rehearsal, call: str, datatable: Table) -> None:
    """A list, each time: a table of its entries."""
    _answers(rehearsal, call, rows(datatable))


@given(parsers.parse("the run is stopped after {time}"))
def stopped(rehearsal: Rehearsal, time: str) -> None:
    """By somebody who has seen enough; so long it may go on."""
    rehearsal.within += duration.seconds(time)
    rehearsal.intervene("", duration.seconds(time), lambda scene: scene.runner.stop("seen enough"))


@then("the operator was told, so long after the start")
def told(rehearsed: Rehearsed, datatable: Table) -> None:
    """All that was told, in order: `after` which time, to the minute, with which `words`."""
    notices = [(60 * round(_at(record) / 60), str(record["message"])) for record in rehearsed.records("notice")]
    assert [at for at, _ in notices] == [duration.seconds(row["after"]) for row in rows(datatable)], notices
    for (_, message), row in zip(notices, rows(datatable), strict=True):
        assert row["words"] in message


@then("the operator was told nothing")
def told_nothing(rehearsed: Rehearsed) -> None:
    """There was nothing to be told."""
    assert rehearsed.records("notice") == []


@then(parsers.parse("the agent wrote to {name}"))
def wrote_to(rehearsed: Rehearsed, name: str, datatable: Table) -> None:
    """All that it wrote in the chat of another agent, in order."""
    assert _written(rehearsed, name) == [row[0] for row in datatable]


@then(parsers.parse("the agent wrote nothing to {name}"))
def wrote_nothing_to(rehearsed: Rehearsed, name: str) -> None:
    """At least not in this run."""
    began = rehearsed.platform.began
    assert [c for c in _comments(rehearsed, name) if c.author.user_id == AGENT.user_id and c.at >= began] == []


@then(parsers.parse("its messages came {time} apart"))
def apart(rehearsed: Rehearsed, time: str) -> None:
    """Each so long after the one before it, or later."""
    sent = [_at(record) for record in rehearsed.records("chat_sent")]
    pauses = [later - earlier for earlier, later in pairwise(sent)]
    assert pauses
    assert min(pauses) >= duration.seconds(time)


def _id(name: str) -> str:
    return AGENT.user_id if name == AGENT.name else f"user_{name.replace('-', '_')}"


def _known(rehearsal: Rehearsal, name: str) -> None:
    """Have the platform know an agent; its chat can be read whether it has a session here or not."""
    _answers(rehearsal, f"GET /users/streamer/{name}", {"streamer_id": _id(name), "username": name})
    if name != AGENT.name:
        other = PreparedAgent(name, Secret(f"rtk_rehearsed_{_id(name)}"), _id(name))
        rehearsal.options = replace(rehearsal.options, agents=(*rehearsal.options.agents, other))
    rehearsal.options = replace(rehearsal.options, comments_without_session=200)


def _answers(rehearsal: Rehearsal, call: str, body: object, times: int | None = None) -> None:
    rehearsal.fault(Fault(call, body=body, times=times))


def _comments(rehearsed: Rehearsed, name: str) -> Any:
    return rehearsed.platform.agents.with_id(_id(name)).chat.comments


def _written(rehearsed: Rehearsed, name: str) -> list[str]:
    return [comment.text for comment in _comments(rehearsed, name) if comment.author.user_id == AGENT.user_id]


def _at(record: dict[str, Any]) -> float:
    return round(datetime.fromisoformat(record["t"]).timestamp() - EPOCH)

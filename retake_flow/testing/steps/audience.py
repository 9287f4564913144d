"""Rehearsed runs, the audience: crowds, their messages and other actions."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from pytest_bdd import given, parsers, then

from retake_flow.actions.chat.entries import LONGEST_TEXT
from retake_flow.rehearsal.setup.faults import Fault, SocketFault
from retake_flow.rehearsal.setup.viewer_script import TROLL_TEXTS, Crowd, Trolls
from retake_flow.sanitize import strip_controls
from retake_flow.testing.fakes.services import FakeResponder
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.rehearsed import AGENT, Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import ON_AIR

_READS = "GET /agent/stream/comments"
_CALLS = 400  # more than a scenario makes


@given(parsers.parse("{viewers:d} viewers who write {messages:d} messages from {start:g} s to {last:g} s"))
def crowd(rehearsal: Rehearsal, viewers: int, messages: int, start: float, last: float) -> None:
    """Different texts (`#001 …`) at random times."""
    written = Crowd(viewers, messages, start, last - start)
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, written))


@given(parsers.parse("reading the chat fails {times:d} times in 10, by chance"))
def make_chat_unreliable(rehearsal: Rehearsal, times: int) -> None:
    """Random failures of the platform or the network."""
    dice = Random(7)
    for number in range(_CALLS):
        if dice.random() < times / 10:
            way: dict[str, Any] = dice.choice([{"status": 503}, {"drop": True}, {"status": 429}, {"status": 500}])
            rehearsal.fault(Fault(_READS, after=number, **way))


@given(parsers.parse("of the real-time events every {nth:d}th is lost and every {other:d}th comes twice"))
def lose_realtime_events(rehearsal: Rehearsal, nth: int, other: int) -> None:
    """Lost and repeated real-time events."""
    for number in range(0, _CALLS, nth):
        rehearsal.options = _with(rehearsal, SocketFault("lose", after=number))
    for number in range(1, _CALLS, other):
        rehearsal.options = _with(rehearsal, SocketFault("double", after=number))


@given(parsers.parse("the real-time connection breaks {after:g} s into {state}"))
def breaks(rehearsal: Rehearsal, after: float, state: str) -> None:
    """The connection breaks and reconnects."""
    rehearsal.intervene(state, after, lambda scene: scene.platform.rooms.drop())


@given(parsers.parse("real-time events have other ids than the chat"))
def other_ids(rehearsal: Rehearsal) -> None:
    """Real-time events and the chat use different ids."""

    def rename(scene: Scene) -> None:
        say = scene.platform.rooms.say

        def said(room: str, event: str, data: Any) -> None:
            say(room, event, {**data, "chat_event_id": f"live-{data.get('chat_event_id')}"})

        scene.platform.rooms.say = said  # type: ignore[method-assign]

    rehearsal.intervene("on_air", 0.0, rename)


@given("all the trolls come")
def trolls(rehearsal: Rehearsal) -> None:
    """All hostile messages, one after the other, from the third second on."""
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, Trolls(3.0, 1.0)))


@given(parsers.parse('the brain says "{text}" into silence'))
def into_silence(brain: FakeResponder, text: str) -> None:
    """Its reply when chat has been silent."""
    brain.silence = text


@then("each message of a viewer is in the journal once, in order")
def each_once(rehearsed: Rehearsed) -> None:
    """No message is lost or repeated, and the agent's own are not included."""
    assert _read(rehearsed) == _written(rehearsed)


@then("each message of a viewer is in the journal once")
def each_at_some_time(rehearsed: Rehearsed) -> None:
    """No message is lost or repeated; the order may differ from that of writing."""
    assert sorted(_read(rehearsed)) == sorted(_written(rehearsed))


@then("the brain was asked about each message of a viewer, in order")
def each_message_reaches_brain(rehearsed: Rehearsed, brain: FakeResponder) -> None:
    """In order; repeated only after a crash."""
    asked = list(dict.fromkeys(m.text for batch in brain.asked for m in batch.messages))
    assert asked == [c["text"] for c in rehearsed.agent["chat"] if not c["agent"]]


@then("each viewer who wrote has been named by the agent once")
def named_once(rehearsed: Rehearsed) -> None:
    """Each viewer is named exactly once, even when deliveries are unknown."""
    chat = rehearsed.agent["chat"]
    said = " ".join(c["text"] for c in chat if c["agent"])
    names = {c["name"] for c in chat if not c["agent"]}
    assert names
    assert {name: len(re.findall(rf"\b{re.escape(name)}\b", said)) for name in names} == dict.fromkeys(names, 1)


@then(parsers.parse("a message is in the journal {seconds:g} s after it was written, in the median"))
def reaction(rehearsed: Rehearsed, seconds: float) -> None:
    """The median delay is at most this."""
    began = datetime.fromisoformat(rehearsed.report["began"]).timestamp()
    written = {c["text"]: began + c["t"] for c in rehearsed.agent["chat"]}
    read = [(r["text"], datetime.fromisoformat(r["t"]).timestamp()) for r in rehearsed.records("chat_message")]
    assert median(at - written[text] for text, at in read) <= seconds


@then("the flow has heard of")
def heard_of(rehearsed: Rehearsed, datatable: Table) -> None:
    """The events that the flow reported, in order."""
    told = [record["message"] for record in rehearsed.records("notice", kind="told")]
    assert told == [row[0] for row in datatable]


@then("real-time events are told of as")
def connection(rehearsed: Rehearsed, datatable: Table) -> None:
    """The states of the real-time connection, in order."""
    assert [r["state"] for r in rehearsed.records("chat_realtime")] == [row[0] for row in datatable]


@then("the chat begins on stream with")
def chat_on_stream_begins_with(rehearsed: Rehearsed, datatable: Table) -> None:
    """The first lines of chat on stream, the agent's included."""
    assert rehearsed.studio.said[: len(datatable)] == [row[0] for row in datatable]


@then("nothing that a terminal would obey has come out of chat")
def harmless(rehearsed: Rehearsed) -> None:
    """No terminal sequence reached the screen, the journal or the voice."""
    texts = [*rehearsed.studio.said, *rehearsed.studio.spoken]
    texts += [str(value) for record in rehearsed.journal for value in record.values()]
    assert len(rehearsed.records("chat_message")) >= len(TROLL_TEXTS) - 1
    assert [text for text in texts if strip_controls(text) != text] == []


@then(parsers.parse("{place} is still asked"))
def question_is_still_open(rehearsed: Rehearsed, place: str) -> None:
    """The question stayed open to the end."""
    assert f"{ON_AIR}:{place}" in {record["gate"].rpartition(".")[0] for record in rehearsed.records("gate_opened")}
    assert rehearsed.records("gate_answered") == []


@then("nothing of it was run, rendered or told")
def only_data(rehearsed: Rehearsed, rehearsal: Rehearsal) -> None:
    """No message started a program, was evaluated or revealed a secret."""
    known = {record["text"] for record in rehearsed.records("chat_message")}
    out = [
        *rehearsed.studio.said,
        *rehearsed.studio.spoken,
        *(c["text"] for c in rehearsed.agent["chat"] if c["agent"]),
    ]
    assert not list(rehearsal.folder.glob("**/pwned"))
    assert not Path("pwned").exists()
    assert AGENT.token.reveal() not in f"{rehearsed.journal}{out}"
    assert not any("49" in text for text in out)
    assert rehearsed.run.vars.get("tipped", "") in {"", *known}
    assert rehearsed.network.strays == []


@then(parsers.parse("the agent wrote at intervals of {least:g} s to {most:g} s"))
def agent_writes_at_intervals(rehearsed: Rehearsed, least: float, most: float) -> None:
    """The time between two messages."""
    times = [c["t"] for c in rehearsed.agent["chat"] if c["agent"]]
    assert len(times) > 1
    assert all(least <= later - sooner <= most for sooner, later in pairwise(times))


def _read(rehearsed: Rehearsed) -> list[str]:
    return [record["text"] for record in rehearsed.records("chat_message")]


def _written(rehearsed: Rehearsed) -> list[str]:
    chat = rehearsed.agent["chat"]
    written = [
        strip_controls(c["text"])[:LONGEST_TEXT] for c in chat if not c["agent"] and c["type"] in ("message", "tip")
    ]
    assert written
    return written


def _with(rehearsal: Rehearsal, fault: SocketFault) -> Any:
    return replace(rehearsal.options, faults=(*rehearsal.options.faults, fault))

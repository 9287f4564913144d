"""Rehearsed runs, chat: messages of viewers and answers of the agent."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest
from pytest_bdd import given, parsers, then

from retake_flow.rehearsal.setup.options import ChatShape
from retake_flow.rehearsal.setup.viewer_script import Cue, CueType, Reaction, Side
from retake_flow.testing.fakes.services import FakeResponder, standing_in
from retake_flow.testing.gherkin import cells
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import ON_AIR, calls, rows


@given(parsers.parse("chat comes in the {shape} shape"))
def shape(rehearsal: Rehearsal, shape: str) -> None:
    """The shape of chat entries: one of the two, or both mixed."""
    rehearsal.options = replace(rehearsal.options, chat_shape=cast("ChatShape", shape))


@given("the answer to a message tells no id")
def no_message_ids(rehearsal: Rehearsal) -> None:
    """The response to a sent message has no id."""
    rehearsal.options = replace(rehearsal.options, message_ids=False)


@given("the platform tells nothing in real time")
def no_realtime(rehearsal: Rehearsal) -> None:
    """There is no real-time connection, so chat is polled."""
    rehearsal.options = replace(rehearsal.options, realtime=False)


@given("these viewers")
def viewers(rehearsal: Rehearsal, datatable: Table) -> None:
    """What viewers do, `at` seconds after going live, or after a `scene` comes on."""
    cues = [
        Cue(
            float(row["at"]),
            _written(row["name"]),
            cast("CueType", row.get("type") or "message"),
            _written(row.get("text", "")),
            float(row.get("amount") or 0),
            cast("Side", row.get("side") or "buy"),
        )
        for row in rows(datatable)
    ]
    scenes = [row.get("scene", "") for row in rows(datatable)]
    parts = (Reaction(scene, cue) if scene else cue for scene, cue in zip(scenes, cues, strict=True))
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, *parts))


def _written(cell: str) -> str:
    r"""A text as it is sent: `\e`, `\a`, `\n` and `\uXXXX` stand for what cannot be written in a table."""
    named = cell.replace("\\e", "\x1b").replace("\\a", "\x07").replace("\\n", "\n")
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), named)


@given(parsers.parse("{count:d} viewers who all write at {at:g} s"))
def burst(rehearsal: Rehearsal, count: int, at: float) -> None:
    """A burst that can exceed one page."""
    cues = (Cue(at, f"viewer-{number}", text=f"hello {number}") for number in range(1, count + 1))
    rehearsal.options = replace(rehearsal.options, viewers=(*rehearsal.options.viewers, *cues))


@given("a chat that holds already")
def history(rehearsal: Rehearsal, datatable: Table) -> None:
    """Messages from before the stream."""
    cues = tuple(Cue(float(row["seconds ago"]), row["name"], text=row["text"]) for row in rows(datatable))
    rehearsal.options = replace(rehearsal.options, history=cues)


@pytest.fixture
def brain(rehearsal: Rehearsal) -> FakeResponder:
    """What answers chat where a flow names a program, a service, a model or a function."""
    brain = FakeResponder()
    rehearsal.responders |= standing_in(brain)
    return brain


@given("a brain that says")
def brain_says(brain: FakeResponder, datatable: Table) -> None:
    """Its replies by text; no reply to other texts."""
    brain.answers = {row["to"]: row["reply"] for row in rows(datatable)}


@given("a brain that raises")
def brain_raises(brain: FakeResponder, datatable: Table) -> None:
    """Its events by text (`to`, `event`); the other columns are the data."""
    events = {row.pop("to"): (row.pop("event"), row) for row in map(dict, cells.rows(datatable))}
    brain.events = {str(text): (str(name), data) for text, (name, data) in events.items()}


@given(parsers.parse("the brain thinks for {seconds:g} s"))
def brain_thinks(brain: FakeResponder, seconds: float) -> None:
    """The time that each batch takes."""
    brain.thinks = seconds


@given(Wording("the brain fails {count} time(s)"))
def brain_fails(brain: FakeResponder, count: int) -> None:
    """It fails this many times before its first reply."""
    brain.failures = count


@given(parsers.parse('the brain always fails over "{text}"'))
def brain_chokes(brain: FakeResponder, text: str) -> None:
    """It fails whenever a batch has this message."""
    brain.chokes = text


@then("the brain was asked about")
def brain_gets_messages(brain: FakeResponder, datatable: Table) -> None:
    """All messages that it was asked about, in order, with repetitions."""
    asked = [[message.author, message.text] for batch in brain.asked for message in batch.messages]
    assert asked == [[row["name"], row["text"]] for row in rows(datatable)]


@then("the brain has ended")
def brain_has_ended(brain: FakeResponder) -> None:
    """No task of it is left."""
    assert brain.asked
    assert brain.open == 0


@then(Wording("the journal tells of {count} failure(s) of the brain"))
def brain_has_failed(rehearsed: Rehearsed, count: int) -> None:
    """Repeated failures with the same reason count once."""
    told = rehearsed.records("error", place=f"{ON_AIR}:chat", kind="responder")
    assert len(told + rehearsed.records("responder_failed", kind="responder")) == count


@then(Wording("the operator is told of {count} failure(s) of the brain"))
def operator_learns_of_failures(rehearsed: Rehearsed, count: int) -> None:
    """One notice per reason, never twice in a row."""
    assert len(rehearsed.records("error", place=f"{ON_AIR}:chat", kind="responder")) == count


@then(parsers.parse("chat is read within {first:g} s of going live, and every {every:g} s at least"))
def chat_read(rehearsed: Rehearsed, first: float, every: float) -> None:
    """How soon and how often chat is read, from the moment the platform shows the stream."""
    live = rehearsed.agent["sessions"][0]["live"]
    ended = rehearsed.agent["sessions"][-1]["ended"]
    times = [call["t"] for call in calls(rehearsed, "GET /agent/stream/comments")]
    assert times[0] - live <= first
    assert max(later - sooner for sooner, later in pairwise([*times, ended])) <= every


@then("the agent wrote")
def wrote(rehearsed: Rehearsed, datatable: Table) -> None:
    """All messages of the agent, in order."""
    assert [c["text"] for c in rehearsed.agent["chat"] if c["agent"]] == [row[0] for row in datatable]


@then(parsers.parse("{count:d} viewers were greeted, in order and once each"))
def each_viewer_is_greeted(rehearsed: Rehearsed, count: int) -> None:
    """Every viewer is greeted exactly once."""
    results = rehearsed.records("activity_result", activity=f"{ON_AIR}:chat")
    names = [name for result in results for name in result["result"]["greeted"]]
    assert names == [f"viewer-{number}" for number in range(1, count + 1)]


@then("the chat's reading has not failed once")
def chat_reading_never_fails(rehearsed: Rehearsed) -> None:
    """No reading of chat has failed."""
    assert rehearsed.records("activity_failed", activity=f"{ON_AIR}:chat") == []


@then(parsers.parse("{name} is answered within {seconds:g} s"))
def viewer_is_answered(rehearsed: Rehearsed, name: str, seconds: float) -> None:
    """The time from a viewer's first comment to the greeting."""
    chat = rehearsed.agent["chat"]
    asked = next(comment["t"] for comment in chat if comment["name"] == name)
    answers = [c["t"] for c in chat if c["agent"] and c["t"] >= asked and name in c["text"]]
    assert answers
    assert answers[0] - asked <= seconds

"""Steps about chat: who writes, what the agent answers, and how soon."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import cast

from pytest_bdd import given, parsers, then

from retake_flow.rehearsal.options import ChatShape
from retake_flow.rehearsal.script import Cue, CueType
from retake_flow.testing.cells import Table
from retake_flow.testing.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.reading import ON_AIR, calls, rows


@given(parsers.parse("chat comes in the {shape} shape"))
def shape(rehearsal: Rehearsal, shape: str) -> None:
    """One of the two shapes, or both mixed."""
    rehearsal.options = replace(rehearsal.options, chat_shape=cast(ChatShape, shape))


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


@then(parsers.parse("chat is read within {first:g} s of going live, and every {every:g} s at least"))
def chat_read(rehearsed: Rehearsed, first: float, every: float) -> None:
    """No viewer waits for long; measured from the moment that the platform shows the stream."""
    live = rehearsed.agent["sessions"][0]["live"]
    ended = rehearsed.agent["sessions"][-1]["ended"]
    times = [call["t"] for call in calls(rehearsed, "GET /agent/stream/comments")]
    assert times[0] - live <= first
    assert max(later - sooner for sooner, later in pairwise([*times, ended])) <= every


@then("the agent wrote")
def wrote(rehearsed: Rehearsed, datatable: Table) -> None:
    """All that it wrote, in order."""
    assert [c["text"] for c in rehearsed.agent["chat"] if c["agent"]] == [row[0] for row in datatable]


@then(parsers.parse("{count:d} viewers were greeted, in order and once each"))
def greeted(rehearsed: Rehearsed, count: int) -> None:
    """Nobody is lost between two pages, and nobody comes twice."""
    results = rehearsed.records("activity_result", activity=f"{ON_AIR}:chat")
    names = [name for result in results for name in result["result"]["greeted"]]
    assert names == [f"viewer-{number}" for number in range(1, count + 1)]


@then("the chat's reading has not failed once")
def chat_kept(rehearsed: Rehearsed) -> None:
    """Nobody is troubled with what is no trouble."""
    assert rehearsed.records("activity_failed", activity=f"{ON_AIR}:chat") == []


@then(parsers.parse("{name} is answered within {seconds:g} s"))
def answered(rehearsed: Rehearsed, name: str, seconds: float) -> None:
    """From the first comment to the greeting that names them."""
    chat = rehearsed.agent["chat"]
    asked = next(comment["t"] for comment in chat if comment["name"] == name)
    answers = [c["t"] for c in chat if c["agent"] and c["t"] >= asked and name in c["text"]]
    assert answers
    assert answers[0] - asked <= seconds

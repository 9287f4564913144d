"""Rehearsed runs: speaking on the stream and sending events from outside."""

from __future__ import annotations

import re

from pytest_bdd import given, parsers, then

from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.interventions import RUN, Scene
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed


@given(Wording('somebody has "{words}" said {after} s into {state}'))
def says(rehearsal: Rehearsal, words: str, after: float, state: str) -> None:
    """With `say`, from another process, in every available way."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("say", text=words, by="ann"))


@given(parsers.parse('somebody has "{text}" said by {ways} {after:g} s into {state}'))
def says_by(rehearsal: Rehearsal, text: str, ways: str, after: float, state: str) -> None:
    """With `say`, in these ways: voice, screen, chat."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("say", text=text, ways=_listed(ways), by="ann"))


@given(parsers.parse('the agent replies "{text}" to {name} {after:g} s into {state}'))
def replies_to(rehearsal: Rehearsal, text: str, name: str, after: float, state: str) -> None:
    """With `reply`, from another process, to a viewer's last message."""

    def reply(scene: Scene) -> None:
        messages = [record for _, record in scene.runs.journal(RUN) if record["event"] == "chat_message"]
        last = [record["id"] for record in messages if record["author"] == name][-1]
        scene.ask("say", text=text, ways=["chat"], by="agent", answers=[last])

    rehearsal.intervene(state, after, reply)


@given(Wording("somebody sends the event {event} {after} s into {state}"))
def sends(rehearsal: Rehearsal, event: str, after: float, state: str, datatable: Table | None = None) -> None:
    """With `send`, from another process; a table sets its fields, a name and a value per row."""
    fields = dict(datatable or [])
    rehearsal.intervene(state, after, lambda scene: scene.ask("event", name=event, data=fields, by="ann"))


@then(Wording('"{words}" was spoken on the stream {times} time(s)'))
def text_is_spoken(rehearsed: Rehearsed, words: str, times: int) -> None:
    """The voice spoke it to the end."""
    assert rehearsed.studio.spoken.count(words) == times


@then(Wording('"{words}" was shown on the stream {times} time(s)'))
def text_is_on_screen(rehearsed: Rehearsed, words: str, times: int) -> None:
    """The content window showed it."""
    assert rehearsed.studio.said.count(words) == times


@then(Wording('it is told {times} time(s) that the stream is silent, since "{words}"'))
def stream_is_silent(rehearsed: Rehearsed, times: int, words: str) -> None:
    """The number of such notices; a part of the reason is enough."""
    assert len([record for record in rehearsed.records("sound_silent") if words in record["reason"]]) == times


@then(parsers.parse("it was said by {ways}"))
def text_is_said(rehearsed: Rehearsed, ways: str) -> None:
    """The last text was said in exactly these ways."""
    assert rehearsed.records("said")[-1]["how"] == _listed(ways)


@then(Wording('it was not said, since "{words}"'))
def text_is_not_said(rehearsed: Rehearsed, words: str) -> None:
    """The last text was not said in at least one way; a part of the reason is enough."""
    last = rehearsed.records("said")[-1]
    assert any(words in why for why in (last["reason"], *last["failed"].values()))


@then(Wording('the event {event} is refused with "{words}"'))
def event_is_refused(rehearsed: Rehearsed, event: str, words: str) -> None:
    """The sender gets this refusal; a part of the message or hint is enough."""
    (record,) = rehearsed.records("event_refused", name=event)
    assert words in f"{record['message']}; {record['hint']}"


@then(Wording("the event {event} was taken {times} time(s)"))
def event_is_accepted(rehearsed: Rehearsed, event: str, times: int) -> None:
    """The number of times the event was accepted."""
    assert len([record for record in rehearsed.records("event_raised", name=event) if "request" in record]) == times


def _listed(ways: str) -> list[str]:
    return re.split(r", | and ", ways)

"""Rehearsed runs: people who are asked, processes that die, runs that go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pytest_bdd import given, parsers, then

from retake_flow.flow import duration
from retake_flow.rehearsal.setup.options import PreparedAgent
from retake_flow.run.records import Record
from retake_flow.testing.fakes.notifications import RecordingNotifier
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs.interventions import Intervention, Scene, asking
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.reading import ON_AIR, rows, since_start


@given(parsers.parse("{by} answers {place} after {time}"))
def answered(rehearsal: Rehearsal, by: str, place: str, time: str, datatable: Table) -> None:
    """By another process, so long after the question; a row `decision` names the decision."""
    given_fields = dict(datatable)
    decision = given_fields.pop("decision", "")

    def answer(scene: Scene) -> None:
        scene.answer(place, given_fields, decision=decision, by=by)

    rehearsal.interventions.append(Intervention(asking(place), duration.seconds(time), answer))


@given(parsers.parse("the run is resumed {time} after its process has gone"))
def resumed(rehearsal: Rehearsal, time: str) -> None:
    """By another process; as often as a scenario says so, one after the other."""
    rehearsal.comebacks.append(duration.seconds(time))
    rehearsal.within += duration.seconds(time)


@given(parsers.parse("the process is killed {after:g} s into {state}"))
def killed(rehearsal: Rehearsal, after: float, state: str) -> None:
    """As by kill -9: nothing is written and nobody is told any more."""
    rehearsal.intervene(state, after, lambda scene: scene.crash())


@given(parsers.parse("somebody stops the run {after:g} s into {state}"))
def stopped(rehearsal: Rehearsal, after: float, state: str) -> None:
    """By `stop`, from another process."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("stop"))


@given(parsers.parse("somebody kills the run {after:g} s into {state}"))
def kill_requested(rehearsal: Rehearsal, after: float, state: str) -> None:
    """By `kill`, from another process."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("kill"))


@given(parsers.parse('the post {url} says "{text}"'))
def posted(rehearsal: Rehearsal, url: str, text: str) -> None:
    """A person has posted; `{message}` stands for what was to be posted."""
    rehearsal.options = replace(rehearsal.options, tweets={**rehearsal.options.tweets, url: text})


@given(parsers.parse('an agent named "{name}" was registered meanwhile, whose token nobody has'))
def registered_meanwhile(rehearsal: Rehearsal, name: str) -> None:
    """The platform knows the name; whether by this run nobody can tell."""
    from retake_flow.redact import Secret

    other = PreparedAgent(name, Secret("rtk_lost_for_ever_0123456789"))
    rehearsal.options = replace(rehearsal.options, agents=(*rehearsal.options.agents, other))


@given(parsers.parse("notices go to {audience}"))
def told(rehearsal: Rehearsal, audience: str) -> None:
    """By some service that reaches them."""
    rehearsal.channels.append(RecordingNotifier(audience))


@given(parsers.parse("the first {count:d} notices to {audience} do not arrive"))
def unreached(rehearsal: Rehearsal, count: int, audience: str) -> None:
    """The service fails."""
    rehearsal.channels.append(RecordingNotifier(audience, fails=count))


@then(parsers.parse("{audience} got these notices"))
def notices(rehearsal: Rehearsal, audience: str, datatable: Table) -> None:
    """All of them, in order: of which kind, with which words in the title or the text."""
    heard = [notice for channel in rehearsal.channels if channel.audience == audience for notice in channel.notices]
    assert [notice.kind for notice in heard] == [row["kind"] for row in rows(datatable)], heard
    for notice, row in zip(heard, rows(datatable), strict=True):
        assert row["words"] in f"{notice.title}\n{notice.text}"


@then(parsers.parse('{audience} was told "{words}" once, within {seconds:g} s'))
def told_in_time(rehearsal: Rehearsal, rehearsed: Rehearsed, audience: str, words: str, seconds: float) -> None:
    """Soon after the start, and not again and again."""
    heard = [notice for channel in rehearsal.channels if channel.audience == audience for notice in channel.notices]
    assert len([notice for notice in heard if words in notice.text]) == 1, heard
    said = next(record["message"] for record in rehearsed.records("notice") if words in record["message"])
    assert since_start(rehearsed, "notice", message=said) <= seconds


@then(parsers.parse('{audience} hears of {kind}: "{words}"'))
def hears(rehearsal: Rehearsal, audience: str, kind: str, words: str) -> None:
    """One of the notices is of this kind, with these words in its title or its text."""
    heard = [notice for channel in rehearsal.channels if channel.audience == audience for notice in channel.notices]
    assert any(notice.kind == kind and words in f"{notice.title}\n{notice.text}" for notice in heard), heard


@then(parsers.parse("{count:d} notices are journalled as failed"))
def failed(rehearsed: Rehearsed, count: int) -> None:
    """With when they are sent again."""
    assert len(rehearsed.records("notice_failed")) == count


@then(parsers.parse("the run waits at {place}"))
def waits(rehearsed: Rehearsed, place: str) -> None:
    """It has no process, and its question is open."""
    assert rehearsed.run.phase == "suspended", rehearsed.run
    assert [gate.place.rpartition("/")[2] for gate in rehearsed.run.gates.values()] == [place]
    assert rehearsed.last["event"] == "run_suspended"


@then(Wording("{place} was asked {times} time(s)"))
def asked(rehearsed: Rehearsed, place: str, times: int) -> None:
    """Not more and not less often, over all processes."""
    assert len([record for record in rehearsed.records("gate_opened") if asking(place)(record)]) == times


@then(parsers.parse('the error of {place} says "{words}"'))
def error_says(rehearsed: Rehearsed, place: str, words: str) -> None:
    """In its message or in what a person can do about it."""
    said = [
        f"{record['message']} {record['hint']}"
        for record in rehearsed.records("error")
        if record["place"].endswith(place)
    ]
    assert [text for text in said if words in text], said


@then(parsers.parse('the question of {place} says "{words}"'))
def question(rehearsed: Rehearsed, place: str, words: str) -> None:
    """What the person reads, the last time."""
    said = [record["message"] for record in rehearsed.records("gate_opened") if asking(place)(record)]
    assert words in said[-1]


@then("reminders came after")
def reminded(rehearsed: Rehearsed, datatable: Table) -> None:
    """So long after the question, no more and no fewer."""
    opened = _at(rehearsed.records("gate_opened")[0])
    came = [round(_at(record) - opened) for record in rehearsed.records("gate_reminder")]
    assert came == [round(duration.seconds(row[0])) for row in datatable]


@then(parsers.parse("{audience} was told after {time}"))
def escalated(rehearsed: Rehearsed, audience: str, time: str) -> None:
    """The question went further."""
    opened = _at(rehearsed.records("gate_opened")[0])
    (record,) = rehearsed.records("gate_escalated", audience=audience)
    assert round(_at(record) - opened) == round(duration.seconds(time))


@then(parsers.parse("the question expired after {time}"))
def expired(rehearsed: Rehearsed, time: str) -> None:
    """Nobody had answered."""
    opened = _at(rehearsed.records("gate_opened")[0])
    (record,) = rehearsed.records("gate_expired")
    assert round(_at(record) - opened) == round(duration.seconds(time))


@then(parsers.parse('{by} hears "{words}"'))
def refused(rehearsed: Rehearsed, by: str, words: str) -> None:
    """Why an answer was not taken."""
    assert any(said.startswith(f"{by}: ") and words in said for said in rehearsed.refused), rehearsed.refused


@then(parsers.parse("{by} has answered {place}"))
def has_answered(rehearsed: Rehearsed, by: str, place: str) -> None:
    """Who, by which channel, is in the journal, once."""
    records = [r for r in rehearsed.records("gate_answered") if f"/{place}." in f"/{r['gate']}".replace(":", "/")]
    assert [(record["by"], record["channel"]) for record in records] == [(by, "command")]


@then(parsers.parse("it was stopped within {seconds:g} s of being asked"))
def stopped_soon(rehearsed: Rehearsed, seconds: float) -> None:
    """From ten seconds into being on air, when it was asked, to leaving that state."""
    (entered,) = rehearsed.records("state_entered", state=ON_AIR)
    (left,) = rehearsed.records("state_left", state=ON_AIR)
    assert _at(left) - _at(entered) <= 10 + seconds


@then(parsers.parse("it took {count:d} processes"))
def processes(rehearsed: Rehearsed, count: int) -> None:
    """One after the other."""
    assert len(rehearsed.writes) == count


@then(parsers.parse('the journal nowhere says "{words}"'))
def unsaid(rehearsed: Rehearsed, words: str) -> None:
    """Not in any record."""
    assert words not in repr(rehearsed.journal)


def _at(record: Record) -> float:
    return datetime.fromisoformat(record["t"]).timestamp()

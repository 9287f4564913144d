"""Rehearsed runs: questions, crashes and resuming."""

from __future__ import annotations

from dataclasses import replace

from pytest_bdd import given, parsers, then

from retake_flow.flow import duration
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import PreparedAgent
from retake_flow.testing.fakes.services import RecordingNotifier
from retake_flow.testing.gherkin.cells import Table
from retake_flow.testing.gherkin.vocabulary import Wording
from retake_flow.testing.runs import observed as seen
from retake_flow.testing.runs.interventions import Intervention, Scene, asking
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import ON_AIR, notices_to, rows, since_start


@given(parsers.parse("{by} answers {place} after {time}"))
def answer_question(rehearsal: Rehearsal, by: str, place: str, time: str, datatable: Table) -> None:
    """Answers from another process, this long after the question; a row `decision` names the decision."""
    given_fields = dict(datatable)
    decision = given_fields.pop("decision", "")

    def answer(scene: Scene) -> None:
        scene.answer(place, given_fields, decision=decision, by=by)

    rehearsal.interventions.append(Intervention(asking(place), duration.seconds(time), answer))


@given(parsers.parse("the run is resumed {time} after its process has gone"))
def resume_run(rehearsal: Rehearsal, time: str) -> None:
    """Another process resumes the run; each such step resumes it once more."""
    rehearsal.comebacks.append(duration.seconds(time))
    rehearsal.within += duration.seconds(time)


@given(parsers.parse("the process is killed {after:g} s into {state}"))
def kill_process(rehearsal: Rehearsal, after: float, state: str) -> None:
    """Like `kill -9`: nothing more is written or sent."""
    rehearsal.intervene(state, after, lambda scene: scene.crash())


@given(parsers.parse("somebody stops the run {after:g} s into {state}"))
def stop_run(rehearsal: Rehearsal, after: float, state: str) -> None:
    """With `stop`, from another process."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("stop"))


@given(parsers.parse("somebody kills the run {after:g} s into {state}"))
def kill_run(rehearsal: Rehearsal, after: float, state: str) -> None:
    """With `kill`, from another process."""
    rehearsal.intervene(state, after, lambda scene: scene.ask("kill"))


@given(parsers.parse('the post {url} says "{text}"'))
def publish_post(rehearsal: Rehearsal, url: str, text: str) -> None:
    """A post by a person; `{message}` stands for the text to post."""
    rehearsal.options = replace(rehearsal.options, tweets={**rehearsal.options.tweets, url: text})


@given(parsers.parse('an agent named "{name}" was registered meanwhile, whose token nobody has'))
def registered_meanwhile(rehearsal: Rehearsal, name: str) -> None:
    """The name is registered, possibly by this run."""
    other = PreparedAgent(name, Secret("rtk_lost_for_ever_0123456789"))
    rehearsal.options = replace(rehearsal.options, agents=(*rehearsal.options.agents, other))


@given(parsers.parse("notices go to {audience}"))
def add_audience(rehearsal: Rehearsal, audience: str) -> None:
    """A notification service for this audience."""
    rehearsal.channels.append(RecordingNotifier(audience))


@given(parsers.parse("the first {count:d} notices to {audience} do not arrive"))
def fail_notices(rehearsal: Rehearsal, count: int, audience: str) -> None:
    """The service fails this many times."""
    rehearsal.channels.append(RecordingNotifier(audience, fails=count))


@then(parsers.parse("{audience} got these notices"))
def notices(rehearsal: Rehearsal, audience: str, datatable: Table) -> None:
    """All notices, in order: their kinds, and words in the title or text."""
    heard = notices_to(rehearsal, audience)
    assert [notice.kind for notice in heard] == [row["kind"] for row in rows(datatable)], heard
    for notice, row in zip(heard, rows(datatable), strict=True):
        assert row["words"] in f"{notice.title}\n{notice.text}"


@then(parsers.parse('{audience} was told "{words}" once, within {seconds:g} s'))
def told_in_time(rehearsal: Rehearsal, rehearsed: Rehearsed, audience: str, words: str, seconds: float) -> None:
    """Exactly one such notice, soon after the start."""
    heard = notices_to(rehearsal, audience)
    assert len([notice for notice in heard if words in notice.text]) == 1, heard
    said = next(record["message"] for record in rehearsed.records("notice") if words in record["message"])
    assert since_start(rehearsed, "notice", message=said) <= seconds


@then(parsers.parse('{audience} hears of {kind}: "{words}"'))
def hears(rehearsal: Rehearsal, audience: str, kind: str, words: str) -> None:
    """A notice of this kind has these words in its title or text."""
    heard = notices_to(rehearsal, audience)
    assert any(notice.kind == kind and words in f"{notice.title}\n{notice.text}" for notice in heard), heard


@then(parsers.parse("{count:d} notices are journalled as failed"))
def notice_fails(rehearsed: Rehearsed, count: int) -> None:
    """The journal records each failure and its next try."""
    assert len(rehearsed.records("notice_failed")) == count


@then(parsers.parse("the run waits at {place}"))
def waits(rehearsed: Rehearsed, place: str) -> None:
    """The run is suspended and its question is open."""
    assert rehearsed.run.phase == "suspended", rehearsed.run
    assert [gate.place.rpartition("/")[2] for gate in rehearsed.run.gates.values()] == [place]
    assert rehearsed.last["event"] == "run_suspended"


@then(Wording("{place} was asked {times} time(s)"))
def gate_is_asked(rehearsed: Rehearsed, place: str, times: int) -> None:
    """Exactly this many times, over all processes."""
    assert len([record for record in rehearsed.records("gate_opened") if asking(place)(record)]) == times


@then(parsers.parse('the error of {place} says "{words}"'))
def error_says(rehearsed: Rehearsed, place: str, words: str) -> None:
    """The error's message or hint contains these words."""
    said = [
        f"{record['message']} {record['hint']}"
        for record in rehearsed.records("error")
        if record["place"].endswith(place)
    ]
    assert [text for text in said if words in text], said


@then(parsers.parse('the question of {place} says "{words}"'))
def question(rehearsed: Rehearsed, place: str, words: str) -> None:
    """The last question contains these words."""
    said = [record["message"] for record in rehearsed.records("gate_opened") if asking(place)(record)]
    assert words in said[-1]


@then("reminders came after")
def gate_is_reminded(rehearsed: Rehearsed, datatable: Table) -> None:
    """Exactly these reminders, by the time after the question."""
    opened = seen.seconds(rehearsed.records("gate_opened")[0])
    came = [round(seen.seconds(record) - opened) for record in rehearsed.records("gate_reminder")]
    assert came == [round(duration.seconds(row[0])) for row in datatable]


@then(parsers.parse("{audience} was told after {time}"))
def gate_is_escalated(rehearsed: Rehearsed, audience: str, time: str) -> None:
    """The question was escalated to this audience."""
    opened = seen.seconds(rehearsed.records("gate_opened")[0])
    (record,) = rehearsed.records("gate_escalated", audience=audience)
    assert round(seen.seconds(record) - opened) == round(duration.seconds(time))


@then(parsers.parse("the question expired after {time}"))
def gate_expires(rehearsed: Rehearsed, time: str) -> None:
    """The question expired without an answer."""
    opened = seen.seconds(rehearsed.records("gate_opened")[0])
    (record,) = rehearsed.records("gate_expired")
    assert round(seen.seconds(record) - opened) == round(duration.seconds(time))


@then(parsers.parse('{by} hears "{words}"'))
def answer_is_refused(rehearsed: Rehearsed, by: str, words: str) -> None:
    """The answer was refused with these words."""
    assert any(said.startswith(f"{by}: ") and words in said for said in rehearsed.refused), rehearsed.refused


@then(parsers.parse("{by} has answered {place}"))
def has_answered(rehearsed: Rehearsed, by: str, place: str) -> None:
    """The journal has this answer exactly once."""
    records = [r for r in rehearsed.records("gate_answered") if f"/{place}." in f"/{r['gate']}".replace(":", "/")]
    assert [(record["by"], record["channel"]) for record in records] == [(by, "command")]


@then(parsers.parse("it was stopped within {seconds:g} s of being asked"))
def stopped_soon(rehearsed: Rehearsed, seconds: float) -> None:
    """The time from the request, ten seconds into being on air, to leaving that state."""
    (entered,) = rehearsed.records("state_entered", state=ON_AIR)
    (left,) = rehearsed.records("state_left", state=ON_AIR)
    assert seen.seconds(left) - seen.seconds(entered) <= 10 + seconds


@then(parsers.parse("it took {count:d} processes"))
def processes(rehearsed: Rehearsed, count: int) -> None:
    """The number of processes that drove the run."""
    assert len(rehearsed.writes) == count


@then(parsers.parse('the journal nowhere says "{words}"'))
def no_record_contains(rehearsed: Rehearsed, words: str) -> None:
    """No record contains these words."""
    assert words not in repr(rehearsed.journal)

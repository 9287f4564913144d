"""Questions to people, in the pure half of the engine: put, repeated, escalated, answered, expired, taken back."""

from __future__ import annotations

import pytest
from talk import NOW, Talk

from retake_flow.run import commands, events
from retake_flow.run.gates import Gate
from retake_flow.run.run import Phase, Work

ASKING = """
a:
  ask:
    message: "Which way from {{ inputs.here }}?"
    answer: {way: {type: string}, code: {type: string, secret: true, optional: true}}
    remind: [6h, 1h]
    timeout: 1d
    escalate: [{after: 3h, to: boss}, {after: 2h, to: owner}]
  transitions: {answered: b, timeout: late}
b: {do: a.say, with: {text: "{{ outputs.a.way }}"}, transitions: {done: z}}
late: {final: expired}
z: {final: ok}
"""
HOUR = 3600.0


def asking() -> Talk:
    """A run that has just asked."""
    return Talk(ASKING, here="here")


def test_a_question_is_open_with_all_its_fields() -> None:
    """It bears its place and visit, the message filled in, what is asked, and until when; and it is told."""
    talk = asking()
    fields = {"way": {"type": "string"}, "code": {"type": "string", "secret": True, "optional": True}}
    assert talk.run.gates == {
        "a.1": Gate("a.1", "a", 1, "Which way from here?", fields, {}, NOW, NOW + 24 * HOUR, "operator")
    }
    [told] = talk.notes("gate_opened")
    assert (told["gate"], told["message"], told["audience"]) == ("a.1", "Which way from here?", "operator")
    assert told["answer_with"] == "retake-flow answer r a.1 way=…"
    assert talk.run.phase is Phase.WAITING


def test_its_times_are_set_the_earliest_of_each_first() -> None:
    """The end, the first reminder and the first escalation are timers, counted from the question."""
    talk = asking()
    assert sorted(talk.timers()) == [("a", "escalate", 2 * HOUR), ("a", "remind", HOUR), ("a", "timeout", 24 * HOUR)]
    assert talk.run.timers == {
        ("a", "escalate"): NOW + 2 * HOUR,
        ("a", "remind"): NOW + HOUR,
        ("a", "timeout"): NOW + 24 * HOUR,
    }


def test_a_question_without_times_waits_for_ever() -> None:
    """No timer is set, and it has no due time."""
    talk = Talk("a: {ask: {message: m}, transitions: {answered: z}}\nz: {final: ok}")
    assert talk.timers() == []
    assert talk.run.gates["a.1"].due is None


def test_a_reminder_repeats_the_question_and_sets_the_next() -> None:
    """Each reminder is told once; after the last no more is set, and the question stays open."""
    talk = asking().fire("remind", later=HOUR)
    assert [told["gate"] for told in talk.notes("gate_reminder")] == ["a.1"]
    assert talk.timers() == [("a", "remind", 5 * HOUR)]
    talk.fire("remind", later=5 * HOUR)
    assert len(talk.notes("gate_reminder")) == 1
    assert talk.timers() == []
    assert list(talk.run.gates) == ["a.1"]


def test_missed_reminders_are_one() -> None:
    """When no process lived for a while, one reminder is enough for all that were due."""
    talk = asking().fire("remind", later=7 * HOUR)
    assert len(talk.notes("gate_reminder")) == 1
    assert talk.timers() == []


def test_an_escalation_turns_to_somebody_else() -> None:
    """Whom it is addressed to changes with each time that comes; the last of those missed counts."""
    talk = asking().fire("escalate", later=2 * HOUR)
    assert [told["audience"] for told in talk.notes("gate_escalated")] == ["owner"]
    assert talk.run.gates["a.1"].audience == "owner"
    assert talk.timers() == [("a", "escalate", HOUR)]
    talk.fire("escalate", later=HOUR)
    assert [told["audience"] for told in talk.notes("gate_escalated")] == ["boss"]
    assert talk.timers() == []
    talk = asking().fire("escalate", later=5 * HOUR)
    assert [told["audience"] for told in talk.notes("gate_escalated")] == ["boss"]


def test_a_reminder_after_an_escalation_is_for_whom_it_is_addressed_to_now() -> None:
    """Who was told of a question hears of it again."""
    talk = asking().fire("remind", later=HOUR).fire("escalate", later=HOUR).fire("remind", later=4 * HOUR)
    assert [told["audience"] for told in talk.notes("gate_reminder")] == ["owner"]


def test_a_question_expires() -> None:
    """At its end the question is closed and told so, and `timeout` is routed."""
    talk = asking().fire("timeout", later=24 * HOUR)
    assert talk.notes() == ["gate_expired"]
    assert talk.run.outcome == "expired"
    assert talk.run.gates == {}
    assert talk.run.timers == {}


def test_an_answer_closes_the_question_and_is_a_result() -> None:
    """Its fields, and who, when and how, are the result of the state; the route is taken and its times are gone."""
    talk = asking().answer(way="west", code="sesame")
    assert talk.run.state == "b"
    assert talk.run.outputs["a"] == {
        "way": "west", "code": "sesame", "decision": "", "answered_by": "ann", "answered_at": NOW, "channel": "command",
    }  # fmt: skip
    assert [wish.inputs for wish in talk.wished(commands.StartAction)] == [{"text": "west"}]
    assert (talk.run.gates, talk.run.timers, talk.run.phase) == ({}, {}, Phase.RUNNING)


def test_an_answer_is_told_without_its_secrets() -> None:
    """Who answered, how, and what is written down; of a secret field only that it was given."""
    [told] = asking().answer(way="west", code="sesame").notes("gate_answered")
    assert told == {
        "gate": "a.1", "by": "ann", "channel": "command", "decision": "", "fields": {"way": "west", "code": "•••"},
    }  # fmt: skip


DECIDING = """
a:
  ask: {message: m, decisions: {go: {n: {type: integer, secret: true}}, stay: }}
  transitions:
    go: [{when: result.n > 3, to: far}, {to: near}]
    stay: {to: a, set: {by: "{{ result.answered_by }}"}}
far: {final: far}
near: {final: near}
"""


@pytest.mark.parametrize(("n", "outcome"), [(4, "far"), (3, "near")])
def test_a_decision_is_an_event(n: int, outcome: str) -> None:
    """A route bears the decision's name, and its guard sees the fields."""
    talk = Talk(DECIDING).answer(decision="go", n=n)
    assert talk.run.outcome == outcome
    assert talk.notes("gate_answered")[0]["fields"] == {"n": "•••"}


def test_a_question_that_is_asked_again_is_another() -> None:
    """After a route back the question has another id; an answer to the first one comes too late."""
    talk = Talk(DECIDING).answer(decision="stay")
    assert list(talk.run.gates) == ["a.2"]
    assert talk.run.vars == {"by": "ann"}
    before = talk.run
    talk.answer("a.1", decision="go", n=9)
    assert talk.late()
    assert talk.run == before


def test_leaving_takes_the_question_back() -> None:
    """A state that is left while its question is open closes it; what comes later is late."""
    talk = Talk(
        "o: {initial: a, transitions: {stop: z}, states: {a: {ask: {message: m, remind: [1h], timeout: 2h}, "
        "transitions: {answered: z, timeout: z}}}}\nz: {wait: 1s, transitions: {done: z}}",
        "o",
    )
    talk.tell(events.StopRequested())
    assert talk.notes() == ["gate_closed"]
    assert talk.notes("gate_closed") == [{"gate": "o/a.1"}]
    assert set(talk.run.timers) == {("z", "wait")}
    assert talk.fire("remind", "o/a").late()
    assert talk.fire("timeout", "o/a").late()
    assert talk.answer("o/a.1").late()


def test_a_timer_that_was_forgotten_is_late() -> None:
    """A timer that came due when its question had just been answered, in a state that is still active, does nothing."""
    talk = Talk(
        "a: {activities: {q: {ask: {message: m, remind: [1h], timeout: 2h}}}, transitions: {q.timeout: z}}\n"
        "z: {final: z}"
    ).answer()
    for purpose in ("remind", "timeout"):
        assert talk.fire(purpose, "a:q").late()
    assert talk.run.outcome is None


def test_a_message_that_cannot_be_filled_in_ends_the_run() -> None:
    """Nobody is asked with half a message: the run fails and says what is missing."""
    talk = Talk("a: {ask: {message: '{{ vars.none }}'}, transitions: {answered: z}}\nz: {final: ok}")
    assert talk.run.outcome == "failed"
    assert "none" in talk.run.reason
    assert talk.run.gates == {}


def test_a_time_that_is_none_ends_the_run() -> None:
    """The same goes for a time that is no duration."""
    talk = Talk(
        "a: {ask: {message: m, timeout: '{{ inputs.t }}'}, transitions: {answered: z}}\nz: {final: ok}", t="soon"
    )
    assert (talk.run.outcome, "not a duration" in talk.run.reason) == ("failed", True)


# --- beside the states ------------------------------------------------------------------------------------------

BESIDE = """
a:
  initial: b
  activities:
    q: {ask: {message: m, answer: {n: {type: integer}}, remind: [1h], timeout: 2h, escalate: [{after: 30m, to: x}]}}
    p: {do: s.x, needs: q, with: {n: "{{ activities.q.n }}"}}
  transitions: {q.answered: {when: result.n > 5, to: z}, q.timeout: late, stop: z}
  states:
    b: {wait: 1m, transitions: {done: c}}
    c:
      do: a.say
      needs: q
      with: {text: "{{ activities.q.n }} by {{ activities.q.answered_by }}"}
      transitions: {done: z}
late: {final: late}
z: {final: ok}
"""


def test_a_question_beside_the_states_keeps_nobody_waiting() -> None:
    """It is open at the key of the activity with its times, and the run is running, not waiting."""
    talk = Talk(BESIDE)
    assert list(talk.run.gates) == ["a:q.1"]
    assert talk.run.phase is Phase.RUNNING
    assert {(place, purpose) for place, purpose, _ in talk.timers()} == {
        ("a:q", "remind"), ("a:q", "timeout"), ("a:q", "escalate"), ("a/b", "wait"),
    }  # fmt: skip
    assert not talk.machine.is_parked(talk.run)


def test_an_answer_beside_the_states_is_there_for_who_needs_it() -> None:
    """What needs the question starts when it is answered, with `activities.NAME.FIELD`; a guard may pass it over."""
    talk = Talk(BESIDE).fire("wait")
    assert (talk.run.state, talk.started()) == ("a/c", [])
    talk.answer(n=3)
    assert talk.started() == ["a.say", "s.x"]
    assert talk.wished(commands.StartAction)[0].inputs == {"text": "3 by ann"}
    assert talk.wished(commands.StartActivity)[0].inputs == {"n": 3}
    assert talk.run.activities["a:q"].work is Work.READY
    assert set(talk.run.timers) == set()


def test_an_answer_beside_the_states_is_an_event_of_the_activity() -> None:
    """`NAME.answered` is routed, and sees the result."""
    assert Talk(BESIDE).answer(n=9).run.outcome == "ok"


def test_a_decision_beside_the_states_is_an_event_of_the_activity() -> None:
    """`NAME.DECISION` is routed."""
    states = (
        "a: {activities: {q: {ask: {message: m, decisions: {go: , stay: }}}}, transitions: {q.go: b, q.stay: z}}\n"
        "b: {final: gone}\nz: {final: stayed}"
    )
    assert Talk(states).answer(decision="go").run.outcome == "gone"
    assert Talk(states).answer(decision="stay").run.outcome == "stayed"


def test_times_beside_the_states_come_too() -> None:
    """A question of an activity is repeated, escalated and expires as one of a state does."""
    talk = Talk(BESIDE).fire("escalate", "a:q", later=1800)
    assert talk.run.gates["a:q.1"].audience == "x"
    talk.fire("remind", "a:q", later=1800)
    assert [told["gate"] for told in talk.notes("gate_reminder")] == ["a:q.1"]
    talk.fire("timeout", "a:q", later=3600)
    assert (talk.run.outcome, talk.notes()[0]) == ("late", "gate_expired")


def test_a_question_that_expired_is_not_put_again_in_the_same_visit() -> None:
    """Where nobody routes the end of a question, it is over until its state is entered anew."""
    talk = Talk("a: {initial: b, activities: {q: {ask: {message: m, timeout: 1h}}}, transitions: {stop: a}, "
                "states: {b: {wait: 1s, transitions: {done: b}}}}")  # fmt: skip
    talk.fire("timeout", "a:q", later=3600)
    assert talk.run.activities["a:q"].work is Work.ENDED
    talk.fire("wait", "a/b")
    assert talk.run.gates == {}
    talk.tell(events.StopRequested())
    assert list(talk.run.gates) == ["a:q.2"]


def test_an_answered_question_is_not_put_again_in_the_same_visit() -> None:
    """Going on inside the state asks nobody once more."""
    talk = Talk(BESIDE).answer(n=1).fire("wait", "a/b")
    assert talk.run.state == "a/c"
    assert talk.run.gates == {}


def test_leaving_takes_questions_beside_the_states_back() -> None:
    """All questions of a state and of its activities are closed with it, and their times forgotten."""
    talk = Talk(BESIDE).tell(events.StopRequested())
    assert talk.notes("gate_closed") == [{"gate": "a:q.1"}]
    assert (talk.run.outcome, talk.run.gates, talk.run.timers) == ("ok", {}, {})


def test_the_end_of_a_run_takes_every_question_back() -> None:
    """Also where nothing routes the end."""
    talk = Talk("a: {ask: {message: m}, transitions: {answered: z}}\nz: {final: ok}").tell(events.StopRequested())
    assert (talk.run.outcome, talk.run.gates) == ("stopped", {})


# --- parked -----------------------------------------------------------------------------------------------------


def test_a_run_that_only_waits_for_a_person_is_parked() -> None:
    """With its question open it needs no process; before and after it does."""
    talk = asking()
    assert talk.machine.is_parked(talk.run)
    talk.answer(way="west")
    assert not talk.machine.is_parked(talk.run)


@pytest.mark.parametrize(
    ("activity", "parked"),
    [
        ("p: {do: s.x}", False),
        ("t: {do: a.work, every: 3s}", False),
        ("t: {do: a.work}", False),
        ("q: {ask: {message: n}}", True),
        ("p: {do: s.x, needs: q}, q: {ask: {message: n}}", True),
    ],
)
def test_a_run_in_which_anything_is_at_work_is_not_parked(activity: str, parked: bool) -> None:
    """Services and tasks need a process; questions and what waits for them do not."""
    talk = Talk(
        f"a: {{ask: {{message: m}}, activities: {{{activity}}}, transitions: {{answered: z}}}}\nz: {{final: ok}}"
    )
    assert talk.machine.is_parked(talk.run) is parked


def test_what_has_ended_keeps_nobody_from_parking() -> None:
    """A service that is gone needs no process."""
    talk = Talk("a: {ask: {message: m}, activities: {p: {do: s.x}}, transitions: {answered: z}}\nz: {final: ok}")
    talk.tell(events.ActivityExited("a:p", 1, "it died"))
    assert talk.machine.is_parked(talk.run)


def test_a_resting_state_and_a_pause_are_not_parked() -> None:
    """Only who waits for a person is; a pause has to be waited for, and a rest for whatever may come."""
    for states in ("a:", "a: {wait: 1h}", "a: {activities: {q: {ask: {message: m}}}}"):
        talk = Talk(states)
        assert not talk.machine.is_parked(talk.run)

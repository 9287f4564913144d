"""What would happen, in order and in virtual time."""

from __future__ import annotations

import pytest
from planned import facts, planned, steps, times

from retake_flow.errors import UsageError
from retake_flow.whatif.plan.plan import Kind

ASK = """\
a: {do: retake.verification_status, transitions: {done: [{when: result.verified, to: good}, {to: bad}], error: worse}}
good: {final: completed}
bad: {final: failed, reason: not verified}
worse: {final: failed, reason: "{{ event.message }}"}
"""
RETRIED = """\
a:
  do: retake.stream_key
  retry: {max: 3, interval: 1s, rate: 2}
  transitions: {done: good, error: bad}
good: {final: completed}
bad: {final: failed}
"""
POLLED = """\
a:
  do: retake.stream_status
  poll: {every: 3s, until: result.is_live, timeout: 30s}
  transitions: {done: good, timeout: bad, error: bad}
good: {final: completed}
bad: {final: failed}
"""
SERVED = """\
a:
  initial: on
  activities:
    display: {do: studio.display}
    content: {do: studio.content, needs: display}
  transitions: {display.exited: bad, content.exited: bad, error: bad}
  states: {on: {wait: 1h, transitions: {done: good}}}
good: {final: completed}
bad: {final: failed}
"""
WATCHED = """\
a:
  activities: {health: {do: retake.stream_status, every: 30s, delay: 10s, raises: {offline: not result.is_live}}}
  timeout: 12h
  transitions: {offline: bad, timeout: good, error: bad}
good: {final: completed}
bad: {final: failed}
"""
SPOKEN = """\
a:
  initial: hello
  activities: {sound: {do: studio.sound}}
  transitions: {sound.exited: bad, error: bad}
  states: {hello: {do: studio.speak, needs: sound, with: {text: Good evening.}, transitions: {done: good}}}
good: {final: completed}
bad: {final: failed}
"""
ASKED = """\
a:
  ask:
    message: "Which way, {{ run.id }}?"
    decisions: {allow: {hours: {type: integer, minimum: 2}, link: {type: string, format: post}}, refuse: }
    remind: [1h, 6h]
    timeout: 2d
  transitions: {allow: good, refuse: bad, timeout: late}
good: {final: completed, reason: "{{ event.result.hours }} h"}
bad: {final: failed}
late: {final: failed, reason: nobody}
"""


def test_all_goes_well_unless_something_else_is_assumed() -> None:
    """An action ends with its first outcome, and what can be true is true."""
    plan = planned(ASK)
    assert (plan.ended, plan.t, plan.state) == ("completed", 0.0, "good")
    assert facts(plan, Kind.REQUEST, "call") == ["GET /agent/verification-status"]
    assert facts(plan, Kind.REQUEST, "result") == [{"verified": True}]


def test_a_result_can_be_otherwise() -> None:
    """The guard of the flow sees what is assumed, and the plan says what that was true of."""
    plan = planned(ASK, "a.verified=false")
    assert (plan.ended, plan.reason) == ("failed", "not verified")
    assert plan.assumed == {"a.verified=false": "a"}


def test_what_is_done_by_programs_alone_is_told() -> None:
    """An action that neither calls the platform nor lasts is in the plan, with its programs and what it says."""
    plan = planned(SPOKEN)
    assert facts(plan, Kind.ACTION, "action") == ["studio.speak"]
    assert facts(plan, Kind.ACTION, "says") == ["Good evening."]
    assert ["paplay", "espeak-ng"] in facts(plan, Kind.PROCESS, "programs")


def test_an_error_says_what_such_an_error_says() -> None:
    """The words are those of the program."""
    plan = planned(ASK, "a=error.unauthorized")
    assert plan.ended == "failed"
    assert plan.reason.startswith(facts(plan, Kind.REQUEST, "message")[0])
    assert "token" in plan.reason


def test_an_error_is_retried_as_the_flow_says() -> None:
    """The waits grow, what is done again is told in one step, and then the error is routed."""
    plan = planned(RETRIED, "a=error.unavailable")
    assert plan.ended == "failed"
    assert 7 * 0.9 < plan.t <= 7
    assert [step.facts["times"] for step in plan.of(Kind.REPEATED)] == [3]
    assert facts(plan, Kind.REQUEST, "outcome") == ["error.unavailable"]


def test_an_error_that_only_a_person_can_mend_is_not_retried() -> None:
    """As in a run."""
    plan = planned(RETRIED, "a=error.unauthorized")
    assert (plan.ended, plan.t, len(steps(plan, Kind.REQUEST))) == ("failed", 0.0, 1)


def test_a_poll_ends_when_the_result_is_as_wanted() -> None:
    """The first time, unless something else is assumed; the step says how often it would be asked."""
    plan = planned(POLLED)
    assert (plan.ended, plan.t) == ("completed", 0.0)
    assert facts(plan, Kind.REQUEST, "poll") == [{"every": 3.0, "until": "result.is_live", "timeout": 30.0}]


def test_a_poll_that_never_holds_runs_into_its_timeout() -> None:
    """At the very time that the flow says, after all the polls until then."""
    plan = planned(POLLED, "is_live=false")
    assert (plan.ended, plan.t) == ("failed", 30.0)
    assert [step.facts["times"] for step in plan.of(Kind.REPEATED)] == [9]
    assert facts(plan, Kind.TIMER, "purpose") == ["timeout"]


def test_a_poll_over_many_hours_is_not_followed_to_its_end() -> None:
    """Its timeout comes when it is due; how often it was asked until then is left open."""
    plan = planned(POLLED.replace("30s", "12h"), "is_live=false")
    assert (plan.ended, plan.t) == ("failed", 43200.0)
    assert [step.facts["times"] for step in plan.of(Kind.REPEATED)] == [None]


def test_a_plan_that_does_not_end_says_since_when_nothing_happens() -> None:
    """A time that was set in a state left long ago does not count."""
    plan = planned("a: {timeout: 5h, transitions: {timeout: a, go: a}, entry: {raise: {event: next, after: 1m}}}\n"
                   .replace("go: a", "next: b") + "b: {transitions: {go: c}}\nc: {final: completed}",
                   head="events: [go]\n")  # fmt: skip
    assert (plan.ended, plan.state, plan.t) == (None, "b", 60.0)


def test_an_action_that_does_not_end_runs_into_its_timeout() -> None:
    """What is assumed is how it ends, and that is not at all."""
    plan = planned(POLLED, "a=timeout")
    assert (plan.ended, plan.t, facts(plan, Kind.REQUEST, "outcome")) == ("failed", 30.0, [""])


def test_programs_start_when_what_they_need_is_ready_and_end_with_their_state() -> None:
    """In the order of their needs; the youngest ends first."""
    plan = planned(SERVED)
    assert plan.ended == "completed"
    assert facts(plan, Kind.PROCESS, "programs") == [["Xvfb"], ["xterm"]]
    (ended,) = steps(plan, Kind.ENDED)
    assert (ended.t, ended.state, ended.facts["programs"]) == (3600.0, "a", ["xterm", "Xvfb"])


def test_a_scene_is_a_step_of_its_state() -> None:
    """So that one sees what viewers see when."""
    plan = planned(
        "a: {entry: {scene: brb}, wait: 5s, transitions: {done: {to: b, scene: live}}}\n"
        "b: {entry: {scene: ended}, always: c}\nc: {final: completed}\n"
    )
    scenes = [(step.t, step.state, step.facts["scene"]) for step in steps(plan, Kind.SCENE)]
    assert scenes == [(0.0, "a", "brb"), (5.0, "a", "live"), (5.0, "b", "ended")]


def test_what_effects_tell_the_operator_is_a_step_of_the_state_that_they_belong_to() -> None:
    """On entry, on leaving, and on the way."""
    plan = planned(
        "a: {entry: {tell: in}, exit: {tell: out}, always: b}\n"
        "b: {always: {to: c, effects: {tell: {kind: tip, message: way}}}}\nc: {final: completed}\n"
    )
    told = [(step.state, step.facts["says"]) for step in steps(plan, Kind.TELL)]
    assert told == [("a", "in"), ("a", "out"), ("b", "way")]


def test_a_program_exits_a_minute_after_it_was_ready() -> None:
    """So that it fails while it is in use."""
    plan = planned(SERVED, "content=exited")
    assert (plan.ended, plan.t) == ("failed", 60.0)
    assert [step.facts["programs"] for step in steps(plan, Kind.ENDED)] == [["xterm"], ["Xvfb"]]


def test_a_program_that_is_not_ready_keeps_what_needs_it_from_starting() -> None:
    """Its error is routed at once where it is not retried."""
    plan = planned(SERVED, "display=error.not_ready")
    assert (plan.ended, plan.t) == ("failed", 0.0)
    assert facts(plan, Kind.PROCESS, "programs") == [["Xvfb"]]


def test_a_program_is_started_again_as_its_retry_says() -> None:
    """The waits grow; then its error is routed."""
    plan = planned(SERVED.replace("studio.display}", "studio.display, retry: {max: 2, interval: 1s}}"),
                   "display=error.process_failed")  # fmt: skip
    assert (plan.ended, plan.t) == ("failed", 3.0)


@pytest.mark.parametrize(
    ("retry", "end", "wanted"),
    [
        ("{max: 9, interval: 10s, rate: 1, within: 25s}", "display=error.process_failed", ("failed", 20.0)),
        ("{max: 9, interval: 10s, rate: 1, within: 65s}", "display=exited", ("failed", 60.0)),
    ],
)
def test_a_program_is_started_again_only_within_its_time(retry: str, end: str, wanted: tuple[str, float]) -> None:
    """Counted from the try that began the failures, as in a run."""
    plan = planned(SERVED.replace("studio.display}", f"studio.display, retry: {retry}}}"), end)
    assert (plan.ended, plan.t) == wanted


def test_a_program_that_exits_and_is_retried_starts_anew() -> None:
    """As often as the state lasts."""
    plan = planned(SERVED.replace("needs: display", "needs: display, retry: {max: 5, interval: 1s}"), "content=exited")
    assert (plan.ended, plan.t) == ("completed", 3600.0)
    assert [step.facts["times"] for step in plan.of(Kind.REPEATED)] == [59]


def test_what_is_repeated_is_told_once_with_its_pace() -> None:
    """Twelve hours are no longer than what happens in them; then the timeout ends the state."""
    plan = planned(WATCHED)
    assert (plan.ended, plan.t) == ("completed", 43200.0)
    (step,) = steps(plan, Kind.REQUEST)
    assert (step.facts["every"], step.facts["delay"], step.facts["activity"]) == (30.0, 10.0, "a:health")


def test_what_an_activity_raises_leads_on() -> None:
    """When it is performed for the first time, after its delay."""
    plan = planned(WATCHED, "health.is_live=false")
    assert (plan.ended, plan.t) == ("failed", 10.0)
    assert facts(plan, Kind.EVENT, "event") == ["offline"]


def test_what_is_repeated_is_performed_again_where_it_may_lead_elsewhere() -> None:
    """An event that one state passes over is raised again in the next, at the pace of the activity."""
    plan = planned(
        """\
a:
  initial: deaf
  activities: {health: {do: retake.stream_status, every: 30s, raises: {offline: not result.is_live}}}
  transitions: {error: bad, offline: a/deaf}
  states:
    deaf: {wait: 1m40s, transitions: {done: keen, offline: ""}}
    keen: {timeout: 1h, transitions: {offline: bad, timeout: good}}
good: {final: completed}
bad: {final: failed}
""".replace('offline: ""', "offline: {set: {seen: 1}}"),
        "health.is_live=false",
    )
    assert (plan.ended, plan.t) == ("failed", 120.0)


def test_a_question_is_told_with_all_that_is_asked_and_answered_at_once() -> None:
    """By the first decision, with values that fit: the step has the message, the fields, the times and the answer."""
    plan = planned(ASKED)
    (step,) = steps(plan, Kind.QUESTION)
    assert (plan.ended, plan.t, plan.reason) == ("completed", 0.0, "2 h")
    assert step.facts["message"] == "Which way, ‹run›?"
    assert list(step.facts["schema"]["decisions"]) == ["allow", "refuse"]
    assert (step.facts["remind"], step.facts["timeout"]) == (3600.0, 172800.0)
    assert step.facts["answered"]["decision"] == "allow"


@pytest.mark.parametrize(
    ("assumed", "ended"),
    [("a=refuse", "bad"), ("a.hours=5", "good"), ("a=timeout", "late")],
)
def test_a_question_is_answered_as_is_assumed(assumed: str, ended: str) -> None:
    """By a decision, by a value, or by nobody."""
    assert planned(ASKED, assumed).state == ended


def test_a_question_that_nobody_answers_is_reminded_of_until_it_expires() -> None:
    """At the times that the flow says."""
    plan = planned(ASKED, "a=timeout")
    assert times(plan, Kind.TIMER) == [3600.0, 21600.0, 172800.0]
    assert facts(plan, Kind.TIMER, "purpose") == ["remind", "remind", "timeout"]


def test_what_comes_from_outside_can_be_assumed() -> None:
    """It comes when all else that is due in the state has happened."""
    plan = planned(WATCHED, "a=stop")
    assert (plan.ended, plan.t, facts(plan, Kind.EVENT, "event")) == ("stopped", 0.0, ["stop"])


def test_a_state_that_nothing_ends_is_where_the_plan_ends() -> None:
    """It says what would take the run further."""
    plan = planned("a: {transitions: {go: good}}\ngood: {final: completed}", head="events: [go]\n")
    assert (plan.ended, plan.state, plan.expects, plan.reason) == (None, "a", ("go", "stop"), "nothing ends it")


def test_going_round_is_told_in_one_step() -> None:
    """What happens a third time and more often; what comes after it is told again."""
    plan = planned("""\
a:
  wait: 1m
  transitions: {done: [{when: visits.a < 10, to: a}, {to: good}]}
good: {final: completed}
""")
    assert (plan.ended, plan.t) == ("completed", 600.0)
    assert [step.t for step in plan.of(Kind.STATE)] == [0.0, 60.0, 600.0]
    (again,) = plan.of(Kind.REPEATED)
    assert (again.t, again.facts["times"], again.facts["states"]) == (120.0, 8, ["a"])


@pytest.mark.parametrize(
    "states",
    [
        "a: {wait: 1m, transitions: {done: a}}",
        "a: {do: retake.stream_status, poll: {every: 1s, until: not result.is_live}, transitions: {done: a, error: a}}",
        "a: {entry: {raise: {event: tick, after: 1s}}, transitions: {tick: {raise: {event: tick, after: 1s}}}}",
    ],
)
def test_a_plan_without_an_end_ends(states: str) -> None:
    """Round and round, poll after poll, event after event: it says that it goes on."""
    plan = planned(states)
    assert plan.ended is None
    assert plan.reason


def test_what_is_undone_is_told() -> None:
    """When the state around is left, after its programs have ended."""
    plan = planned("""\
a:
  initial: open
  transitions: {error: good}
  states:
    open: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: good}}
good: {final: completed}
""")
    assert facts(plan, Kind.REQUEST, "call") == ["POST /agent/stream/start", "POST /agent/stream/stop"]
    assert facts(plan, Kind.REQUEST, "undo") == [None, "a/open"]


def test_an_action_without_what_it_needs_makes_no_call() -> None:
    """It fails before it does anything, and says what is missing."""
    plan = planned(
        """\
a:
  do: retake.verify
  with: {tweet_url: "{{ inputs.link }}"}
  transitions: {done: good, error.input: bad, error: bad}
good: {final: completed}
bad: {final: failed, reason: "{{ event.message }}"}
""",
        head="inputs: {link: {type: string, optional: true}}\n",
        link=None,
    )
    assert (plan.ended, steps(plan, Kind.REQUEST)) == ("failed", [])
    assert "tweet_url" in plan.reason


def test_an_assumption_of_no_use_is_refused() -> None:
    """Where the plan does not come, nothing can be assumed; the refusal says where it does come."""
    with pytest.raises(UsageError, match=r"assuming 'b.is_live=false' makes no difference") as refused:
        planned(ASK + "b: {do: retake.stream_status, transitions: {done: good, error: good}}", "b.is_live=false")
    assert refused.value.hint == "the plan only passes a, good"


def test_secrets_do_not_show() -> None:
    """Neither those that are assumed nor those of a result."""
    plan = planned(
        """\
a: {ask: {message: "Key?", answer: {key: {type: string, secret: true}}}, transitions: {answered: b}}
b: {do: retake.stream_key, transitions: {done: c, error: c}}
c: {do: studio.show, with: {text: "{{ outputs.a.key }} {{ outputs.b.key }}"}, transitions: {done: good, error: good}}
good: {final: completed}
""",
        "a.key=hunter2hunter2",
    )
    assert "hunter2" not in repr(plan)
    assert facts(plan, Kind.ACTION, "says") == ["••• •••"]
    assert plan.assumed == {"a.key=•••": "a"}


def test_somebody_watches_unless_it_is_assumed_otherwise() -> None:
    """A flow that ends when nobody watches is not planned to end so."""
    states = """\
a:
  do: retake.stream_status
  transitions: {done: [{when: result.viewers == 0, to: empty}, {to: good}], error: good}
empty: {final: completed}
good: {final: completed}
"""
    assert planned(states).state == "good"


def test_own_programs_and_requests_are_listed() -> None:
    """Under their own names too, and when they undo something."""
    flow = """\
a:
  initial: b
  activities: {bell: {do: house.bell}}
  transitions: {bell.exited: z, error: z}
  states:
    b: {do: house.post, with: {to: all}, undo: {do: program.run, with: {command: [./away]}}, transitions: {done: c}}
    c: {do: program.run, with: {command: [./look, --quick]}, transitions: {done: z, failed: z}}
z: {final: completed}
"""
    head = """\
actions:
  house.bell: {do: program.run, with: {command: [./bell], lines: true}}
  house.post:
    {do: http.request, with: {method: POST, url: "https://example.org/{{ inputs.to }}"}, inputs: {to: {type: string}}}
"""
    plan = planned(flow, head=head)
    programs = [(step.facts["programs"], step.facts["lasts"]) for step in plan.of(Kind.PROCESS)]
    assert programs == [(["./bell"], True), (["./look"], False), (["./away"], False)]
    assert [step.facts["call"] for step in plan.of(Kind.REQUEST)] == ["POST https://example.org/all"]

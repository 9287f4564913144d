"""Going on where a process died: in the pure half of the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from talk import NOW, Talk, written

from retake_flow.run import commands, events
from retake_flow.run.run import Attempt, Phase, Work

ENDS = "\nlost: {final: lost}\nz: {final: ok}\nbroken: {final: broken, reason: '{{ event.message }}'}"
ROUTES = "transitions: {done: z, created: z, found: z, error.interrupted: broken}"
DIED = "the process ended while {} was under way; it is not known whether it was done"


def under_way(action: str = "a.work", more: str = "") -> Talk:
    """A run whose action had been begun when the process died."""
    return Talk(f"a: {{do: {action}, {more}{ROUTES}}}{ENDS}")


# --- the action of the state ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["a.work", "a.once", "a.verify"])
def test_an_action_is_performed_again_where_the_flow_says_so(action: str) -> None:
    """With `on_crash: retry` it is begun anew as the next attempt, with the same key."""
    talk = under_way(action, "on_crash: retry, ")
    [first] = talk.wished(commands.StartAction)
    [again] = talk.resume().wished(commands.StartAction)
    assert again == replace(first, attempt=2)
    assert talk.run.attempt == Attempt(2, 0, NOW, open=True)


@pytest.mark.parametrize("action", ["a.work", "a.once", "a.verify"])
def test_an_action_is_looked_up_where_the_flow_says_so(action: str) -> None:
    """With `on_crash: verify` it is not performed: the same attempt is in question until its end is known."""
    talk = under_way(action, "on_crash: verify, ")
    [first] = talk.wished(commands.StartAction)
    [wish] = talk.resume().wished(commands.StartAction)
    assert wish == replace(first, look_up=True)
    assert talk.run.attempt == Attempt(1, 0, NOW, open=True)


@pytest.mark.parametrize("action", ["a.work", "a.once", "a.verify"])
def test_a_person_is_asked_where_the_flow_says_so(action: str) -> None:
    """With `on_crash: ask` a question with three decisions is open at the state, and nothing is performed."""
    talk = under_way(action, "on_crash: ask, ").resume()
    assert talk.wished(commands.StartAction) == []
    [gate] = talk.run.gates.values()
    assert (gate.id, gate.place, list(gate.decisions)) == ("a.1", "a", ["give_up", "again", "done"])
    assert f"The process ended while {action} was under way in a." in gate.message
    assert talk.run.phase is Phase.WAITING


@pytest.mark.parametrize("action", ["a.work", "a.once", "a.verify"])
def test_an_action_has_failed_where_the_flow_says_so(action: str) -> None:
    """With `on_crash: fail` the error `interrupted` is routed."""
    talk = under_way(action, "on_crash: fail, ").resume()
    assert (talk.run.outcome, talk.run.reason) == ("broken", DIED.format(action))


def test_without_a_word_the_idempotency_decides() -> None:
    """What is harmless is done again, what can be looked up is, what must not be repeated has failed."""
    assert [wish.look_up for wish in under_way("a.work").resume().wished(commands.StartAction)] == [False]
    assert [wish.look_up for wish in under_way("a.verify").resume().wished(commands.StartAction)] == [True]
    assert under_way("a.once").resume().run.outcome == "broken"


def test_an_action_that_nobody_knows_any_more_is_not_repeated() -> None:
    """Where the catalogue has lost an action, nobody can say that it may be repeated."""
    assert under_way("a.gone").resume().run.outcome == "broken"


@pytest.mark.parametrize("policy", ["retry", "verify", "ask", "fail"])
def test_what_was_not_begun_is_simply_begun(policy: str) -> None:
    """Where an undo that comes before the action is still owed, it cannot have begun, whatever the flow says."""
    talk = under_way("a.once", f"on_crash: {policy}, ").resume(begun=False)
    assert [(wish.attempt, wish.look_up) for wish in talk.wished(commands.StartAction)] == [(2, False)]


@pytest.mark.parametrize("action", ["a.work", "a.once", "a.verify"])
def test_an_action_that_has_ended_is_not_in_question(action: str) -> None:
    """Between two polls and two tries nothing was under way: only the timer is set again."""
    poll = under_way(action, "poll: {every: 9s, until: result.ok}, ").finish("created", ok=False)
    retried = under_way(action, "retry: {max: 2, interval: 9s}, ").fail()
    for talk in (poll, retried):
        [timer] = talk.wished(commands.SetTimer)
        before = talk.run
        talk.resume(later=3)
        assert talk.wishes == (timer,)
        assert talk.run == before
        assert talk.fire("again", later=6).started() == [action]


def test_tries_count_on_after_a_crash() -> None:
    """The failures before it count for the limit of `retry`."""
    talk = under_way("a.work", "retry: {max: 1}, ").fail().fire("again").resume()
    assert talk.run.attempt is not None
    assert (talk.run.attempt.number, talk.run.attempt.failures) == (3, 1)
    assert talk.fail("interrupted").run.outcome == "broken"


# --- looked up --------------------------------------------------------------------------------------------------


def test_what_was_done_is_an_outcome_like_any_other() -> None:
    """The result of looking up is routed and kept as if the action had just ended."""
    talk = under_way("a.verify").resume().finish("found", n=1)
    assert (talk.run.outcome, talk.run.outputs["a"]) == ("ok", {"n": 1})


def test_a_person_is_asked_about_an_action_that_cannot_be_looked_up() -> None:
    """Its inputs needed the result that led to it, which no process has any more; the run does not end over that."""
    states = (
        f"a: {{do: a.work, transitions: {{done: b}}}}\nb: {{do: a.verify, with: {{n: '{{{{ result.n }}}}'}}, {ROUTES}}}"
    )
    talk = Talk(states + ENDS).finish(n=1).resume()
    assert talk.wished(commands.StartAction) == []
    [gate] = talk.run.gates.values()
    assert gate.message.startswith("a.verify in b cannot be looked up: ")
    assert talk.answer(decision="done").run.outcome == "ok"


def test_what_was_surely_not_done_is_done() -> None:
    """The action is performed as the next attempt."""
    talk = under_way("a.verify").resume()
    talk.tell(events.ActionNotDone(*talk.attempt()))
    assert [(wish.attempt, wish.look_up) for wish in talk.wished(commands.StartAction)] == [(2, False)]


def test_where_nobody_can_know_a_person_is_asked() -> None:
    """What was tried to find out stands in the question."""
    talk = under_way("a.verify").resume()
    talk.tell(events.ActionInDoubt(*talk.attempt(), "the name is taken, by whom is not known"))
    [gate] = talk.run.gates.values()
    assert gate.message.startswith("the name is taken, by whom is not known.\nWas it done?")
    assert talk.run.phase is Phase.WAITING


@pytest.mark.parametrize("event", [events.ActionNotDone, events.ActionInDoubt])
def test_what_is_found_out_of_an_attempt_that_is_over_is_late(event: type) -> None:
    """What was looked up for an attempt or a visit that is over changes nothing."""
    talk = under_way("a.verify").resume()
    state, visit, number = talk.attempt()
    more = ("?",) if event is events.ActionInDoubt else ()
    assert talk.tell(event(state, visit, number + 1, *more)).late()
    assert talk.tell(event(state, visit + 1, number, *more)).late()


# --- what a person says -----------------------------------------------------------------------------------------


def asked(more: str = "") -> Talk:
    """A run that has asked what became of its action."""
    return under_way("a.verify", f"on_crash: ask, {more}").resume()


def test_done_goes_on_as_if_it_were() -> None:
    """The first outcome of the action is routed, with an empty result."""
    states = f"a: {{do: a.verify, on_crash: ask, transitions: {{created: z, found: lost}}}}{ENDS}"
    talk = Talk(states).resume().answer(decision="done")
    assert (talk.run.outcome, talk.run.outputs["a"]) == ("ok", {})


def test_again_does_it_now() -> None:
    """The action is performed as the next attempt, and the question is closed."""
    talk = asked().answer(decision="again")
    assert [(wish.attempt, wish.look_up) for wish in talk.wished(commands.StartAction)] == [(2, False)]
    assert (talk.run.gates, talk.run.phase) == ({}, Phase.RUNNING)


def test_give_up_counts_it_as_failed() -> None:
    """The error `interrupted` is routed."""
    assert asked().answer(decision="give_up").run.outcome == "broken"


@pytest.mark.parametrize("decision", ["give_up", "again", "done"])
def test_the_answer_is_told(decision: str) -> None:
    """Who decided and what is in the journal."""
    talk = asked().answer(decision=decision)
    assert talk.notes("gate_answered") == [
        {"gate": "a.1", "by": "ann", "channel": "command", "decision": decision, "fields": {}}
    ]


def test_a_run_that_asks_what_became_of_an_action_is_parked() -> None:
    """Nothing of the action is under way any more, so no process is needed while a person thinks."""
    talk = asked()
    assert talk.machine.is_parked(talk.run)
    looked_up = under_way("a.verify").resume()
    assert not looked_up.machine.is_parked(looked_up.run)
    looked_up.tell(events.ActionInDoubt(*looked_up.attempt(), "?"))
    assert looked_up.machine.is_parked(looked_up.run)


def test_a_question_about_a_crash_is_put_once() -> None:
    """A second crash while it is open asks nobody again, looks nothing up and performs nothing."""
    for talk in (asked(), under_way("a.verify").resume()):
        if not talk.run.gates:
            talk.tell(events.ActionInDoubt(*talk.attempt(), "?"))
        before = talk.run
        talk.resume(later=60)
        assert talk.wishes == ()
        assert talk.run == before


def test_a_crash_after_the_answer_asks_anew() -> None:
    """When the action was under way again and the process died again, there is a new question of the same name."""
    talk = asked().answer(decision="again").resume()
    assert [told["gate"] for told in talk.notes("gate_opened")] == ["a.1"]
    assert list(talk.run.gates) == ["a.1"]


def test_the_time_of_the_state_goes_on_through_the_question() -> None:
    """The state's own timeout holds while a person is asked, and after the answer."""
    more = "timeout: 1h, "
    states = f"a: {{do: a.verify, on_crash: ask, {more}transitions: {{created: z, found: z, timeout: lost}}}}{ENDS}"
    talk = Talk(states).resume(later=60)
    assert ("a", "timeout", 3540.0) in talk.timers()
    assert talk.copy().fire("timeout").run.outcome == "lost"
    talk.answer(decision="again")
    assert ("a", "timeout") in talk.run.timers
    assert talk.fire("timeout", later=3540).run.outcome == "lost"


def test_leaving_takes_the_question_about_a_crash_back() -> None:
    """Where something else leads the run away, nobody has to answer any more."""
    talk = asked().tell(events.StopRequested())
    assert talk.notes("gate_closed") == [{"gate": "a.1"}]
    assert talk.answer("a.1", decision="again").late()


# --- services ---------------------------------------------------------------------------------------------------

STAGE = (
    """
o:
  initial: i
  activities: {x: {do: s.x%s}}
  transitions: {x.exited: lost, stop: z}
  states:
    i:
      initial: rest
      activities: {y: {do: s.y, needs: x%s}}
      transitions: {y.exited: {to: i/rest, set: {y: "{{ event.reason }}"}}}
      states: {rest: }
"""
    + ENDS
)


def staged(of_x: str = "", of_y: str = "") -> Talk:
    """A run with two services, the second of which needs the first, both ready."""
    return Talk(STAGE % (of_x, of_y), "o").ready("o:x", at=1).ready("o/i:y", at=2)


def test_services_have_exited_with_the_process() -> None:
    """Their exits are routed, the outermost first, which leaves whatever stood on it; the inner one is not heard."""
    talk = staged().resume()
    assert (talk.run.outcome, talk.run.vars) == ("lost", {})
    assert talk.started() == []


def test_an_inner_service_has_exited_where_the_outer_one_is_tried_again() -> None:
    """Each by itself: what may be tried again is begun anew, the exit of the other is routed with the reason."""
    talk = staged(", retry: {max: 1}").resume()
    assert talk.run.state == "o/i/rest"
    assert talk.run.vars == {"y": "it ended with the process that drove the run"}
    assert talk.started() == ["s.x"]


def test_a_service_that_may_be_tried_again_is_begun_anew() -> None:
    """It is starting, nobody sees what it said before, and what needs it waits until it is ready."""
    talk = staged(", retry: {max: 1}", ", retry: {max: 1}").resume()
    assert talk.started() == ["s.x"]
    assert [talk.run.activities[key].work for key in ("o:x", "o/i:y")] == [Work.STARTING, Work.WAITING]
    assert talk.run.activities["o:x"].value == {}
    assert talk.ready("o:x", at=3).started() == ["s.y"]
    assert talk.run.visits["o"] == 1


def test_a_service_that_was_still_starting_is_treated_as_one_that_ran() -> None:
    """It was begun, so it ended with the process."""
    assert Talk(STAGE % ("", ""), "o").resume().run.outcome == "lost"


def test_what_waited_for_a_service_waits_on() -> None:
    """An activity that had not begun has not ended either."""
    talk = Talk(STAGE % (", retry: {max: 1}", ""), "o").resume()
    assert talk.run.vars == {}
    assert talk.run.activities["o/i:y"].work is Work.WAITING


def test_a_service_that_had_ended_is_not_begun_again() -> None:
    """What was over before the process died stays over."""
    talk = Talk("a: {activities: {x: {do: s.x, retry: {max: 1}}}}").ready("a:x")
    talk.tell(events.ActivityExited("a:x", 1, "it died")).resume()
    assert talk.wishes == ()


def test_what_a_lost_service_led_to_is_not_in_question() -> None:
    """An action that the exit of a service began is under way now, in this process: it is not begun twice."""
    states = f"o: {{activities: {{x: {{do: s.x}}}}, transitions: {{x.exited: n}}}}\nn: {{do: a.once, {ROUTES}}}{ENDS}"
    talk = Talk(states, "o").ready("o:x").resume()
    assert talk.started() == ["a.once"]
    assert talk.run.outcome is None


def test_an_action_in_a_state_that_is_left_is_not_in_question() -> None:
    """Where a service's end leads away, nobody asks what became of the action inside."""
    inside = f"states: {{i: {{do: a.once, {ROUTES}}}}}"
    states = f"o: {{initial: i, activities: {{x: {{do: s.x}}}}, transitions: {{x.exited: n}}, {inside}}}\nn:{ENDS}"
    talk = Talk(states, "o").ready("o:x").resume()
    assert (talk.run.state, talk.started()) == ("n", [])


def test_a_scope_that_is_entered_anew_begins_everything_once() -> None:
    """`x.exited` back into its own scope leaves it and enters it: the services of the new visit are begun once."""
    activities = "activities: {x: {do: s.x}, t: {do: a.work, every: 3s}}"
    states = f"o: {{initial: i, {activities}, transitions: {{x.exited: o}}, states: {{i: }}}}"
    talk = Talk(states, "o").ready("o:x").resume()
    assert talk.started() == ["s.x", "a.work"]
    assert talk.run.visits["o"] == 2
    assert {wish.visit for wish in talk.wished(commands.StartActivity)} == {2}


# --- tasks ------------------------------------------------------------------------------------------------------


def test_a_repeated_task_goes_on_with_its_memory() -> None:
    """It is begun again, in the same visit, with what it last wanted to know, whatever its idempotency."""
    talk = Talk("a: {activities: {t: {do: a.once, every: 3s, delay: 1s}}}")
    talk.tell(events.ActivityResulted("a:t", 1, "done", {}, {"seen": 4}))
    [wish] = talk.resume().wished(commands.StartActivity)
    assert (wish.activity, wish.visit, wish.memory, wish.every, wish.delay) == ("a:t", 1, {"seen": 4}, 3.0, 1.0)


@pytest.mark.parametrize(
    ("action", "policy", "again"),
    [
        ("a.work", "", True),
        ("a.once", "", False),
        ("a.verify", "", False),
        ("a.once", "retry", True),
        ("a.work", "fail", False),
    ],
)
def test_a_task_that_is_performed_once_is_repeated_only_where_it_may_be(action: str, policy: str, again: bool) -> None:
    """By `on_crash`, else by its idempotency; what may not be repeated is an error of it, or of its state."""
    word = f", on_crash: {policy}" if policy else ""
    states = f"a: {{activities: {{t: {{do: {action}{word}}}}}, transitions: {{%s: broken, stop: z}}}}{ENDS}"
    for route in ("t.error", "error.interrupted"):
        talk = Talk(states % route).resume()
        assert talk.started() == ([action] if again else [])
        assert talk.run.outcome == (None if again else "broken")


def test_a_task_that_was_over_stays_over() -> None:
    """A result that was written is not asked for twice."""
    talk = Talk("a: {activities: {t: {do: a.work}}}").tell(events.ActivityResulted("a:t", 1, "done", {}, None))
    assert talk.resume().wishes == ()


# --- times and questions ----------------------------------------------------------------------------------------


def test_times_are_set_again_as_they_were() -> None:
    """Deadlines are of the clock: what was due at a time is due then, not so long after the process came back."""
    inside = "states: {a: {wait: 10m, transitions: {done: z}}}"
    talk = Talk(f"o: {{timeout: 1h, initial: a, transitions: {{timeout: lost}}, {inside}}}{ENDS}", "o")
    talk.resume(later=120)
    assert sorted(talk.timers()) == [("o", "timeout", 3480.0), ("o/a", "wait", 480.0)]


def test_a_time_that_has_passed_is_set_to_when_it_was() -> None:
    """What came due meanwhile fires at once, and just once."""
    talk = Talk("a: {wait: 10m, transitions: {done: b}}\nb: {wait: 10m, transitions: {done: z}}" + ENDS)
    talk.resume(later=3600)
    assert talk.timers() == [("a", "wait", -3000.0)]
    talk.fire("wait")
    assert talk.timers() == [("b", "wait", 600.0)]
    assert talk.tell(events.TimerFired("a", 1, "wait")).late()


def test_the_earlier_of_two_times_of_a_state_holds_after_a_crash() -> None:
    """A state with a timeout of its own and one of its poll takes the earlier one, before a crash and after it."""
    states = (
        "a: {do: a.work, timeout: %s, poll: {every: 9s, until: result.ok, timeout: %s}, "
        "transitions: {done: z, timeout: lost}}" + ENDS
    )
    for own, poll in (("1m", "5m"), ("5m", "1m")):
        talk = Talk(states % (own, poll))
        assert talk.run.timers["a", "timeout"] == NOW + 60
        assert [due for _, purpose, due in talk.resume().timers() if purpose == "timeout"] == [60.0]


def test_nothing_is_asked_twice() -> None:
    """Open questions stay as they are, with their times; no record of them is written again."""
    states = (
        "a: {ask: {message: m, remind: [1h], timeout: 2h}, activities: {q: {ask: {message: n, timeout: 3h}}}, "
        "transitions: {answered: z, timeout: lost}}" + ENDS
    )
    talk = Talk(states)
    gates = talk.run.gates
    talk.resume(later=60)
    assert talk.notes() == []
    assert talk.run.gates == gates
    assert sorted(talk.timers()) == [("a", "remind", 3540.0), ("a", "timeout", 7140.0), ("a:q", "timeout", 10740.0)]
    assert talk.run.phase is Phase.WAITING


def test_an_answered_question_beside_the_states_stays_answered() -> None:
    """What was said is still there for who needs it."""
    task = "t: {do: a.say, every: 3s, needs: q, with: {text: '{{ activities.q.n }}'}}"
    states = f"a: {{activities: {{q: {{ask: {{message: n}}}}, {task}}}}}"
    talk = Talk(states).answer(n=4).resume()
    assert [wish.inputs for wish in talk.wished(commands.StartActivity)] == [{"text": 4}]
    assert talk.run.gates == {}


def test_a_suspended_run_wakes() -> None:
    """It is waiting where its state asks, else running."""
    talk = Talk("a: {ask: {message: m}, transitions: {answered: z}}" + ENDS)
    assert talk.copy(phase=Phase.SUSPENDED).resume().run.phase is Phase.WAITING
    talk = Talk("a: {activities: {q: {ask: {message: m}}}}")
    assert talk.copy(phase=Phase.SUSPENDED).resume().run.phase is Phase.RUNNING


def test_a_resting_state_just_goes_on() -> None:
    """Where nothing was begun, nothing is done."""
    talk = Talk("a: {transitions: {stop: z}}" + ENDS)
    before = talk.run
    assert talk.resume(later=60).wishes == ()
    assert talk.run == before


def test_an_action_that_waited_for_an_activity_is_begun_when_it_is_ready() -> None:
    """What had not begun is begun as it would have been."""
    talk = Talk(f"a: {{do: a.once, needs: x, activities: {{x: {{do: s.x, retry: {{max: 1}}}}}}, {ROUTES}}}{ENDS}")
    assert talk.resume().started() == ["s.x"]
    assert talk.ready("a:x").started() == ["a.once"]


def test_in_a_sub_flow_it_is_the_same() -> None:
    """What a sub-flow had for itself is still there."""
    inner = written("b: {do: a.say, with: {text: '{{ inputs.n }}'}, transitions: {done: y}}\ny: {final: ok}", "b",
                    "inputs: {n: {type: integer}}\n")  # fmt: skip
    talk = Talk("a: {flow: inner, with: {n: 4}, transitions: {ok: z}}" + ENDS, subs={"inner": inner}).resume()
    assert [(wish.inputs, wish.attempt) for wish in talk.wished(commands.StartAction)] == [({"text": 4}, 2)]


def test_a_run_that_has_ended_is_not_taken_up() -> None:
    """There is nothing to go on with."""
    talk = Talk("a: {final: ok}")
    assert talk.resume().late()

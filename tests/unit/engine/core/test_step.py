"""One event taken to completion: variables, waits, retries, undos, ends, and chains of events."""

from __future__ import annotations

import pytest
from talk import Talk

from retake_flow.run import commands, events
from retake_flow.run.run import Phase, Run

# --- variables ------------------------------------------------------------------------------------------------


def test_a_route_sets_before_the_state_it_leads_to() -> None:
    """What a route sets is there when the state it enters sets and begins, and sees the result it reacts to."""
    talk = Talk(
        "a: {do: a.work, transitions: {done: {to: b, set: {x: '{{ result.n + 1 }}'}}}}\n"
        "b: {do: a.say, set: {y: '{{ vars.x * 10 }}'}, with: {text: '{{ vars.y }}'}}"
    )
    talk.finish(n=1)
    assert dict(talk.run.vars) == {"x": 2, "y": 20}
    assert [wish.inputs for wish in talk.wished(commands.StartAction)] == [{"text": 20}]


def test_expressions_see_the_run() -> None:
    """Inputs, earlier results by state, visits, the event and the run itself can be used."""
    text = "{{ [inputs.i, outputs.a.n, visits.a, visits.b, event.name, run.id, run.state] }}"
    talk = Talk(f"a: {{do: a.work, transitions: {{done: b}}}}\nb: {{do: a.say, with: {{all: '{text}'}}}}", i=5)
    talk.finish(n=7)
    assert talk.wished(commands.StartAction)[0].inputs == {"all": [5, 7, 1, 1, "done", "r", "b"]}


def test_data_is_never_rendered_again() -> None:
    """A text that looks like an expression and came from outside stays what it is, through variables and inputs."""
    talk = Talk(
        "a: {do: a.work, transitions: {done: {to: b, set: {said: '{{ result.said }}'}}}}\n"
        "b: {do: a.say, with: {text: 'they said {{ vars.said }}'}}"
    )
    talk.finish(said="{{ 1 + 1 }}{% raw %}")
    assert talk.wished(commands.StartAction)[0].inputs == {"text": "they said {{ 1 + 1 }}{% raw %}"}


# --- time -----------------------------------------------------------------------------------------------------


def test_a_wait_is_over_when_its_time_is() -> None:
    """A state that waits sets one timer, whose length may be an expression, and then is done."""
    talk = Talk("a: {wait: '{{ visits.a * 2.5 }}', transitions: {done: b}}\nb: {final: ok}")
    assert talk.timers() == [("a", "wait", 2.5)]
    assert talk.fire("wait").run.outcome == "ok"


def test_the_timeout_of_a_composite_is_its_own() -> None:
    """A composite that lasts too long takes its own route, though the state inside routes timeouts of its own."""
    talk = Talk(
        "a:\n  initial: b\n  timeout: 1m\n  transitions: {timeout: out}\n  states:\n"
        "    b: {timeout: 2m, transitions: {timeout: in}}\n    in: {final: inner}\nout: {final: outer}"
    )
    assert talk.timers() == [("a", "timeout", 60.0), ("a/b", "timeout", 120.0)]
    assert talk.fire("timeout", "a").run.outcome == "outer"


def test_a_timer_of_an_earlier_visit_is_late() -> None:
    """The timer of a state that was left and entered anew changes nothing."""
    talk = Talk("a: {timeout: 1m, transitions: {timeout: b, stop: a}}\nb: {final: ok}")
    talk.tell(events.StopRequested())
    talk.tell(events.TimerFired("a", 1, "timeout"))
    assert (talk.run.state, talk.run.outcome) == ("a", None)
    assert [wish.event for wish in talk.wished(commands.Note)] == ["dropped"]


def test_a_duration_that_is_none_ends_the_run_with_a_reason() -> None:
    """An expression that gives no duration is a fault of the flow, and the run says which."""
    talk = Talk("a: {wait: '{{ inputs.pause }}', transitions: {done: a}}", pause="a while")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert talk.run.reason.startswith("'a while' is not a duration")


# --- retry and poll ---------------------------------------------------------------------------------------------

RETRY = "a: {do: a.work, retry: {max: 2, interval: 10s, rate: 3, cap: 25s%s}, transitions: {done: b, error: c}}\n"
ENDS = "b: {final: ok}\nc: {final: failed, reason: '{{ event.message }}'}"


def test_max_counts_the_tries_after_the_first() -> None:
    """With `max: 2` an action is performed three times, with growing waits, and then its error is routed."""
    talk = Talk(RETRY % "" + ENDS)
    waits = []
    for _ in range(2):
        talk.fail()
        [(_, purpose, wait)] = talk.timers()
        assert purpose == "again"
        waits.append(wait)
        talk.fire("again", later=wait)
    assert 9 <= waits[0] <= 10
    assert 22.5 <= waits[1] <= 25
    talk.fail()
    assert (talk.run.outcome, talk.run.reason) == ("failed", "it is unavailable")


def test_waits_of_several_runs_are_spread_and_those_of_one_are_its_own() -> None:
    """Runs that fail together do not try in step, while the same run at the same place always waits as long."""
    waits = set()
    for name in ("one", "two", "one"):
        talk = Talk(RETRY % "" + ENDS)
        talk.run = Run(name, "talk", "", {})
        talk.tell(events.Started()).fail()
        waits.add(talk.timers()[0][2])
    assert len(waits) == 2


def test_a_success_gives_the_tries_back() -> None:
    """Failures count only in a row: a poll that works now and then does not use its tries up."""
    poll = "poll: {every: 10s, until: result.ok}, retry: {max: 1, interval: 1s, within: 30s}"
    talk = Talk(f"a: {{do: a.work, {poll}, transitions: {{done: b, error: c}}}}\n" + ENDS)
    for _ in range(20):
        talk.fail().fire("again", later=1)
        talk.finish(ok=False).fire("again", later=10)
    assert talk.run.outcome is None
    talk.fail().fire("again", later=1)
    assert talk.fail().run.outcome == "failed"


def test_no_try_begins_after_the_whole_time() -> None:
    """With `within`, an error whose next try would be too late is routed at once."""
    talk = Talk(RETRY % ", within: 12s" + ENDS)
    talk.fail().fire("again", later=10)
    assert talk.fail().run.outcome == "failed"


def test_a_poll_waits_first_when_told_so() -> None:
    """With a delay the first call is made after it; `every` may be an expression."""
    talk = Talk(
        "a: {do: a.work, poll: {every: '{{ 2 + 3 }}', until: result.ok, delay: 4s}, transitions: {done: b}}\n" + ENDS
    )
    assert talk.wished(commands.StartAction) == []
    assert talk.timers() == [("a", "again", 4.0)]
    talk.fire("again", later=4)
    assert [wish.attempt for wish in talk.wished(commands.StartAction)] == [1]
    talk.finish(ok=False)
    assert talk.timers() == [("a", "again", 5.0)]
    assert talk.fire("again").finish(ok=True).run.outcome == "ok"


def test_every_try_of_a_visit_has_the_same_key() -> None:
    """An action can recognise a repetition: the key is that of the visit, and another visit has another."""
    talk = Talk("a: {do: a.work, retry: {max: 3}, transitions: {done: a}}")
    keys = [wish.key for wish in talk.wished(commands.StartAction)]
    talk.fail().fire("again")
    keys += [wish.key for wish in talk.wished(commands.StartAction)]
    talk.finish()
    keys += [wish.key for wish in talk.wished(commands.StartAction)]
    assert keys[0] == keys[1] != keys[2]


# --- ends -------------------------------------------------------------------------------------------------------


def test_an_error_that_nobody_expects_ends_the_run_as_faulted() -> None:
    """Without a route for an error the run fails and says the error, with its hint."""
    talk = Talk("a: {do: a.work, transitions: {done: b}}\nb: {final: ok}")
    talk.fail(hint="wait a while")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert talk.run.reason == "it is unavailable (wait a while)"


def test_an_outcome_that_nobody_expects_is_noted() -> None:
    """An outcome without a route leaves the run where it is, and the journal says so."""
    talk = Talk("a: {do: a.work, transitions: {stop: b}}\nb: {final: ok}")
    assert talk.finish("strange").run.state == "a"
    assert [(wish.event, wish.fields["name"]) for wish in talk.wished(commands.Note)] == [("ignored", "strange")]


INSIDE = """
a:
  initial: b
  activities: {x: {do: s.x}}
  states:
    b:
      initial: c
      states:
        c: {do: a.work, undo: a.undo, transitions: {done: d}}
        d: {final: enough, reason: "after {{ visits.c }}"}
"""


def test_a_final_state_inside_leaves_all_that_is_around_it() -> None:
    """A run that ends within composites leaves them from inside out, and then is over."""
    talk = Talk(INSIDE)
    talk.finish()
    assert [wish.state for wish in talk.wished(commands.Leave)] == ["a/b/c", "a/b", "a"]
    assert talk.wishes[-1] == commands.EndRun("enough", "a/b/d", "after 1")
    assert (talk.run.state, talk.run.phase) == ("a/b/d", Phase.COMPLETED)


def test_a_reason_that_cannot_be_told_ends_the_run_as_faulted() -> None:
    """A final state whose words cannot be filled in does not pass for a good end."""
    talk = Talk("a: {wait: 1s, transitions: {done: b}}\nb: {final: ok, reason: '{{ event.nothing }}'}")
    talk.fire("wait")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert "there is no 'nothing' here" in talk.run.reason


def test_half_a_step_never_shows() -> None:
    """When a step cannot be finished, the run ends from where it was: nothing of the broken step has happened."""
    talk = Talk(
        "a: {do: a.work, undo: a.undo, transitions: {done: {to: b, set: {x: 1}}}}\n"
        "b: {do: a.other, transitions: {stop: a}, timeout: '{{ vars.none }}'}"
    )
    talk.finish()
    assert talk.run.state == "a"
    assert talk.run.vars == {}
    assert talk.wished(commands.Enter) == []
    assert talk.wished(commands.Leave)[0].state == "a"
    assert talk.wishes[-1] == commands.EndRun("failed", "a", talk.run.reason)


# --- events that follow from events ---------------------------------------------------------------------------


def test_inputs_that_cannot_be_filled_in_are_an_error_to_route() -> None:
    """An action whose inputs cannot be filled in is not performed; `error.expression` is routed instead."""
    talk = Talk(
        "a: {do: a.say, with: {text: '{{ vars.x }}'}, undo: a.undo, transitions: {error.expression: b}}\n" + ENDS
    )
    assert talk.run.outcome == "ok"
    assert talk.wished(commands.StartAction) == []
    assert talk.run.undos == ()


def test_an_endless_chain_is_cut() -> None:
    """Events that follow from each other without end are cut at a hundred, and the run says what went in circles."""
    state = "{do: a.say, with: {text: '{{ vars.x }}'}, transitions: {error: %s}}"
    talk = Talk(f"a: {state % 'b'}\nb: {state % 'a'}")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert talk.run.reason == "more than 100 transitions followed from one event: b → a"


# --- activities -------------------------------------------------------------------------------------------------

SERVICE = """
a:
  initial: b
  activities:
    x: {do: s.x}
    y: {do: s.y, needs: x, with: {at: "{{ activities.x.at }}"}}
  states:
    b: {transitions: {x.exited: c, y.exited: c, stop: c}}
    c: {do: a.work, needs: x, transitions: {stop: b}}
"""


def test_what_has_ended_does_not_start_again_by_itself() -> None:
    """A service that is gone stays gone until its state is entered anew, wherever the run goes inside it."""
    talk = Talk(SERVICE)
    talk.tell(events.ActivityExited("a:x", 1, "it died"))
    assert talk.run.state == "a/c"
    talk.tell(events.StopRequested())
    assert talk.run.state == "a/b"
    assert talk.wished(commands.StartActivity) == []


def test_what_needs_a_service_sees_its_value_when_it_is_ready() -> None:
    """An activity starts when the one that it needs is ready, with what that one said of itself."""
    talk = Talk(SERVICE)
    assert [wish.activity for wish in talk.wished(commands.StartActivity)] == ["a:x"]
    talk.tell(events.ActivityReady("a:x", 1, {"at": ":99"}))
    assert [(wish.activity, wish.inputs) for wish in talk.wished(commands.StartActivity)] == [("a:y", {"at": ":99"})]


def test_what_is_started_again_is_not_ready_meanwhile() -> None:
    """While a service that was ready is started once more, what needs it waits, and then sees what it says now."""
    talk = Talk(SERVICE).tell(events.ActivityReady("a:x", 1, {"at": ":99"}))
    talk.tell(events.ActivityFailed("a:x", 1, "exited", "it died", again=True))
    talk.tell(events.StopRequested())
    assert (talk.run.state, talk.wished(commands.StartAction)) == ("a/c", [])
    talk.tell(events.ActivityReady("a:x", 1, {"at": ":100"}))
    assert len(talk.wished(commands.StartAction)) == 1
    assert talk.run.activities["a:x"].value == {"at": ":100"}


RAISING = """
a:
  activities:
    t: {do: a.work, every: 3s, raises: {low: result.n < 3, lower: result.n < 2}}
  transitions:
    lower: {to: b, set: {first: lower}}
    low: {to: b, set: {first: low}}
b: {transitions: {stop: a}}
"""


def test_several_conditions_raise_in_their_order() -> None:
    """Each condition of `raises` that holds raises its event, in the order of the file."""
    talk = Talk(RAISING)
    talk.tell(events.ActivityResulted("a:t", 1, "done", {"n": 1}, None))
    assert (talk.run.state, dict(talk.run.vars)) == ("b", {"first": "low"})


@pytest.mark.parametrize("route", ["t.error.unavailable", "t.error"])
def test_a_failure_that_goes_on_is_heard_only_by_who_asks_for_it(route: str) -> None:
    """A repeated task that fails is no error of its state; who routes its errors hears of each."""
    states = "a:\n  activities: {t: {do: a.work, every: 3s}}\n  transitions: {%s}\nb: {final: ok}"
    failed = events.ActivityFailed("a:t", 1, "unavailable", "it is down", again=True)
    assert Talk(states % "error: b, stop: b").tell(failed).run.state == "a"
    assert Talk(states % f"{route}: b, stop: b").tell(failed).run.outcome == "ok"


OWNED = """
a:
  initial: b
  activities: {x: {do: s.x}}
  transitions: {error: outer}
  states:
    b: {do: a.work, transitions: {error: inner, done: inner}}
    inner: {final: inner}
outer: {final: outer}
"""


def test_the_error_of_an_activity_belongs_to_its_state() -> None:
    """What ends an activity is an error of the state that owns it, not of the state inside that is active."""
    talk = Talk(OWNED)
    talk.tell(events.ActivityFailed("a:x", 1, "not_ready", "no frames"))
    assert talk.run.outcome == "outer"


def test_what_an_action_remembers_is_for_all_of_its_group() -> None:
    """Memory goes from action to action of one group, and to activities, but not to other groups."""
    talk = Talk(
        "a: {do: chat.read, transitions: {done: b}}\n"
        "b:\n  do: chat.send\n  activities: {t: {do: chat.read, every: 3s}, u: {do: other.x, every: 3s}}\n"
    )
    talk.tell(events.ActionFinished(*talk.attempt(), "done", {}, {"seen": [1]}))
    assert [wish.memory for wish in talk.wished(commands.StartAction)] == [{"seen": [1]}]
    assert {wish.do: wish.memory for wish in talk.wished(commands.StartActivity)} == {
        "chat.read": {"seen": [1]},
        "other.x": {},
    }

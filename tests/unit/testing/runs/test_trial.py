"""A run whose actions are mocked goes on as far as it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from retake_flow.errors import InputError, UsageError
from retake_flow.flow.load.load import load_flow
from retake_flow.testing.runs.observed import Unmet, entered_states, performances
from retake_flow.testing.runs.trial import Premise, Trial

_FLOW = """
flow: patient
initial: look
inputs: {long: {type: string, format: duration, default: 30s}, key: {type: string, env: SOME_KEY}}
states:
  look:
    do: retake.stream_status
    transitions: {done: [{when: result.is_live, to: live}, {to: rest}], error: rest}
  rest: {wait: 10s, transitions: {done: look}}
  live:
    activities:
      chat: {do: chat.respond, every: 5s, with: {since: 0}}
      display: {do: studio.display}
    timeout: "{{ inputs.long }}"
    transitions: {timeout: over, display.exited: lost, error: lost}
  over: {final: completed}
  lost: {final: failed, reason: "{{ event.reason|default('') }}"}
"""


@pytest.fixture
def trial() -> Iterator[Trial]:
    """A run of the flow above, not begun."""
    trial = Trial(Premise(load_flow(_FLOW, "patient.yaml"), {}))
    yield trial
    trial.close()


def test_what_nobody_speaks_of_goes_well(trial: Trial) -> None:
    """Without a word about it an action ends as it does when all goes well, at once."""
    trial.begin()
    assert trial.run.state == "live"


def test_answers_come_in_the_order_that_they_are_said_for(trial: Trial) -> None:
    """Those that come so many times come first; of several the last repeats; a later word replaces a former one."""
    trial.answers.gives("look", [{"is_live": True}])
    trial.answers.gives("retake.stream_status", [{"is_live": False}])
    trial.answers.fails("look", "unavailable", times=3)
    trial.answers.gives("look", [{"is_live": False}, {"is_live": True}])
    trial.begin()
    trial.to_the_end()
    assert entered_states(trial) == ["look", "rest", "look", "rest", "look", "live", "over"]


def test_a_time_that_passes_is_no_more_than_was_said(trial: Trial) -> None:
    """A wait of ten seconds is not over after nine."""
    trial.answers.gives("look", [{"is_live": False}, {"is_live": True}])
    trial.begin()
    trial.apply({"advance": 9})
    assert trial.run.state == "rest"
    trial.apply({"advance": 1})
    assert trial.run.state == "live"


def test_each_round_of_what_repeats_is_a_performance(trial: Trial) -> None:
    """Chat is read at once and every five seconds, until thirty are over."""
    trial.begin()
    trial.apply({"advance": 29})
    assert len(performances(trial, "chat.respond")) == len(performances(trial, "chat")) == 6
    assert len(performances(trial, "display")) == 1


def test_an_action_that_never_answers_holds_the_run_up(trial: Trial) -> None:
    """And one who waits for more is told where it stands, and what it waits for."""
    trial.answers.never("look")
    trial.begin()
    with pytest.raises(Unmet, match=r"expected: to come to 'live'\ngot: at 0 s it is in 'look', and waits for: look"):
        trial.until("live")


def test_a_way_that_has_no_end_is_given_up() -> None:
    """What goes on without coming there is told as such, and not waited for for ever."""
    trial = Trial(Premise(load_flow(_FLOW, "patient.yaml"), {}), most=200)
    trial.answers.gives("look", [{"is_live": False}])
    trial.begin()
    with pytest.raises(Unmet, match="still continues"):
        trial.until("live")
    trial.close()


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (lambda a: a.gives("look", [{"is_life": True}]), r"has no 'is_life'"),
        (lambda a: a.gives("look", [{}], outcome="down"), r"has no outcome 'down'"),
        (lambda a: a.gives("display", [{}], outcome="exited"), r"is ready first"),
        (lambda a: a.fails("look", "unavailible"), r"there is no error 'unavailible'"),
        (lambda a: a.takes("lok", 1.0), r"named 'lok'"),
        (lambda a: a.never("retake.verify"), r"the flow never performs 'retake.verify'"),
        (lambda a: a.exits("look", 1.0), r"is not a service"),
    ],
)
def test_what_cannot_be_mocked_is_told(trial: Trial, say: Any, words: str) -> None:
    """A word about an action, an outcome, an error or a field that does not exist is refused, with a hint."""
    with pytest.raises(UsageError, match=words) as refused:
        say(trial.answers)
    assert refused.value.hint


def test_nothing_happens_before_the_flow_is_run(trial: Trial) -> None:
    """A step that is too early says what to begin with; one that begins anew is refused."""
    with pytest.raises(UsageError, match="nothing was run yet"):
        trial.apply({"advance": 1})
    trial.begin()
    with pytest.raises(UsageError, match="runs already"):
        trial.begin()


@pytest.mark.parametrize(
    ("happening", "message"),
    [
        ({"event": "tip"}, "'rest' does not expect the event 'tip'"),
        ({"answer": {"gate": "look", "fields": {}}}, "'look' is not asked"),
        ({"result": {"state": "display", "outcome": "exited"}}, "no action is in progress in 'display'"),
    ],
)
def test_what_cannot_happen_now_is_told(trial: Trial, happening: Any, message: str) -> None:
    """In words that fit a scenario: an event, an answer or an end that nobody waits for."""
    trial.answers.gives("look", [{"is_live": False}])
    trial.begin()
    with pytest.raises(UsageError) as refused:
        trial.apply(happening)
    assert refused.value.message == message
    assert refused.value.hint


def test_inputs_are_read_as_on_the_command_line() -> None:
    """A wrong one is refused; one that comes from the environment needs none here."""
    trial = Trial(Premise(load_flow(_FLOW, "patient.yaml"), {"long": "for ever"}))
    with pytest.raises(InputError, match="long"):
        trial.begin()

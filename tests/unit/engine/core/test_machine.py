"""The pure half of the engine: one event, a new run, commands."""

from __future__ import annotations

from typing import Any

from retake_flow.engine.core.machine import Machine, Step
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.load.load import load_flow
from retake_flow.run import commands, events
from retake_flow.run.run import Phase, Run

BROADCAST = """
flow: sample
initial: ask
states:
  ask:
    do: a.ask
    retry: {max: 2, interval: 1s, rate: 2, cap: 30s}
    transitions:
      done:
        - {when: result.good, to: broadcast, set: {asked: "{{ visits.ask }}"}}
        - {to: bad}
      error.unauthorized: bad
  broadcast:
    initial: open
    timeout: 1h
    activities:
      display: {do: s.display}
    transitions: {stop: over, timeout: over, display.exited: broadcast, error: bad}
    states:
      open: {do: a.open, undo: a.close, transitions: {done: pushing}}
      pushing:
        initial: confirm
        activities: {encoder: {do: s.encoder, needs: display}}
        transitions: {encoder.exited: open}
        states:
          confirm:
            do: a.status
            needs: encoder
            poll: {every: 3s, until: result.live, timeout: 30s}
            transitions: {done: air, timeout: open}
          air:
            activities: {health: {do: a.status, every: 30s, raises: {offline: not result.live}}}
            transitions: {offline: open}
  over: {final: completed}
  bad: {final: failed, reason: "{{ event.message|default('not good') }}"}
"""


class Conversation:
    """A run that is told what happens, one event after the other."""

    def __init__(self, text: str = BROADCAST, catalogue: Catalogue | None = None) -> None:
        self.machine = Machine(load_flow(text, "sample.yaml"), catalogue)
        self.run = Run("r", "sample", "", {})
        self.now = 100.0
        self.told: tuple[commands.Command, ...] = ()
        self.hear(events.Started())

    def hear(self, event: events.Event) -> Step:
        step = self.machine.step(self.run, event, self.now)
        self.run, self.told = step.run, step.commands
        return step

    def finish(self, outcome: str = "done", **value: Any) -> None:
        assert self.run.attempt is not None
        state = self.run.state
        self.hear(events.ActionFinished(state, self.run.visits[state], self.run.attempt.number, outcome, value))

    def fail(self, kind: str, **more: Any) -> None:
        assert self.run.attempt is not None
        state = self.run.state
        visit, number = self.run.visits[state], self.run.attempt.number
        self.hear(events.ActionFailed(state, visit, number, kind, f"{kind} happened", **more))

    def ready(self, key: str) -> None:
        self.hear(events.ActivityReady(key, self.run.activities[key].visit, {}))

    def on_air(self) -> None:
        self.finish(good=True)
        self.ready("broadcast:display")
        self.finish()
        self.ready("broadcast/pushing:encoder")
        self.finish(live=True)
        assert self.run.state == "broadcast/pushing/air"

    def of(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.told if isinstance(command, kind)]


def test_a_step_is_a_function_of_its_arguments() -> None:
    """The same run, event and time give equal results, and the run that went in is as it was."""
    talk = Conversation()
    before = talk.run
    event = events.ActionFinished("ask", 1, 1, "done", {"good": True})
    first = talk.machine.step(before, event, 5.0)
    assert talk.machine.step(before, event, 5.0) == first
    assert before.state == "ask"
    assert dict(before.visits) == {"ask": 1}


def test_entering_a_composite_starts_what_belongs_to_it_outermost_first() -> None:
    """States are entered from outside in, activities start at once, and the first state's action begins."""
    talk = Conversation()
    talk.finish(good=True)
    assert [command.state for command in talk.of(commands.Enter)] == ["broadcast", "broadcast/open"]
    assert [command.activity for command in talk.of(commands.StartActivity)] == ["broadcast:display"]
    assert [command.do for command in talk.of(commands.StartAction)] == ["a.open"]
    assert dict(talk.run.vars) == {"asked": 1}


def test_what_is_needed_is_waited_for() -> None:
    """An activity and an action that need another one begin when that is ready, not before."""
    talk = Conversation()
    talk.finish(good=True)
    talk.finish()
    assert not talk.of(commands.StartActivity)
    talk.ready("broadcast:display")
    assert [command.do for command in talk.of(commands.StartActivity)] == ["s.encoder"]
    assert not talk.of(commands.StartAction)
    talk.ready("broadcast/pushing:encoder")
    assert [command.do for command in talk.of(commands.StartAction)] == ["a.status"]


def test_a_poll_goes_on_until_its_condition_holds() -> None:
    """A result that is not as wanted sets a timer, and the timer begins the next call."""
    talk = Conversation()
    talk.finish(good=True)
    talk.ready("broadcast:display")
    talk.finish()
    talk.ready("broadcast/pushing:encoder")
    talk.finish(live=False)
    assert [(timer.purpose, timer.due) for timer in talk.of(commands.SetTimer)] == [("again", 103.0)]
    talk.hear(events.TimerFired("broadcast/pushing/confirm", 1, "again"))
    assert [command.attempt for command in talk.of(commands.StartAction)] == [2]


def test_leaving_goes_inside_out_and_owes_the_undo() -> None:
    """Every state left is told, the innermost first, and the undo belongs to the state around."""
    talk = Conversation()
    talk.on_air()
    talk.hear(events.StopRequested())
    left = talk.of(commands.Leave)
    assert [command.state for command in left] == ["broadcast/pushing/air", "broadcast/pushing", "broadcast"]
    assert [[undo.do for undo in command.undos] for command in left] == [[], [], ["a.close"]]
    assert (talk.run.outcome, talk.run.phase) == ("completed", Phase.COMPLETED)


def test_an_undo_is_owed_once_however_often_the_state_is_entered() -> None:
    """Coming back to a state replaces what it owes."""
    talk = Conversation()
    talk.on_air()
    talk.hear(events.ActivityExited("broadcast/pushing:encoder", 1, "died"))
    assert talk.run.state == "broadcast/open"
    assert [undo.state for undo in talk.run.undos] == ["broadcast/open"]


def test_an_undo_is_owed_from_the_beginning_of_its_action() -> None:
    """A stop while the action is under way takes it back, since nobody knows how far it came."""
    talk = Conversation()
    talk.finish(good=True)
    talk.hear(events.StopRequested())
    assert [undo.do for command in talk.of(commands.Leave) for undo in command.undos] == ["a.close"]


def test_a_dead_display_leaves_and_enters_its_scope_anew() -> None:
    """A transition to a state that is active leaves all of it first."""
    talk = Conversation()
    talk.on_air()
    talk.hear(events.ActivityExited("broadcast:display", 1, "died"))
    assert talk.run.state == "broadcast/open"
    assert talk.run.visits["broadcast"] == 2
    assert [command.activity for command in talk.of(commands.StartActivity)] == ["broadcast:display"]


def test_retry_after_is_honoured() -> None:
    """The wait is at least what the platform asked for."""
    talk = Conversation()
    talk.fail("rate_limited", retry_after=50.0)
    assert [timer.due for timer in talk.of(commands.SetTimer)] == [150.0]


def test_what_only_a_person_can_mend_is_not_retried() -> None:
    """A permanent error goes to its route at once."""
    talk = Conversation()
    talk.fail("unauthorized", permanent=True)
    assert talk.run.state == "bad"


def test_late_events_are_dropped() -> None:
    """The outcome of a visit that is over changes nothing."""
    talk = Conversation()
    talk.on_air()
    before = talk.run
    talk.hear(events.ActionFinished("ask", 1, 1, "done", {"good": False}))
    assert talk.run == before
    assert [note.event for note in talk.of(commands.Note)] == ["dropped"]


def test_a_state_goes_on_without_what_is_only_beside() -> None:
    """The failure of a window is not that of its state, and is routed only by its own name."""
    windows = {"s.display": ActionSpec("s.display", "Shows.", outcomes=("ready", "exited"), service=True, beside=True)}
    for routes, ends in (("", ""), (", display.error: bad", "failed")):
        talk = Conversation(BROADCAST.replace("error: bad", f"error: bad{routes}"), windows)
        talk.finish(good=True)
        talk.hear(events.ActivityFailed("broadcast:display", 1, "input", "there is no file"))
        assert (talk.run.outcome or "") == ends


def test_a_stop_without_a_route_ends_the_run_in_order() -> None:
    """Where no state expects it, a stop leaves everything and ends as stopped."""
    talk = Conversation()
    talk.hear(events.StopRequested("enough"))
    assert (talk.run.outcome, talk.run.phase) == ("stopped", Phase.CANCELLED)
    assert talk.of(commands.EndRun)[0].reason == "enough"


def test_a_guard_that_is_no_bool_ends_the_run_as_faulted() -> None:
    """A guard never counts as false because it could not be evaluated."""
    text = """
flow: guard
initial: a
states:
  a: {do: a.ask, transitions: {done: [{when: result.text, to: b}, {to: b}]}}
  b: {final: completed}
"""
    talk = Conversation(text)
    talk.finish(text="yes")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert "neither true nor false" in talk.run.reason


def test_after_the_end_nothing_happens() -> None:
    """Events after the end yield no command but a note."""
    talk = Conversation()
    talk.finish(good=False)
    talk.hear(events.StopRequested())
    assert [type(command) for command in talk.told] == [commands.Note]

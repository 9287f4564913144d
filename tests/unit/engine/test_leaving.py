"""Leaving states and ending runs: what was started ends, what is owed is done, and nothing is hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conversation import Actions, Journal, Serves, Takes, at, drive

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.execute import UNDO_WITHIN
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import RetakeFlowError, StoreError, Unavailable
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import Secret
from retake_flow.run.events import ActionFinished
from retake_flow.run.run import Phase, Run
from retake_flow.whatif import virtual_time

OWING = """
flow: owing
initial: scope
states:
  scope:
    initial: first
    activities: {one: {do: s.one}, two: {do: s.two, needs: one}}
    transitions: {stop: over, error: bad, one.exited: scope, two.exited: bad}
    states:
      first: {do: a.open, undo: a.close, transitions: {done: second}}
      second: {do: a.work, undo: {do: a.undo, with: {what: "{{ visits.second }}"}}, transitions: {done: rest}}
      rest: {transitions: {stop: over}}
  over: {final: completed}
  bad: {final: failed, reason: "{{ event.message|default(event.reason) }}"}
"""


def stop_at(seconds: float) -> Callable[[Runner], None]:
    """Ask the run to stop at that second."""
    return at(seconds, lambda runner: runner.stop("enough"))


def kill_at(*seconds: float) -> Callable[[Runner], None]:
    """Kill the run at these seconds."""

    def plan(runner: Runner) -> None:
        for second in seconds:
            at(second, Runner.kill)(runner)

    return plan


def both(*plans: Callable[[Runner], None]) -> Callable[[Runner], None]:
    """Several plans."""

    def plan(runner: Runner) -> None:
        for one in plans:
            one(runner)

    return plan


def test_leaving_ends_activities_youngest_first_and_then_takes_back_in_reverse() -> None:
    """What stands on another goes before it, and what was done last is taken back first, when all programs are gone."""
    actions = Actions(s_one=[Serves(ends_in=1)], s_two=[Serves(ends_in=1)])
    run, journal = drive(OWING, actions, meanwhile=stop_at(5))
    assert actions.words()[-4:] == ["s.two ended", "s.one ended", "a.undo", "a.close"]
    assert actions.times("s.two ended") == [6]
    assert actions.times("s.one ended") == [7]
    assert (run.outcome, run.phase) == ("completed", Phase.COMPLETED)
    assert [record["action"] for record in journal.of("undo_finished")] == ["a.undo", "a.close"]
    assert journal.records[0]["event"] == "run_started"
    assert journal.records[-1] == {**journal.records[-1], "event": "run_ended", "outcome": "completed"}


def test_an_undo_has_the_inputs_of_the_moment_its_action_began() -> None:
    """What an undo needs to know is filled in when the action begins, not when it is taken back."""
    actions = Actions()
    drive(OWING, actions, meanwhile=stop_at(5))
    assert [dict(call.inputs) for call in actions.calls if call.do == "a.undo"] == [{"what": 1}]


def test_an_undo_is_owed_from_the_moment_its_action_begins() -> None:
    """An action that is broken off may have done its work, so it is taken back; one that never began is not."""
    actions = Actions(a_open=[Takes(100)])
    drive(OWING, actions, meanwhile=stop_at(5))
    assert actions.words()[-2:] == ["s.one ended", "a.close"]
    assert "a.open broken off" in actions.words()
    assert "a.undo" not in actions.words()


def test_an_action_that_is_tried_again_is_taken_back_once() -> None:
    """However often an action was begun, one undo is owed for it."""
    text = OWING.replace("undo: a.close,", "undo: a.close, retry: {max: 5, interval: 1s},")
    actions = Actions(a_open=[Unavailable("down"), Unavailable("down"), Completion()])
    drive(text, actions, meanwhile=stop_at(20))
    assert actions.words().count("a.open") == 3
    assert actions.words().count("a.close") == 1


def test_a_scope_that_is_entered_anew_owes_anew() -> None:
    """When a service's end leads back into its scope, all is taken back before it is begun again."""
    actions = Actions(s_one=[Serves(lives=3), Serves()])
    _, journal = drive(OWING, actions, meanwhile=stop_at(5))
    order = [word for word in actions.words() if word in ("a.open", "a.close", "a.undo")]
    assert order == ["a.open", "a.undo", "a.close", "a.open", "a.undo", "a.close"]
    assert journal.states().count("scope") == 2


def test_what_stays_active_owes_nothing_yet() -> None:
    """Going from state to state inside a scope ends the states that are left, and nothing of the scope."""
    actions = Actions()
    _, journal = drive(OWING, actions, meanwhile=stop_at(5))
    finished = [record["t"] for record in journal.of("undo_finished")]
    assert finished
    assert all(moment.endswith(":05.000Z") for moment in finished)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Unavailable("down"), "error.unavailable"),
        (ZeroDivisionError("a defect"), "error.internal"),
        (Takes(1e9), "error.timeout"),
        (Completion("done", {"n": 1}), "done"),
    ],
)
def test_an_undo_hides_nothing_and_holds_up_none(answer: Any, outcome: str) -> None:
    """However an undo ends, it is written down, the next one has its turn, and the run ends as it would have."""
    actions = Actions(a_undo=[answer])
    run, journal = drive(OWING, actions, meanwhile=stop_at(5))
    assert [record["outcome"] for record in journal.of("undo_finished")] == [outcome, "done"]
    assert run.outcome == "completed"
    if outcome == "error.timeout":
        assert actions.times("a.close") == [5 + UNDO_WITHIN]


def test_undos_do_not_hide_why_a_run_failed() -> None:
    """A run that ends with an error says that error, whatever its undos did."""
    actions = Actions(a_work=[Unavailable("the platform is down")], a_close=[Unavailable("still down")])
    run, _ = drive(OWING, actions)
    assert (run.outcome, run.state, run.reason) == ("failed", "bad", "the platform is down")


def test_a_stop_does_not_break_off_what_is_taken_back() -> None:
    """A stop while undos are performed changes nothing of them."""
    actions = Actions(a_undo=[Takes(5)])
    run, journal = drive(OWING, actions, meanwhile=both(stop_at(5), stop_at(6), stop_at(7)))
    assert [record["outcome"] for record in journal.of("undo_finished")] == ["done", "done"]
    assert run.outcome == "completed"


# --- stop -----------------------------------------------------------------------------------------------------

WAITING = """
flow: waiting
initial: a
states:
  a: {do: a.work, transitions: {done: b, stop: over}}
  b: {do: a.other, transitions: {done: over, stop: stopped}}
  over: {final: completed}
  stopped: {final: completed}
"""


def test_a_stop_goes_before_what_waits_but_not_into_a_step() -> None:
    """What happened before a stop and was not heard yet is heard after it."""
    actions = Actions(a_work=[Takes(5)])

    def plan(runner: Runner) -> None:
        # Both arrive while the runner does not look; the outcome of the action was first.
        def together() -> None:
            runner._post(ActionFinished("a", 1, 1, "done"))
            runner.stop()

        asyncio.get_running_loop().call_later(2, together)

    run, journal = drive(WAITING, actions, meanwhile=plan)
    assert journal.states() == ["a", "over"]
    assert run.state == "over"


def test_a_stop_before_the_beginning_ends_the_run_without_beginning() -> None:
    """A run that is stopped before it has begun enters no state."""
    actions = Actions()
    run, journal = drive(OWING, actions, meanwhile=lambda runner: runner.stop("changed my mind"))
    assert (run.outcome, run.reason) == ("stopped", "changed my mind")
    assert journal.states() == []
    assert actions.said == []
    assert journal.records[-1]["event"] == "run_ended"


# --- kill -----------------------------------------------------------------------------------------------------


def test_a_kill_ends_programs_without_taking_anything_back() -> None:
    """After a kill all programs are gone, no undo was begun, and the last record says so."""
    actions = Actions(s_one=[Serves(ends_in=1)], s_two=[Serves(ends_in=1)])
    run, journal = drive(OWING, actions, meanwhile=kill_at(5))
    assert (run.outcome, run.phase) == ("killed", Phase.CANCELLED)
    assert journal.of("undo_started") == []
    assert journal.records[-1] == {**journal.records[-1], "event": "run_ended", "outcome": "killed"}


@pytest.mark.parametrize("kills", [(6,), (6, 6.1, 6.2), (5.5, 6)])
def test_a_kill_breaks_off_the_end_of_a_run(kills: tuple[float, ...]) -> None:
    """While a stopped run ends its programs or takes something back, a kill is heard; more of them do no harm."""
    actions = Actions(a_undo=[Takes(1e9)], s_one=[Serves(ends_in=1)], s_two=[Serves(ends_in=0.2)])
    run, journal = drive(OWING, actions, meanwhile=both(stop_at(5), kill_at(*kills)))
    assert run.outcome == "killed"
    assert [record["outcome"] for record in journal.of("run_ended")] == ["killed"]
    assert "a.close" not in actions.words()


def test_a_kill_before_the_beginning_begins_nothing() -> None:
    """A run that is killed before it has begun performs nothing."""
    actions = Actions()
    run, journal = drive(OWING, actions, meanwhile=Runner.kill)
    assert run.outcome == "killed"
    assert actions.said == []
    assert journal.states() == []


def test_a_kill_after_the_end_does_nothing() -> None:
    """Killing a run that is over harms nobody who still works."""

    async def scene() -> str:
        await asyncio.sleep(1)
        return "went on"

    kept: list[Runner] = []
    run, journal = drive(OWING, Actions(), meanwhile=both(kept.append, stop_at(5)))
    kept[0].kill()
    assert asyncio.run(asyncio.wait_for(scene(), 5)) == "went on"
    assert run.outcome == "completed"
    assert len(journal.of("run_ended")) == 1


def test_after_a_kill_who_awaited_the_run_goes_on() -> None:
    """The cancellation that a kill is made of does not reach whoever awaits the run."""

    async def scene() -> tuple[str | None, int]:
        runner = Runner(
            Machine(load_flow(WAITING, "f")),
            Run("r", "waiting", "", {}),
            catalogue={},
            actions=Actions(a_work=[Takes(9)]),
            store=Journal(),
            clock=virtual_time.VirtualClock(),
        )
        asyncio.get_running_loop().call_later(2, runner.kill)
        run = await runner.drive()
        await asyncio.sleep(1)
        task = asyncio.current_task()
        return run.outcome, task.cancelling() if task else -1

    assert virtual_time.run(scene()) == ("killed", 0)


# --- leaving a run to another process -----------------------------------------------------------------------------


def hand_over_at(seconds: float) -> Callable[[Runner], None]:
    """Leave the run to another process at that second."""
    return at(seconds, lambda runner: runner.hand_over("asked by SIGTERM"))


def test_a_run_that_is_handed_over_goes_on_elsewhere_with_what_it_owes() -> None:
    """Its programs end, nothing is undone, and nothing says that it has ended."""
    actions = Actions(s_one=[Serves(ends_in=1)], s_two=[Serves(ends_in=0.2)])
    run, journal = drive(OWING, actions, meanwhile=both(hand_over_at(5), hand_over_at(5.1)))
    assert (run.phase, run.outcome, run.state) == (Phase.RUNNING, None, "scope/rest")
    assert [undo.do for undo in run.undos] == ["a.close", "a.undo"]
    assert not {"a.close", "a.undo"} & set(actions.words())
    (left,) = journal.of("run_handed_over")
    assert (left["state"], left["reason"]) == ("scope/rest", "asked by SIGTERM")
    assert journal.of("run_ended") == []


def test_a_run_can_be_handed_over_before_it_is_driven() -> None:
    """The wish is kept until then; nothing of the run begins here, and another process begins it as if new."""
    actions = Actions()
    run, journal = drive(OWING, actions, meanwhile=both(lambda runner: runner.hand_over("soon"), stop_at(5)))
    assert (run.phase, actions.said) == (Phase.PENDING, [])
    assert [record["event"] for record in journal.records] == ["run_handed_over"]


def test_a_run_that_ends_is_not_handed_over_but_may_be_killed() -> None:
    """Its undos are done first; a kill counts even while it is handed over."""
    ends = Actions(a_undo=[Takes(3)])
    run, journal = drive(OWING, ends, meanwhile=both(stop_at(5), hand_over_at(6)))
    assert (run.outcome, journal.of("run_handed_over")) == ("completed", [])
    assert "a.close" in ends.words()
    slow = Actions(s_one=[Serves(ends_in=9)])
    run, journal = drive(OWING, slow, meanwhile=both(hand_over_at(5), kill_at(6)))
    assert (run.outcome, journal.of("run_handed_over")) == ("killed", [])


# --- what cannot go on ------------------------------------------------------------------------------------------


class Failing(Journal):
    """A store that fails from some record on."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def write(self, run: Any, records: Any) -> None:
        if any(record["event"] == self._event for record in records):
            raise StoreError("the disk is full")
        super().write(run, records)


@pytest.mark.parametrize(
    "event",
    [
        "run_started",
        "state_entered",
        "action_finished",
        "activity_ready",
        "stop_requested",
        "undo_started",
        "run_ended",
    ],
)
def test_a_run_that_cannot_be_written_down_leaves_nothing(event: str) -> None:
    """Whenever the store fails, the error is raised and nothing is left running."""
    with pytest.raises(StoreError, match="the disk is full"):
        drive(OWING, Actions(), Failing(event), meanwhile=stop_at(5))


def test_a_note_that_cannot_be_written_ends_the_run_too() -> None:
    """An action whose note could not be written does not go on as if nothing had been."""

    class Noting(Actions):
        async def perform(self, call: Call) -> Completion:
            call.note("notice", message="hello")
            return await super().perform(call)

    run, _ = drive(OWING, Noting(), Failing("notice"))
    assert (run.outcome, run.reason) == ("failed", "the disk is full")


def test_what_is_written_down_comes_before_what_is_done() -> None:
    """A state's action is begun only after the journal says so."""
    journal = Journal()

    class Looking(Actions):
        async def perform(self, call: Call) -> Completion:
            told = [
                record["action"] for record in journal.records if record["event"] in ("action_started", "undo_started")
            ]
            assert told[-1] == call.do
            return await super().perform(call)

    run, _ = drive(OWING, Looking(), journal, meanwhile=stop_at(5))
    assert run.outcome == "completed"


def test_no_secret_is_written_down() -> None:
    """Neither a secret result nor the error of an action that repeats it shows in any record."""
    secret = Secret("correct-horse-battery")
    error = RetakeFlowError("the key correct-horse-battery is refused", hint="not correct-horse-battery")
    text = OWING.replace("do: a.work,", "do: a.work, with: {key: '{{ outputs.first.key }}'},")
    actions = Actions(a_open=[Completion(value={"key": secret})], a_work=[error])
    run, journal = drive(text, actions)
    assert run.outcome == "failed"
    assert any(call.inputs.get("key") == secret for call in actions.calls)
    assert "correct-horse" not in repr(journal.records)
    assert sum("•••" in repr(record) for record in journal.records) >= 3

"""The driver of a run that lasts: it leaves where only a person is waited for, and goes on after any end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conversation import Actions, Serves, Takes
from stored_run import World, later, play

from retake_flow.engine.driver.mailbox import LOOK_EVERY
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import InDoubt, StoreError
from retake_flow.ports.actions import Completion
from retake_flow.ports.runs import Claim, Holder
from retake_flow.run.errors import AnswerWaiting, Fenced
from retake_flow.run.run import Phase, Run

ASKING = """
initial: q
states:
  q: {ask: {message: m, answer: {n: {type: integer}}, timeout: 1h, remind: [10m]},
    transitions: {answered: b, timeout: late}}
  b: {do: a.work, transitions: {done: z}}
  late: {final: late}
  z: {final: completed}
"""

STOPPING = """
initial: a
states:
  a: {wait: 1h, transitions: {done: c, stop: b}}
  b: {wait: 1h, transitions: {done: c, stop: d}}
  c: {final: completed}
  d: {final: stopped}
"""
SHOWING = """
initial: s
states:
  s: {activities: {content: {do: studio.content, retry: {max: 9}}}, wait: 1h, transitions: {done: z}}
  z: {final: completed}
"""


def now() -> float:
    """The second of virtual time."""
    return round(asyncio.get_running_loop().time(), 3)


# --- leaving and staying ----------------------------------------------------------------------------------------


def test_a_run_that_only_waits_for_a_person_is_left() -> None:
    """The process ends at once with the run suspended, its questions told once more and still open."""

    async def scene() -> None:
        world = World(ASKING)
        run = await world.drive()
        assert (run.phase, now()) == (Phase.SUSPENDED, 0)
        assert world.run == run
        last = world.records()[-1]
        assert (last["event"], last["state"]) == ("run_suspended", "q")
        assert [gate["gate"] for gate in last["gates"]] == ["q.1"]
        assert [each.gate.id for each in world.runs.open_gates()] == ["q.1"]
        assert not world.runner.over

    play(scene)


def test_who_is_to_wait_stays() -> None:
    """With `wait` the process stays until somebody answers, and goes on by itself, within a moment."""

    async def scene() -> None:
        world = World(ASKING)
        later(1000.1, lambda: world.answer(n=3))
        run = await world.drive(wait=True)
        assert run.outcome == "completed"
        assert 1000.1 <= now() <= 1000.1 + LOOK_EVERY
        assert "run_suspended" not in world.events()

    play(scene)


def test_who_waits_can_be_told_to_leave() -> None:
    """`suspend` leaves as soon as only a person is waited for; until then the run goes on."""

    async def scene() -> None:
        world = World(ASKING, Actions(a_work=[Takes(50)]))
        later(10, lambda: world.runner.suspend())
        assert (await world.drive(wait=True)).phase is Phase.SUSPENDED
        assert now() == 10
        world = World(
            ASKING.replace("initial: q", "initial: b").replace("done: z", "done: q"), Actions(a_work=[Takes(50)])
        )
        later(10, lambda: world.runner.suspend())
        assert (await world.drive(wait=True)).state == "q"
        assert now() == 60

    play(scene)


@pytest.mark.parametrize(
    "state",
    [
        "q: {ask: {message: m}, activities: {x: {do: s.one}}, transitions: {answered: z}}",
        "q: {ask: {message: m}, activities: {t: {do: a.other, every: 3s}}, transitions: {answered: z}}",
        "q: {activities: {k: {ask: {message: m}}}, transitions: {k.answered: z}}",
    ],
)
def test_who_has_something_to_do_is_not_left(state: str) -> None:
    """While a program or a task is at work, or the state itself does not ask, the process stays for the answer."""

    async def scene() -> None:
        world = World(f"initial: q\nstates:\n  {state}\n  z: {{final: completed}}")
        later(100, lambda: world.answer())
        assert (await world.drive()).outcome == "completed"
        assert now() >= 100

    play(scene)


def test_a_time_that_has_come_is_not_slept_through() -> None:
    """A question whose end has passed is not left: it expires now."""

    async def scene() -> None:
        world = World(ASKING)
        await world.drive()
        await asyncio.sleep(4000)
        assert (await world.drive()).outcome == "late"
        assert now() == 4000
        assert len(world.records("gate_expired")) == 1

    play(scene)


def test_a_missed_reminder_is_given_and_the_run_left_again() -> None:
    """What was due meanwhile is told once, and the question stays."""

    async def scene() -> None:
        world = World(ASKING)
        await world.drive()
        await asyncio.sleep(700)
        assert (await world.drive()).phase is Phase.SUSPENDED
        assert len(world.records("gate_reminder")) == 1
        assert len(world.records("gate_opened")) == 1
        assert (await world.drive()).phase is Phase.SUSPENDED
        assert len(world.records("gate_reminder")) == 1
        assert world.run.timers == {("q", "timeout"): world.run.gates["q.1"].due}

    play(scene)


def test_an_answer_that_came_meanwhile_is_taken() -> None:
    """A run that is resumed goes on with what was said, and is not left first."""

    async def scene() -> None:
        world = World(ASKING)
        await world.drive()
        await asyncio.sleep(100)
        world.answer(n=3)
        run = await world.drive()
        assert (run.outcome, run.outputs["q"]["n"]) == ("completed", 3)
        assert world.events().count("run_suspended") == 1
        [resumed] = world.records("run_resumed")
        assert resumed["died"] is False

    play(scene)


def test_who_answered_in_time_does_not_lose_against_the_clock() -> None:
    """An answer before the end counts, though the run is taken up after it."""

    async def scene() -> None:
        world = World(ASKING)
        await world.drive()
        await asyncio.sleep(3599)
        world.answer(n=3)
        await asyncio.sleep(500)
        assert (await world.drive()).outcome == "completed"

    play(scene)


def test_who_answers_just_before_the_end_does_not_lose_against_the_clock() -> None:
    """Also while a process lives that has not looked yet."""

    async def scene() -> None:
        world = World(ASKING)
        later(3599.99, lambda: world.answer(n=3))
        assert (await world.drive(wait=True)).outcome == "completed"
        assert "gate_expired" not in world.events()

    play(scene)


# --- what others ask --------------------------------------------------------------------------------------------

LONG = """
initial: o
states:
  o:
    initial: i
    activities: {x: {do: s.one}}
    transitions: {stop: z}
    states: {i: {do: a.open, undo: a.close, transitions: {done: rest}}, rest: }
  z: {final: completed}
"""


@pytest.mark.parametrize(("what", "outcome", "undone"), [("stop", "completed", 1), ("kill", "killed", 0)])
def test_another_process_is_heard_soon(what: Any, outcome: str, undone: int) -> None:
    """A stop or a kill that is asked for in the store is done within a moment, as if it were asked for here."""

    async def scene() -> None:
        world = World(LONG)
        later(100.1, lambda: world.runs.request("r", what))
        run = await world.drive()
        assert run.outcome == outcome
        assert 100.1 <= now() <= 100.1 + LOOK_EVERY
        assert world.actions.words().count("a.close") == undone
        assert world.actions.alive == []
        assert [record["reason"] for record in world.records("stop_requested")] == (
            ["stopped from another process"] if what == "stop" else []
        )

    play(scene)


def test_what_others_ask_is_looked_for_at_once_when_told_to() -> None:
    """`look` does not wait for the next round."""

    async def scene() -> None:
        world = World(ASKING)

        def ask_and_look() -> None:
            world.answer(n=1)
            world.runner.look()

        later(1000.1, ask_and_look)
        assert (await world.drive(wait=True)).outcome == "completed"
        assert now() == 1000.1

    play(scene)


def test_a_change_of_the_stage_waits_for_the_next_process_to_be_ready() -> None:
    """All changes take place in their order once the content has started; without a start to wait for, at once."""

    async def scene() -> None:
        stage = {"shows": "stage"}
        actions = Actions(studio_content=[Serves(value=stage), Serves(ready_after=3.0, value=stage)])
        world = World(SHOWING, actions)
        taken: list[tuple[float, Any]] = []

        class Listening:
            def on_record(self, record: Any) -> None:
                if record["event"] in ("scene_set", "scene_refused"):
                    taken.append((now(), (record.get("reason"), record["to"])))

        def ask(to: str) -> None:
            world.runs.request("r", "screen", {"to": to})
            world.runner.look()

        await world.die(10)
        world.runs.request("r", "screen", {"to": "brb"})
        later(2.95, lambda: ask("ended"))
        later(3.05, lambda: ask("live"))
        later(6.05, lambda: ask("starting"))
        await world.die(10, listeners=[Listening()])
        assert [what for _, what in taken] == [(None, to) for to in ("brb", "ended", "live", "starting")]
        assert 13 <= taken[0][0] < 13.5
        assert taken[-1][0] == 16.05

    play(scene)


def test_a_change_of_the_stage_does_not_wait_for_ever() -> None:
    """Content that never becomes ready is waited for only so long, and no process that leaves settles it."""

    async def scene() -> None:
        world = World(SHOWING, Actions(studio_content=[Serves(ready_after=1000.0)]))
        later(1.0, lambda: world.runs.request("r", "screen", {"to": "brb"}))
        await world.die(20)
        assert world.records("scene_refused") == []
        await world.die(40)
        [refused] = world.records("scene_refused")
        assert refused["reason"] == "the run shows no stage"

    play(scene)


def test_without_an_inbox_nobody_is_heard() -> None:
    """A run that nobody else can reach is driven all the same, and looking does nothing."""

    async def scene() -> None:
        world = World(ASKING)
        assert (await world.drive(inbox=False)).phase is Phase.SUSPENDED
        world.runner.look()

    play(scene)


def test_a_stop_suspends_nothing() -> None:
    """A parked run that is told to stop before it is driven ends cleanly instead of being left."""

    async def scene() -> None:
        world = World(ASKING)
        await world.drive()
        run = await world.drive(before=lambda runner: runner.stop("enough"))
        assert (run.outcome, run.reason) == ("stopped", "enough")
        assert world.runs.open_gates() == []

    play(scene)


def test_one_wish_to_stop_is_taken_once() -> None:
    """It is the same wish however many ask before it is taken; a stop in the state that the first led to is another."""

    async def scene() -> None:
        world = World(STOPPING)
        await world.die(10)
        world.runs.request("r", "stop")  # nobody heard of it in time

        def again(runner: Runner) -> None:
            runner.stop("enough")
            runner.stop("I said enough")
            runner.look()

        await world.die(10, before=again)
        assert [record["reason"] for record in world.records("stop_requested")] == ["enough"]
        assert world.run.state == "b"
        later(5.0, lambda: world.runs.request("r", "stop"))
        assert (await world.drive()).state == "d"
        assert len(world.records("stop_requested")) == 2

    play(scene)


# --- stores that say no -------------------------------------------------------------------------------------------


class Through:
    """A store behind which there is a claim."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    def write(self, run: Run, records: Any) -> None:
        self.claim.write(run, records)


def test_an_answer_goes_before_what_would_close_its_question() -> None:
    """When something leaves a question that was just answered, the answer is taken first, then the event."""
    states = """
initial: o
states:
  o:
    initial: q
    timeout: 10s
    transitions: {timeout: late}
    states:
      q: {ask: {message: m}, transitions: {answered: {to: rest, set: {said: 1}}}}
      rest:
  late: {final: late}
"""

    async def scene() -> None:
        world = World(states)
        times: list[float] = []

        class Racing(Through):
            def write(self, run: Run, records: Any) -> None:
                if "o/q.1" not in run.gates and not times and any(r["event"] == "gate_closed" for r in records):
                    times.append(now())
                    world.answer()  # somebody was just quicker
                super().write(run, records)

        later(2, lambda: world.runs.request("r", "stop"))
        run = await world.drive(wait=True, wrapped=Racing)
        assert times
        assert (run.vars, run.outcome) == ({"said": 1}, "stopped")
        events = world.events()
        assert events.index("gate_answered") < events.index("stop_requested")
        assert "gate_closed" not in events

    play(scene)


def test_a_store_that_speaks_of_an_answer_that_is_not_there_is_a_defect_that_shows() -> None:
    """It is not tried for ever."""

    class Lying(Through):
        def write(self, run: Run, records: Any) -> None:
            if any(record["event"] == "gate_closed" for record in records):
                raise AnswerWaiting("an answer")
            super().write(run, records)

    async def scene() -> None:
        world = World(ASKING)
        later(2, lambda: world.runs.request("r", "stop"))
        with pytest.raises(AnswerWaiting):
            await world.drive(wait=True, wrapped=Lying)

    play(scene)


def test_a_process_that_was_overtaken_ends_quietly() -> None:
    """When another process has claimed the run, programs are ended, nothing is undone, and nothing more is written."""

    async def scene() -> None:
        world = World(LONG, Actions(s_one=[Serves(ends_in=1)]))
        later(10, lambda: world.runs.claim("r", Holder("there", 2, 0.0), force=True))
        before: list[int] = []
        later(10.1, lambda: before.append(len(world.records())))
        with pytest.raises(Fenced):
            await world.drive()
        assert now() <= 10 + LOOK_EVERY + 1
        assert world.actions.words()[-1] == "s.one ended"
        assert "a.close" not in world.actions.words()
        assert [len(world.records())] == before
        assert world.run.phase is Phase.RUNNING

    play(scene)


@pytest.mark.parametrize("inbox", [True, False])
def test_an_overtaken_process_learns_of_it_from_a_write_too(inbox: bool) -> None:
    """At the next thing that it writes, without an inbox or before it, whose own discovery comes while programs end."""

    async def scene() -> None:
        actions = Actions(s_one=[Serves(ends_in=1)])
        world = World(LONG.replace("rest: }", "rest: {wait: 50s, transitions: {done: rest}}}"), actions)
        later(49.99 if inbox else 10, lambda: world.runs.claim("r", Holder("there", 2, 0.0), force=True))
        with pytest.raises(Fenced):
            await world.drive(inbox=inbox)
        assert now() == (50.99 if inbox else 51)
        assert "a.close" not in world.actions.words()

    play(scene)


def test_a_run_that_a_defect_breaks_is_not_undone_once_it_is_anothers() -> None:
    """It is taken while what the defect left is undone: that is broken off, and nothing else is begun."""

    class Defective(Through):
        def write(self, run: Run, records: Any) -> None:
            if any(record["event"] == "timer_fired" for record in records):
                raise ZeroDivisionError
            super().write(run, records)

    async def scene() -> None:
        world = World(OWING, Actions(a_undo=[Takes(60)]))
        later(60, lambda: world.runs.claim("r", Holder("there", 2, 0.0), force=True))
        with pytest.raises(Fenced):
            await world.drive(wrapped=Defective)
        assert now() <= 60 + LOOK_EVERY
        assert world.actions.words()[-2:] == ["a.undo", "a.undo broken off"]

    play(scene)


OWING = """
initial: o
states:
  o:
    initial: i
    activities: {x: {do: s.one}}
    states:
      i: {do: a.open, undo: a.close, transitions: {done: j}}
      j: {do: a.work, undo: a.undo, transitions: {done: rest}}
      rest: {wait: 50s, transitions: {done: rest}}
"""


@pytest.mark.parametrize("undo", [Completion(), StoreError("the disk is full"), ZeroDivisionError(), Takes(1e9)])
def test_a_run_that_cannot_be_written_down_any_more_is_taken_back(undo: Any) -> None:
    """On air with a full disk: programs end first, then each undo is tried, the newest first."""

    class Full(Through):
        def write(self, run: Run, records: Any) -> None:
            if any(record["event"] == "timer_fired" for record in records):
                raise StoreError("the disk is full")
            super().write(run, records)

    async def scene() -> None:
        world = World(OWING, Actions(a_undo=[undo]))
        with pytest.raises(StoreError, match="the disk is full"):
            await world.drive(wrapped=Full)
        assert world.actions.words()[-3:] == ["s.one ended", "a.undo", "a.close"] or (
            world.actions.words()[-4:] == ["s.one ended", "a.undo", "a.undo broken off", "a.close"]
        )

    play(scene)


@pytest.mark.parametrize("fails", ["requests", "answers"])
def test_a_store_that_cannot_be_read_for_a_moment_ends_no_stream(fails: str) -> None:
    """What others ask is heard when it can be read again."""

    async def scene() -> None:
        world = World(LONG)

        def break_it(claim: Claim) -> Claim:
            read = getattr(claim, fails)

            def broken(**how: Any) -> Any:
                if 5 < now() < 50:
                    raise StoreError("the disk is away")
                return read(**how)

            setattr(claim, fails, broken)
            return claim

        later(20, lambda: world.runs.request("r", "stop"))
        assert (await world.drive(wrapped=break_it)).outcome == "completed"
        assert world.actions.words()[-2:] == ["s.one ended", "a.close"]
        # A request is heard once; that the answers could not be read then does not lose it.
        assert now() <= (50 if fails == "requests" else 20) + 2 * LOOK_EVERY

    play(scene)


# --- after a crash ------------------------------------------------------------------------------------------------


def test_a_run_whose_process_died_goes_on_where_it_was() -> None:
    """It is told that it had died; the action that is harmless is performed again, and nothing else."""

    async def scene() -> None:
        world = World(
            LONG.replace("x: {do: s.one}", "x: {do: s.one, retry: {max: 1}}"), Actions(a_open=[Takes(20), Takes(1)])
        )
        await world.die(10)
        later(30, lambda: world.runner.stop())
        assert (await world.drive()).outcome == "completed"
        [resumed] = world.records("run_resumed")
        assert (resumed["state"], resumed["died"]) == ("o/i", True)
        assert world.actions.words()[2:4] == ["a.open broken off", "s.one ended"]
        assert sorted(world.actions.words()[4:6]) == ["a.open", "s.one"]
        assert world.actions.words()[6:] == ["s.one ended", "a.close"]
        assert [call.attempt for call in world.actions.calls if call.do == "a.open"] == [1, 2]

    play(scene)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"n": 1}, ["a.verify?"]),
        (None, ["a.verify?", "a.verify"]),
        (InDoubt("who knows"), ["a.verify?"]),
        (ZeroDivisionError("a defect"), ["a.verify?"]),
    ],
)
def test_what_was_under_way_is_looked_up(found: Any, words: list[str]) -> None:
    """It was done, or is done now; where that cannot be found out, the run asks and is left."""

    async def scene() -> None:
        actions = Actions(a_verify=[Takes(50), Takes(1, Completion("done", {"n": 2}))], happened_a_verify=[found])
        world = World("initial: a\nstates: {a: {do: a.verify, transitions: {done: z}}, z: {final: completed}}", actions)
        await world.die(10)
        run = await world.drive()
        assert world.actions.words()[2:] == words
        doubt = isinstance(found, Exception)
        assert run.phase is (Phase.SUSPENDED if doubt else Phase.COMPLETED)
        assert run.outputs.get("a") == (None if doubt else found or {"n": 2})
        keys = {call.key for call in world.actions.calls}
        assert len(keys) == 1
        if doubt:
            assert str(found) in world.records("gate_opened")[0]["message"]
            world.answer("again")
            assert (await world.drive()).outcome == "completed"
            assert world.actions.words()[-1] == "a.verify"

    play(scene)


def test_a_wait_that_was_over_meanwhile_is_over_at_once() -> None:
    """Deadlines are of the clock."""

    async def scene() -> None:
        naps = "a: {wait: 60s, transitions: {done: b}}, b: {wait: 60s, transitions: {done: z}}"
        world = World(f"initial: a\nstates: {{{naps}, z: {{final: completed}}}}")
        await world.die(10)
        await asyncio.sleep(1000)
        assert (await world.drive()).outcome == "completed"
        assert now() == 1070

    play(scene)


UNDOING = """
initial: o
states:
  o:
    initial: i
    transitions: {stop: after}
    states:
      i: {do: a.open, undo: a.close, transitions: {done: j}}
      j: {do: a.work, undo: a.undo, transitions: {done: rest}}
      rest:
  after: {do: a.once, transitions: {done: z, error: broken}}
  z: {final: completed}
  broken: {final: failed}
"""


def test_what_was_owed_when_the_process_died_is_done_first() -> None:
    """Undos that were not done are done in their order, then the action that comes after is begun."""

    async def scene() -> None:
        world = World(UNDOING, Actions(a_undo=[Takes(20), Takes(1)], a_once=[Takes(1)]))
        later(5, lambda: world.runner.stop())
        await world.die(10)
        assert [undo.do for undo in world.run.undoing] == ["a.undo", "a.close"]
        assert world.run.state == "after"
        assert (await world.drive()).outcome == "completed"
        assert world.actions.words()[-3:] == ["a.undo", "a.close", "a.once"]
        assert [call.attempt for call in world.actions.calls if call.do == "a.once"] == [2]
        assert world.run.undoing == ()

    play(scene)


def test_what_was_done_of_what_is_owed_is_not_done_again() -> None:
    """Each undo is crossed off when it has ended."""

    async def scene() -> None:
        world = World(UNDOING, Actions(a_close=[Takes(20), Takes(1)], a_once=[Takes(1)]))
        later(5, lambda: world.runner.stop())
        await world.die(10)
        assert [undo.do for undo in world.run.undoing] == ["a.close"]
        await world.drive()
        assert world.actions.words().count("a.undo") == 1
        assert world.actions.words()[-2:] == ["a.close", "a.once"]

    play(scene)


def test_an_ended_run_that_owes_something_is_finished() -> None:
    """When the process died while the end was under way, what is owed is done and the end is told."""

    async def scene() -> None:
        world = World(UNDOING.replace("{stop: after}", "{stop: z}"), Actions(a_undo=[Takes(20), Takes(1)]))
        later(5, lambda: world.runner.stop())
        await world.die(10)
        assert world.run.outcome == "completed"
        assert "run_ended" not in world.events()
        run = await world.drive()
        assert (run.outcome, run.undoing, world.runner.over) == ("completed", (), True)
        assert world.actions.words()[-2:] == ["a.undo", "a.close"]
        [ended] = world.records("run_ended")
        assert (ended["outcome"], ended["state"]) == ("completed", "z")

    play(scene)


def test_a_kill_keeps_the_questions_that_were_open() -> None:
    """A killed run is written with them, so that an answer that nobody took does not keep it from ending."""

    async def scene() -> None:
        world = World(ASKING)
        later(10, lambda: (world.answer(n=1), world.runner.kill()))
        run = await world.drive(wait=True)
        assert (run.outcome, run.phase, list(run.gates)) == ("killed", Phase.CANCELLED, ["q.1"])
        assert world.records()[-1]["event"] == "run_ended"
        assert world.runs.open_gates() == []

    play(scene)


def test_a_killed_run_that_owed_something_owes_nothing_more() -> None:
    """Undos of a run that was killed are not done by anybody."""

    async def scene() -> None:
        world = World(UNDOING, Actions(a_undo=[Takes(20)]))
        later(5, lambda: world.runner.stop())
        later(6, lambda: world.runner.kill())
        run = await world.drive()
        assert (run.outcome, run.undos, run.undoing) == ("killed", (), ())

    play(scene)


def test_who_listens_hears_every_record_once() -> None:
    """Listeners hear what was written, in its order, over suspension and resumption."""

    class Ear(list[str]):
        def on_record(self, record: Any) -> None:
            self.append(record["event"])

    async def scene() -> None:
        world, ear = World(ASKING), Ear()
        await world.drive(listeners=[ear])
        world.answer(n=1)
        await world.drive(listeners=[ear])
        assert list(ear) == world.events()

    play(scene)


def test_an_answer_that_is_heard_before_the_run_is_taken_up_begins_nothing_twice() -> None:
    """While what is owed is done, somebody's answer is heard; the action that it leads to is performed once."""
    states = UNDOING.replace("{stop: after}", "{stop: q}").replace(
        "  after:", "  q: {ask: {message: m}, transitions: {answered: after}}\n  after:"
    )

    async def scene() -> None:
        world = World(states, Actions(a_undo=[Takes(20), Takes(5)], a_once=[Takes(9)]))
        later(5, lambda: world.runner.stop())
        await world.die(10)
        world.answer()
        assert (await world.drive()).outcome == "completed"
        assert world.actions.words()[-3:] == ["a.undo", "a.close", "a.once"]

    play(scene)


def test_an_answer_goes_before_the_exit_of_a_service_and_begins_nothing_twice() -> None:
    """A dead service would close a question that was answered meanwhile: what the answer led to is performed once."""
    states = """
initial: o
states:
  o:
    initial: q
    activities: {x: {do: s.one}}
    transitions: {x.exited: lost, answered: after}
    states: {q: {ask: {message: m}}}
  after: {do: a.once, activities: {y: {do: s.two}}, transitions: {done: z, error: broken, y.exited: broken}}
  lost: {final: failed}
  z: {final: completed}
  broken: {final: failed}
"""

    async def scene() -> None:
        world = World(states, Actions(a_once=[Takes(9)]))
        await world.die(10)
        world.answer()
        run = await world.drive()
        assert (run.outcome, run.state) == ("completed", "z")
        assert world.actions.words().count("a.once") == 1
        assert world.actions.words().count("s.two") == 1

    play(scene)

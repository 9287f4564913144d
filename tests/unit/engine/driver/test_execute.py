"""Performing actions, tasks and services, and what is brought back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from conversation import Actions, Serves, Takes

from retake_flow.clock import SystemClock
from retake_flow.engine.driver import execute
from retake_flow.errors import LastingDefect, MissingProgram, NotReady, RateLimited, Unavailable
from retake_flow.flow.state_parts import Retry
from retake_flow.ports.actions import ActionRunner, Call, Completion, Keep, Service
from retake_flow.run import events
from retake_flow.run.commands import SetTimer, StartAction, StartActivity
from retake_flow.whatif.virtual_time import EPOCH, VirtualClock, run

Posted = list[tuple[float, Any]]


def call(do: str, memory: dict[str, Any] | None = None) -> Call:
    """A first call of an action."""
    return Call("r", "here", 1, do, {}, memory or {}, "key")


def activity(do: str, **more: Any) -> StartActivity:
    """The command that starts an activity."""
    return StartActivity("scope:it", 3, do, {}, {}, **more)


def posted(work: Callable[[Callable[[events.Event], None]], Coroutine[Any, Any, None]], within: float = 1e5) -> Posted:
    """What a work brings back, each with the second, until it ends by itself or the time is over."""

    async def scene() -> Posted:
        found: Posted = []
        loop = asyncio.get_running_loop()
        task = loop.create_task(work(lambda event: found.append((round(loop.time(), 2), event))))
        await asyncio.wait([task], timeout=within)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        elif not task.cancelled() and task.exception():
            raise task.exception() or AssertionError
        return found

    return run(scene())


def execution(actions: ActionRunner, post: Callable[[events.Event], None] = lambda event: None) -> execute.Execution:
    """Performs these actions."""
    return execute.Execution(actions, {}, VirtualClock(), post)


async def unchanged(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Inputs that stay as they are."""
    return inputs


def as_task(
    command: StartActivity,
    actions: Actions,
    within: float = 1e5,
    refill: execute.Refill = unchanged,
    keep: Keep | None = None,
    **memory: Any,
) -> Posted:
    """What a task brings back as an activity."""
    first = call(command.do, memory)
    if keep is not None:
        first = replace(first, keep=keep)
    return posted(lambda post: execution(actions, post).task(command, first, refill), within)


def as_service(command: StartActivity, actions: Actions, within: float = 1e5) -> Posted:
    """What a service brings back as an activity."""
    return posted(lambda post: execution(actions, post).service(command, call(command.do)), within)


# --- the action of a state ----------------------------------------------------------------------------------


def of_state(answer: Any) -> Any:
    """The event that comes of a state's action with this end."""
    command = StartAction("a", 2, 3, "a.work", {}, {}, "key")
    actions = Actions(a_work=[answer])
    [(_, event)] = posted(lambda post: execution(actions, post).action(command, call("a.work")))
    return event


def test_an_outcome_is_brought_back_with_its_visit_and_attempt() -> None:
    """What an action ends with comes back as a fact of the attempt that began it."""
    done = Completion("found", {"n": 1}, {"seen": [1]})
    assert of_state(done) == events.ActionFinished("a", 2, 3, "found", {"n": 1}, {"seen": [1]})


def test_an_error_is_brought_back_with_what_can_be_done() -> None:
    """Of an error its kind, words, hint, the wait that was asked for and whether a person has to act come back."""
    error = RateLimited("slow down", hint="wait")
    error.retry_after = 7.0
    assert of_state(error) == events.ActionFailed("a", 2, 3, "rate_limited", "slow down", "wait", 7.0, False)
    assert of_state(MissingProgram("no ffmpeg")).permanent is True


def test_a_defect_is_an_error_too() -> None:
    """An action that raises anything at all fails, with the name of what it raised."""
    event = of_state(KeyError("x"))
    assert (event.kind, event.message) == ("internal", "a.work has a defect: KeyError: 'x'")


def test_a_timer_comes_back_when_it_is_due() -> None:
    """A timer waits for its time and brings back its purpose."""
    command = SetTimer("a", 2, "timeout", EPOCH + 90)
    assert posted(lambda post: execution(Actions(), post).timer(command)) == [
        (90.0, events.TimerFired("a", 2, "timeout", EPOCH + 90))
    ]


# --- tasks --------------------------------------------------------------------------------------------------


def test_a_task_without_every_is_done_once() -> None:
    """After its delay a task is performed, and that is all."""
    found = as_task(activity("a.work", delay=5.0), Actions())
    assert found == [(5.0, events.ActivityResulted("scope:it", 3, "done", {}, None))]


def test_a_task_done_once_is_tried_again_as_its_retry_says() -> None:
    """A failure is told as one that is tried again, until it works or the tries are used up."""
    actions = Actions(a_work=[Unavailable("down"), Unavailable("down"), Completion()])
    found = as_task(activity("a.work", retry=Retry(max=2, interval=1, rate=3)), actions)
    assert [(at, getattr(event, "again", None)) for at, event in found] == [(0, True), (1, True), (4, None)]
    actions = Actions(a_work=[Unavailable("down")])
    found = as_task(activity("a.work", retry=Retry(max=2, interval=1, rate=3)), actions)
    assert [(at, event.again) for at, event in found] == [(0, True), (1, True), (4, False)]
    assert [one.attempt for one in actions.calls] == [1, 2, 3]


def test_what_a_person_has_to_mend_is_not_tried_again() -> None:
    """An error that only a person can mend ends an activity at once, whatever its retry says."""
    retry = Retry(max=9, interval=1)
    [(_, event)] = as_task(activity("a.work", retry=retry), Actions(a_work=[MissingProgram("no scrot")]))
    assert event.again is False
    [(_, event)] = as_service(activity("s.one", retry=retry), Actions(s_one=[Serves(fails=MissingProgram("no Xvfb"))]))
    assert event.again is False


def test_tries_end_when_their_time_is_over() -> None:
    """With `within`, no try begins later than so long after the first."""
    found = as_task(
        activity("a.work", retry=Retry(max=99, interval=10, rate=1, within=25)), Actions(a_work=[Unavailable()])
    )
    assert [(at, event.again) for at, event in found] == [(0, True), (10, True), (20, False)]
    serves = Actions(s_one=[Serves(fails=NotReady())])
    found = as_service(activity("s.one", retry=Retry(max=99, interval=10, rate=1, within=25)), serves)
    assert [(at, event.again) for at, event in found] == [(0, True), (10, True), (20, False)]


def test_a_repeated_task_pauses_between_an_answer_and_the_next_call() -> None:
    """`every` is counted from the end of a round, so that a slow action is not hurried."""
    actions = Actions(a_work=[Takes(2.0)])
    as_task(activity("a.work", every=3.0, delay=1.0), actions, within=20)
    assert actions.times("a.work") == [1, 6, 11, 16]


def test_a_quiet_round_is_followed_by_a_longer_pause() -> None:
    """After the outcome `idle` the pause is `quiet`; without one it is `every`."""
    actions = Actions(a_work=[Completion("idle"), Completion("done"), Completion("idle")])
    as_task(activity("a.work", every=3.0, quiet=8.0), actions, within=20)
    assert actions.times("a.work") == [0, 8, 11, 19]
    actions = Actions(a_work=[Completion("idle")])
    as_task(activity("a.work", every=3.0), actions, within=7)
    assert actions.times("a.work") == [0, 3, 6]


def test_what_a_round_wants_to_know_is_given_to_the_next() -> None:
    """The memory of a round is that of the next; a round that says nothing of it leaves it as it was."""
    lines = [
        Completion(memory={"last": 1}),
        Completion(),
        Unavailable("down"),
        Completion(memory={"last": 2}),
        Completion(),
    ]
    actions = Actions(a_work=lines)
    as_task(activity("a.work", every=1.0), actions, within=9, last=0)
    assert [one.memory["last"] for one in actions.calls][:6] == [0, 1, 1, 1, 2, 2]


def test_what_a_round_leaves_open_lasts_until_the_activity_ends() -> None:
    """What is entered in the activity's scope is there in the next round, and closed when the activity is left."""
    rounds: list[str] = []

    class Opens(Actions):
        async def perform(self, call: Call) -> Completion:
            assert call.scope is not None
            if call.attempt == 1:
                call.scope.callback(rounds.append, "closed")
            rounds.append(f"round {call.attempt}")
            return Completion()

    as_task(activity("a.work", every=10.0), Opens(), within=25.0)
    assert rounds == ["round 1", "round 2", "round 3", "closed"]


class Hurries(Actions):
    """A task that hurries: during its rounds, or some time after them."""

    def __init__(self, *rounds: Any, after: float | None = None) -> None:
        super().__init__(a_work=list(rounds) or [Completion()])
        self._after = after

    async def perform(self, call: Call) -> Completion:
        if call.attempt == 1 and self._after is None:
            call.hurry()
            call.hurry()
        elif call.attempt == 1:
            asyncio.get_running_loop().call_later(self._after or 0.0, call.hurry)
            asyncio.get_running_loop().call_later(self._after or 0.0, call.hurry)
        return await super().perform(call)


def test_a_round_begins_at_once_when_there_is_something_to_hurry_for() -> None:
    """A pause is broken off once, however often it is asked for; the pauses after it are whole."""
    actions = Hurries(after=1.5)
    as_task(activity("a.work", every=10.0), actions, within=25)
    assert actions.times("a.work") == [0, 1.5, 11.5, 21.5]


def test_what_comes_up_during_a_round_is_seen_to_right_after_it() -> None:
    """To hurry before the pause begins leaves it out."""
    actions = Hurries()
    as_task(activity("a.work", every=10.0), actions, within=25)
    assert actions.times("a.work") == [0, 0, 10, 20]


def test_to_hurry_while_the_activity_ends_is_no_mistake() -> None:
    """What is being ended may still have news: they come too late, and that is all."""
    late: list[str] = []

    class HurriesAtItsEnd(Actions):
        async def perform(self, call: Call) -> Completion:
            def hurry() -> None:
                call.hurry()
                late.append("hurried")

            if call.attempt == 1:
                call.scope.callback(hurry)
            return await super().perform(call)

    as_task(activity("a.work", every=10.0), HurriesAtItsEnd(), within=5)
    assert late == ["hurried"]


def test_nothing_hurries_a_task_that_has_just_failed() -> None:
    """The pause after a failure, and one that was asked for, is kept to its end."""
    actions = Hurries(Unavailable("down"), Completion(), after=1.0)
    as_task(activity("a.work", every=3.0), actions, within=8)
    assert actions.times("a.work") == [0, 6]


def test_a_round_has_the_inputs_of_its_time() -> None:
    """Inputs are filled in anew before each repetition, from what they were."""

    async def refill(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"n": inputs.get("n", 0) + 1}

    actions = Actions()
    as_task(activity("a.work", every=10.0), actions, within=25, refill=refill)
    assert [one.inputs for one in actions.calls] == [{}, {"n": 1}, {"n": 2}]


def test_what_was_kept_in_the_middle_of_a_round_that_failed_is_there_in_the_next() -> None:
    """What an activity keeps is written at once, with its records, and is what the next round begins with."""
    kept: list[Any] = []

    def keep(memory: Mapping[str, Any], notes: Sequence[Any] = ()) -> None:
        kept.append((dict(memory), list(notes)))

    class Keeps(Actions):
        async def perform(self, call: Call) -> Completion:
            if call.attempt == 1:
                call.keep({"last": 7}, [("seen", {"n": 7})])
            return await super().perform(call)

    actions = Keeps(a_work=[Unavailable("down"), Completion(memory={"last": 8}), Completion()])
    as_task(activity("a.work", every=1.0), actions, within=5, keep=keep, last=0)
    assert [one.memory["last"] for one in actions.calls] == [0, 7, 8, 8]
    assert kept == [({"last": 7}, [("seen", {"n": 7})])]


def test_records_and_events_of_a_round_come_with_its_result() -> None:
    """What a round wants written down and what it has for the flow are part of one fact."""
    done = Completion(notes=[("seen", {"n": 1})], raised=[("tip", {"amount": 5})])
    [(_, event)] = as_task(activity("a.work"), Actions(a_work=[done]))
    assert (event.notes, event.raised) == ([("seen", {"n": 1})], [("tip", {"amount": 5})])


def test_a_repeated_task_that_fails_slows_down_and_recovers() -> None:
    """Pauses double with each failure up to a minute, and are as before after a success."""
    actions = Actions(a_work=[*[Unavailable("down")] * 7, Completion()])
    found = as_task(activity("a.work", every=3.0), actions, within=285)
    times = actions.times("a.work")
    assert [later - earlier for earlier, later in pairwise(times)][:9] == [6, 12, 24, 48, 60, 60, 60, 3, 3]
    assert all(event.again for _, event in found[:7])


def test_a_rare_task_that_fails_is_not_repeated_more_often() -> None:
    """A pause of more than a minute stays as it is."""
    actions = Actions(a_work=[Unavailable("down")])
    as_task(activity("a.work", every=180.0), actions, within=600)
    assert actions.times("a.work") == [0, 180, 360, 540]


def test_the_wait_that_was_asked_for_is_kept() -> None:
    """A Retry-After is waited for when it is longer than the pause."""
    error = RateLimited("slow down")
    error.retry_after = 100.0
    actions = Actions(a_work=[error, Completion()])
    as_task(activity("a.work", every=3.0), actions, within=110)
    assert actions.times("a.work")[:3] == [0, 100, 103]


def test_a_task_that_fails_for_days_is_still_repeated() -> None:
    """However often a repeated task has failed, it is tried again a minute later."""
    actions = Actions(a_work=[Unavailable("down")])
    as_task(activity("a.work", every=3.0), actions, within=3 * 86400)
    assert len(actions.calls) > 4000


# --- services -----------------------------------------------------------------------------------------------


def test_a_service_is_told_ready_and_gone() -> None:
    """A service brings back its value when it is ready, and why it ended after it is cleaned up."""
    actions = Actions(s_one=[Serves(ready_after=2, lives=10, ends_in=3, value={"display": ":99"})])
    assert as_service(activity("s.one"), actions) == [
        (2.0, events.ActivityReady("scope:it", 3, {"display": ":99"})),
        (15.0, events.ActivityExited("scope:it", 3, "it died")),
    ]
    assert actions.words() == ["s.one", "s.one ended"]


def test_a_service_that_is_not_ready_in_time_has_failed() -> None:
    """What a service raises while it starts is its failure."""
    [(at, event)] = as_service(activity("s.one"), Actions(s_one=[Serves(ready_after=2, fails=NotReady("no frames"))]))
    assert (at, event) == (2.0, events.ActivityFailed("scope:it", 3, "not_ready", "no frames"))


def test_a_service_is_started_again_with_longer_and_longer_waits() -> None:
    """With retry, ends and failures count together, each is told, and the last one ends it."""
    actions = Actions(s_one=[Serves(lives=5), Serves(fails=NotReady("no")), Serves(lives=5)])
    found = as_service(activity("s.one", retry=Retry(max=2, interval=1, rate=2)), actions)
    assert [(at, type(event).__name__) for at, event in found] == [
        (0, "ActivityReady"),
        (5, "ActivityFailed"),
        (6, "ActivityFailed"),
        (8, "ActivityReady"),
        (13, "ActivityExited"),
    ]
    assert found[1][1] == events.ActivityFailed("scope:it", 3, "exited", "it died", again=True)
    assert [one.attempt for one in actions.calls] == [1, 2, 3]


def test_a_service_that_proved_itself_starts_counting_anew() -> None:
    """A service that was ready for a minute has its tries back; one that was ready for less has not."""
    retry = Retry(max=1, interval=1, rate=1)
    steady = Actions(s_one=[*[Serves(lives=execute.STEADY)] * 5, Serves(lives=1)])
    as_service(activity("s.one", retry=retry), steady)
    assert len(steady.calls) == 6
    shaky = Actions(s_one=[Serves(lives=execute.STEADY - 1)])
    as_service(activity("s.one", retry=retry), shaky)
    assert len(shaky.calls) == 2


def test_a_service_that_cannot_be_ended_in_order_has_failed() -> None:
    """An error while a service is cleaned up is told, and does not end the run's driver."""

    class Broken(Actions):
        @asynccontextmanager
        async def serve(self, call: Call) -> AsyncIterator[Any]:
            async with super().serve(call) as running:
                yield running
            raise OSError("still there")

    found = as_service(activity("s.one"), Broken(s_one=[Serves(lives=1)]))
    assert found[-1][1].message == "s.one has a defect: OSError: still there"


@pytest.mark.parametrize("command", [activity("s.one"), activity("s.one", delay=50.0)])
def test_a_cancelled_service_is_cleaned_up_and_says_nothing(command: StartActivity) -> None:
    """A service whose state is left ends without an event."""
    actions = Actions(s_one=[Serves(ends_in=2)])
    found = as_service(command, actions, within=10)
    assert [type(event) for _, event in found] == ([] if command.delay else [events.ActivityReady])
    assert actions.alive == []


def test_a_service_that_has_done_its_work_exits_whatever_its_retry_says() -> None:
    """A film that is over is not shown again, and one that was killed is."""
    retry = Retry(max=5, interval=1)
    actions = Actions(s_one=[Serves(lives=60.0), Serves(lives=90.0, finishes=True)])
    found = as_service(activity("s.one", retry=retry), actions)
    assert [type(event) for _, event in found] == [
        *(events.ActivityReady, events.ActivityFailed),
        *(events.ActivityReady, events.ActivityExited),
    ]
    assert found[-1][1].reason == "it is done"


# --- defects ------------------------------------------------------------------------------------------------

Notes = list[tuple[str, dict[str, Any]]]


class Running:
    """A service that lives for a while, and then fails as nobody foresaw."""

    value: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, lives: float) -> None:
        self._lives = lives

    async def wait(self) -> str:
        """Raises after its life."""
        await asyncio.sleep(self._lives)
        raise FileNotFoundError(2, "No such file or directory", "/tmp/gone")


class Odd:
    """Does what it is told, in order; an exception is raised."""

    def __init__(self, *does: Exception | Completion | float) -> None:
        self._does = list(does)
        self.tries = 0

    def _next(self) -> Any:
        self.tries += 1
        does = self._does.pop(0) if len(self._does) > 1 else self._does[0]
        if isinstance(does, Exception):
            raise does
        return does

    async def perform(self, call: Call) -> Completion:
        """A task."""
        done: Completion = self._next()
        return done

    async def verify(self, call: Call) -> Completion | None:
        """A look-up."""
        self._next()
        return None

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A service, which lives for so many seconds."""

        @asynccontextmanager
        async def served() -> AsyncIterator[Service]:
            yield Running(self._next())

        return served()


def noting(notes: Notes, place: str = "on:it") -> Call:
    """A call from a place."""

    def note(event: str, **fields: object) -> None:
        notes.append((event, fields))

    return Call("r", place, 1, "studio.content", {}, {}, "key", note)


def outcomes(actions: Odd, notes: Notes, times: int, place: Callable[[int], str] = lambda _: "on:it") -> list[str]:
    """How so many performances ended: the kinds of their errors, or the outcome."""

    async def scene() -> list[str]:
        performs = execution(actions)
        done = [await performs.perform(noting(notes, place(number))) for number in range(times)]
        return [each.outcome if isinstance(each, Completion) else each.kind for each in done]

    return run(scene())


@pytest.mark.parametrize("defect", [FileNotFoundError(2, "gone"), KeyError("x"), RecursionError(), UnicodeError("x")])
def test_the_same_defect_three_times_is_for_a_person(defect: Exception) -> None:
    """It is told once, with the place, and its fault is the operator's, so that nothing is tried again."""
    notes: Notes = []
    assert outcomes(Odd(defect), notes, 5) == ["internal", "internal", "defect", "defect", "defect"]
    ((event, fields),) = notes
    assert (event, fields["kind"]) == ("notice", "defect")
    assert "on:it: studio.content has a defect" in fields["message"]
    assert f"{type(defect).__name__}" in fields["message"]
    assert LastingDefect.fault == "operator"


@pytest.mark.parametrize("between", [Completion(), Unavailable("the platform is down"), ValueError("another")])
def test_what_comes_between_begins_the_count_anew(between: Exception | Completion) -> None:
    """A success, an error that was foreseen, or another defect."""
    notes: Notes = []
    defect = KeyError("x")
    kinds = outcomes(Odd(defect, defect, between, defect, defect, Completion()), notes, 6)
    assert "defect" not in kinds
    assert notes == []


def test_places_are_counted_apart() -> None:
    """A defect here and one there are two."""
    notes: Notes = []
    assert set(outcomes(Odd(KeyError("x")), notes, 4, lambda number: f"on:{number % 2}")) == {"internal"}


def served(actions: Odd, within: float) -> tuple[list[Any], Notes]:
    """What a service with endless patience brings back within so many seconds."""
    notes: Notes = []

    async def scene() -> list[Any]:
        found: list[events.Event] = []
        command = StartActivity("on:it", 1, "studio.content", {}, {}, retry=Retry(600, 1.0, cap=2.0))
        work = execution(actions, found.append).service(command, noting(notes))
        task = asyncio.get_running_loop().create_task(work)
        await asyncio.wait([task], timeout=within)
        task.cancel()
        await asyncio.wait([task])
        return found

    return run(scene()), notes


@pytest.mark.parametrize("does", [KeyError("x"), 0.0, 5.0], ids=["at its start", "at once", "after a while"])
def test_a_service_with_600_retries_is_no_loop(does: Exception | float) -> None:
    """It is tried three times, not every two seconds for ever, and then its failure is routed."""
    actions = Odd(does)
    found, notes = served(actions, within=3600.0)
    assert actions.tries == execute.MOST_DEFECTS
    assert (found[-1].kind, found[-1].again) == ("defect", False)
    assert len(notes) == 1


def test_a_service_that_proved_itself_is_started_again() -> None:
    """One that fails now and then, after minutes, is not given up."""
    actions = Odd(300.0)
    found, notes = served(actions, within=3600.0)
    assert actions.tries > execute.MOST_DEFECTS
    assert all(event.again for event in found if isinstance(event, events.ActivityFailed))
    assert notes == []


# --- a machine that stands still ----------------------------------------------------------------------------


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps when the machine has stood still."""

    stood_still = 0.0

    def time(self) -> float:
        """The time with the standstills."""
        return super().time() + self.stood_still


class Interrupted(Actions):
    """Actions that are not far from their end when the machine stands still, for an hour."""

    async def perform(self, call: Call) -> Completion:
        await asyncio.sleep(0)
        vars(asyncio.get_running_loop())["stood_still"] += 3600.0
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().perform(call)


def test_a_machine_that_stands_still_uses_up_neither_a_try_nor_an_undo() -> None:
    """What was about to be done when it stood still is done after it; an undo may also be tried again."""

    async def scene() -> None:
        asyncio.get_running_loop().stood_still = 0.0  # type: ignore[attr-defined]
        actions = Interrupted(a_undo=[Unavailable("down"), Completion()])
        performs = execute.Execution(actions, {}, SystemClock(), lambda event: None)
        assert await performs.perform(replace(call("a.work"), per_try=20.0)) == Completion()
        undone = await performs.undo(call("a.undo"), Retry(max=1, interval=0))
        assert (undone["outcome"], len(actions.calls)) == ("done", 3)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scene())


def test_a_timeout_of_the_action_itself_is_not_the_end_of_its_time() -> None:
    """It says what it was."""

    async def scene() -> Any:
        actions = Actions(a_work=[TimeoutError("the other side")])
        performs = execution(actions)
        return await performs.perform(replace(call("a.work"), per_try=20.0))

    assert "TimeoutError: the other side" in run(scene()).message

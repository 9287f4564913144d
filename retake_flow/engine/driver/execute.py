"""Executes commands and posts their outcomes as events.

Each try of an action ends in time. A defect that repeats in one place becomes a `LastingDefect`, for a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import Finished, LastingDefect, RetakeFlowError, StoreError, TimedOut
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.flow.duration import exact
from retake_flow.flow.state_parts import Retry
from retake_flow.os_errors import as_our_error
from retake_flow.ports.actions import ActionRunner, Call, Clock, Completion
from retake_flow.run import events
from retake_flow.run.commands import SetTimer, StartAction, StartActivity
from retake_flow.run.events import Noted
from retake_flow.spans import Value, span
from retake_flow.tasks import TimeLimit, time_limit

#: Maps the last inputs of an activity to its new ones, once the run has taken its results so far.
Refill = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

#: A service that was ready for this long (seconds) counts as stable: its count of failures is reset.
STEADY = 60.0
#: A repeated task that keeps failing backs off, up to this pause (seconds).
SLOWEST = 60.0
#: A failure that is retried within this time (seconds) may still go unreported.
SOON = 60.0
#: The longest that one undo may take with all its retries, in seconds; the person who ends a stream waits for it.
UNDO_WITHIN = 75.0
#: How many times in a row the same defect may occur before retrying is left to a person.
MOST_DEFECTS: Final = 3


class Execution:
    """Performs the actions of a run, and posts their outcomes.

    Args:
        actions: Performs the actions.
        catalogue: Says which of them may be repeated.
        clock: Gives the time.
        post: Takes the events.
    """

    def __init__(
        self, actions: ActionRunner, catalogue: Catalogue, clock: Clock, post: Callable[[events.Event], None]
    ) -> None:
        self._actions = actions
        self._catalogue = catalogue
        self._clock = clock
        self._post = post
        self._defects: dict[str, tuple[str, int]] = {}  # the last one of each place, and how often in a row it occurred

    async def action(self, command: StartAction, call: Call) -> None:
        """Perform the action of a state once."""
        state, visit, attempt = command.state, command.visit, command.attempt
        done = await self.perform(call)
        if isinstance(done, Completion):
            self._post(events.ActionFinished(state, visit, attempt, done.outcome, done.value, done.memory, done.notes))
            return
        after, permanent = done.retry_after or 0.0, not done.may_repeat
        self._post(events.ActionFailed(state, visit, attempt, done.kind, done.message, done.hint, after, permanent))

    async def look_up(self, command: StartAction, call: Call) -> None:
        """Find out whether the action of a state was done before the process died; temporary errors are waited out."""
        state, visit, attempt = command.state, command.visit, command.attempt
        patience = _Patience(command.retry)
        while True:
            began = self._clock.now()
            try:
                done = await self._actions.verify(call)
                break
            except Exception as raised:
                error = self._error(raised, call)
            wait = patience.after(error, began, self._clock.now())
            if wait is None:
                self._post(events.ActionInDoubt(state, visit, attempt, error.message))
                return
            about = {"kind": error.kind, "message": error.message, "hint": error.hint}
            call.note("error", place=state, **about, failures=patience.failures)
            await self._pause(wait)
        if done is None:
            self._post(events.ActionNotDone(state, visit, attempt))
        else:
            self._post(events.ActionFinished(state, visit, attempt, done.outcome, done.value, done.memory))

    async def timer(self, command: SetTimer) -> None:
        """Wait for a time."""
        await self._clock.sleep_until(command.due)
        self._post(events.TimerFired(command.state, command.visit, command.purpose, command.due))

    async def task(self, command: StartActivity, call: Call, refill: Refill) -> None:
        """Perform a task as an activity: repeatedly when `every` is set, else once, with retries as `retry` says.

        `call` is its first performance; `refill` gives the current inputs of each repetition.
        """
        await self._pause(command.delay)
        async with AsyncExitStack() as scope:
            memory = _Memory(call)
            call = replace(call, scope=scope, keep=memory.keep)
            if command.every is None:
                await self._once(command, call, memory)
            else:
                await self._repeatedly(command, call, memory, command.every, refill)

    async def _once(self, command: StartActivity, call: Call, memory: _Memory) -> None:
        patience = _Patience(command.retry)
        while True:
            began = self._clock.now()
            done = await self.perform(call)
            if isinstance(done, Completion):
                self._post(_result_event(command, done))
                return
            wait = patience.after(done, began, self._clock.now())
            self._post(_failure(command, done, again=wait is not None, failures=_soon(patience.failures, wait)))
            if wait is None:
                return
            call = replace(call, attempt=call.attempt + 1, memory=memory.latest)
            await self._pause(wait)

    async def _repeatedly(
        self, command: StartActivity, call: Call, memory: _Memory, every: float, refill: Refill
    ) -> None:
        """Repeat a task. A failure does not end the repetition: the next rounds follow `retry`, then back off.

        While rounds fail, nothing hurries them.
        """
        failures = 0
        between = _Break()
        call = replace(call, hurry=between.cut_short)
        while True:
            between.begin_round()
            done = await self.perform(call)
            pause = every
            if isinstance(done, Completion):
                failures = 0
                self._post(_result_event(command, done))
                pause = command.quiet if done.outcome == "idle" and command.quiet is not None else every
                memory.latest = memory.latest if done.memory is None else done.memory
            else:
                failures += 1
                pause = _after_failure(command.retry, done, failures, every)
                self._post(_failure(command, done, again=True, failures=_soon(failures, pause)))
            await (self._pause(pause) if failures else between.wait(self._pause, pause))
            inputs = await refill(call.inputs)
            call = replace(call, attempt=call.attempt + 1, memory=memory.latest, inputs=inputs)

    async def service(self, command: StartActivity, call: Call) -> None:
        """Keep a service running; restart it as its `retry` says when it fails or ends."""
        key, visit = command.activity, command.visit
        await self._pause(command.delay)
        patience = _Patience(command.retry)
        while True:
            began = self._clock.now()
            ready_at: float | None = None
            try:
                async with AsyncExitStack() as stack:
                    async with self._time_limit(call):
                        running = await stack.enter_async_context(self._actions.serve(call))
                    ready_at = self._clock.now()
                    self._post(events.ActivityReady(key, visit, running.value))
                    reason = await running.wait()
                error: RetakeFlowError = _ServiceExited(reason)
                ended: events.Event = events.ActivityExited(key, visit, reason)
            except Exception as raised:
                if self._is_steady(ready_at):
                    self._defects.pop(call.place, None)
                error = self._error(raised, call)
                ended = _failure(command, error, again=False)
                if isinstance(error, Finished):
                    ended = events.ActivityExited(key, visit, error.message)
            if self._is_steady(ready_at):
                patience = _Patience(command.retry)
            wait = patience.after(error, began, self._clock.now())
            if wait is None:
                self._post(ended)
                return
            self._post(_failure(command, error, again=True))
            call = replace(call, attempt=call.attempt + 1)
            await self._pause(wait)

    def _is_steady(self, ready_at: float | None) -> bool:
        return ready_at is not None and self._clock.now() - ready_at >= STEADY

    async def undo(self, call: Call, retry: Retry | None) -> dict[str, Any]:
        """Perform an undo. Every error is retried, even one that only a person can fix, since no person is asked.

        Returns:
            How it ended, as fields of a record. A failed undo must not hide why the scope was left or block the next
            undo, so nothing is raised.
        """
        try:
            async with time_limit(UNDO_WITHIN) as limit:
                done = await self._try_undo(call, retry, limit)
        except TimeoutError:
            done = _TookTooLong(f"{call.do} took longer than {UNDO_WITHIN:g} s")
        if isinstance(done, Completion):
            return {"outcome": done.outcome, "result": done.value}
        return {"outcome": f"error.{done.kind}", "message": done.message}

    async def _try_undo(self, call: Call, retry: Retry | None, limit: TimeLimit) -> Completion | RetakeFlowError:
        while True:
            done = await self.perform(call)
            if (
                isinstance(done, Completion)
                or retry is None
                or done.unsure
                or not retry.covers(call.attempt, done.kind)
            ):
                return done
            wait = retry.wait(call.attempt, done.retry_after)
            if wait > limit.left:
                return done
            about = {"kind": done.kind, "message": done.message, "hint": done.hint}
            call.note("error", place=call.place, **about, failures=call.attempt)
            await self._clock.sleep_until(self._clock.now() + wait)
            call = replace(call, attempt=call.attempt + 1)

    async def perform(self, call: Call) -> Completion | RetakeFlowError:
        """The result of performing an action once; anything it raises becomes one of our errors."""
        # The rounds of an activity go on for hours: each has a trace of its own.
        apart = call.scope is not None and call.attempt > 1
        about: dict[str, Value] = {"retake_flow.place": call.place, "retake_flow.attempt": call.attempt}
        try:
            with span(call.do, about, apart=apart) as traced:
                done = await self._perform(call)
                traced.set("retake_flow.outcome", done.outcome)
        except RetakeFlowError as error:
            return error
        except Exception as raised:  # of the trace, or of an action that answers with something else
            return self._error(raised, call)
        self._defects.pop(call.place, None)
        return done

    async def _perform(self, call: Call) -> Completion:
        try:
            async with self._time_limit(call):
                return await self._actions.perform(call)
        except Exception as raised:
            raise self._error(raised, call) from raised

    @asynccontextmanager
    async def _time_limit(self, call: Call) -> AsyncIterator[None]:
        """Time out after the longest time of one try of this call."""
        if call.per_try is None:
            yield
            return
        try:
            async with time_limit(call.per_try) as limit:
                yield
        except TimeoutError:
            if limit.left > 0:
                raise
            error = TimedOut(f"{call.do} was ended after {exact(call.per_try)}")
            spec = self._catalogue.get(call.do)
            error.unsure = spec is None or spec.idempotency is not Idempotency.SAFE
            raise error from None

    def _error(self, raised: Exception, call: Call) -> RetakeFlowError:
        """The error to report for an exception; defects are counted."""
        error = as_our_error(raised, call.do)
        if error is raised or error.fault != "program":
            self._defects.pop(call.place, None)
            return error
        what = type(raised).__name__
        before, times = self._defects.get(call.place, ("", 0))
        times = times + 1 if what == before else 1
        self._defects[call.place] = what, times
        if times < MOST_DEFECTS:
            return error
        lasting = LastingDefect(f"{error.message}, {times} times in a row")
        if times == MOST_DEFECTS:
            with suppress(StoreError):  # the error itself is reported anyway
                call.note("notice", kind="defect", message=f"{call.place}: {lasting.message} ({lasting.hint})")
        return lasting

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep_until(self._clock.now() + seconds)
        else:
            await asyncio.sleep(0)


class _Memory:
    """The memory of an activity: what it kept last, during a performance or at its end."""

    def __init__(self, call: Call) -> None:
        self.latest = call.memory
        self._keep = call.keep

    def keep(self, memory: Mapping[str, Any], notes: Sequence[Noted] = ()) -> None:
        """Write it."""
        self._keep(memory, notes)
        self.latest = memory


def _after_failure(retry: Retry | None, error: RetakeFlowError, failures: int, every: float) -> float:
    """Seconds until the next round of a repeated task after this many failures in a row."""
    wait = Backoff(2 * every, cap=max(every, SLOWEST)).wait(failures, error.retry_after)
    if retry is None or not error.may_repeat or not retry.covers(failures, error.kind):
        return wait
    return min(wait, retry.wait(failures, error.retry_after))


class _ServiceExited(RetakeFlowError):
    """A service ended by itself."""

    kind = "exited"


class _Patience:
    """Counts failures and says how long to wait after each."""

    def __init__(self, retry: Retry | None) -> None:
        self._retry = retry
        self.failures = 0
        self._began: float | None = None

    def after(self, error: RetakeFlowError, began: float, now: float) -> float | None:
        """Seconds from `now` until the next try after one that `began` then, or None when there is none."""
        self.failures += 1
        self._began = began if self._began is None else self._began
        if self._retry is None or not error.may_repeat:
            return None
        return self._retry.next_wait(self.failures, error.kind, now, self._began, error.retry_after)


def _result_event(command: StartActivity, done: Completion) -> events.ActivityResulted:
    key, visit = command.activity, command.visit
    return events.ActivityResulted(key, visit, done.outcome, done.value, done.memory, done.notes, done.raised)


def _failure(
    command: StartActivity, error: RetakeFlowError, *, again: bool, failures: int = 0
) -> events.ActivityFailed:
    """The event for a failure; `failures` counts those of a task that is retried soon."""
    passing = failures if error.may_repeat else 0
    key, visit = command.activity, command.visit
    return events.ActivityFailed(key, visit, error.kind, error.message, error.hint, again, passing)


def _soon(failures: int, wait: float | None) -> int:
    """The number of failures if the retry comes within a minute; else 0, so that a long wait is reported at once."""
    return failures if wait is not None and wait <= SOON else 0


class _Break:
    """The pause between two rounds; the activity may cut it short, even before it begins."""

    def __init__(self) -> None:
        self._cut_short = False
        self._limit: asyncio.Timeout | None = None

    def begin_round(self) -> None:
        """Clear any request to hurry: the round that begins now handles it."""
        self._cut_short = False

    def cut_short(self) -> None:
        """Begin the next round at once."""
        if self._limit is not None and not self._cut_short:
            self._limit.reschedule(asyncio.get_running_loop().time())
        self._cut_short = True

    async def wait(self, pause: Callable[[float], Awaitable[None]], seconds: float) -> None:
        """Pause, unless cut short."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as self._limit:
                    await pause(0.0 if self._cut_short else seconds)
        finally:
            self._limit = None


class _TookTooLong(RetakeFlowError):
    """An undo did not end in its time."""

    kind = "timeout"

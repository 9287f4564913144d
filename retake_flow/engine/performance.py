"""Performing what commands ask for, and bringing back what came of it as events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from retake_flow.errors import RetakeFlowError
from retake_flow.flow.model import Retry
from retake_flow.ports.actions import ActionRunner, Call, Completion
from retake_flow.ports.clock import Clock
from retake_flow.run import events
from retake_flow.run.commands import SetTimer, StartAction, StartActivity

Post = Callable[[events.Event], None]

#: A service that was ready for this long (seconds) has proved itself: its count of failures begins anew.
STEADY = 60.0
#: A repeated task that keeps failing is repeated less and less often, but at least this often (seconds).
SLOWEST = 60.0
_MOST_DOUBLINGS = 16


async def action(command: StartAction, call: Call, actions: ActionRunner, post: Post) -> None:
    """Perform the action of a state once."""
    state, visit, attempt = command.state, command.visit, command.attempt
    done = await _performed(call, actions)
    if isinstance(done, Completion):
        post(events.ActionFinished(state, visit, attempt, done.outcome, done.value, done.memory))
        return
    after, permanent = done.retry_after or 0.0, _permanent(done)
    post(events.ActionFailed(state, visit, attempt, done.kind, done.message, done.hint, after, permanent))


async def look_up(command: StartAction, call: Call, actions: ActionRunner, post: Post) -> None:
    """Find out whether the action of a state was done before the process died."""
    state, visit, attempt = command.state, command.visit, command.attempt
    try:
        done = await actions.happened(call)
    except Exception as raised:
        post(events.ActionInDoubt(state, visit, attempt, known(raised, command.do).message))
        return
    if done is None:
        post(events.ActionNotDone(state, visit, attempt))
    else:
        post(events.ActionFinished(state, visit, attempt, done.outcome, done.value, done.memory))


async def timer(command: SetTimer, clock: Clock, post: Post) -> None:
    """Wait for a time."""
    await clock.sleep_until(command.due)
    post(events.TimerFired(command.state, command.visit, command.purpose))


async def task(command: StartActivity, call: Call, actions: ActionRunner, clock: Clock, post: Post) -> None:
    """Perform a task as an activity: again and again when it is to be repeated, else once, tried as `retry` says."""
    await _pause(clock, command.delay)
    async with AsyncExitStack() as scope:
        call = replace(call, scope=scope)
        if command.every is None:
            await _once(command, call, actions, clock, post)
        else:
            await _repeatedly(command, call, command.every, actions, clock, post)


async def _once(command: StartActivity, call: Call, actions: ActionRunner, clock: Clock, post: Post) -> None:
    patience = _Patience(command.retry)
    while True:
        began = clock.now()
        done = await _performed(call, actions)
        if isinstance(done, Completion):
            post(_resulted(command, done))
            return
        wait = patience.after(done, began, clock.now())
        post(_failed(command, done, again=wait is not None))
        if wait is None:
            return
        call = replace(call, attempt=call.attempt + 1)
        await _pause(clock, wait)


async def _repeatedly(
    command: StartActivity, call: Call, every: float, actions: ActionRunner, clock: Clock, post: Post
) -> None:
    """A failure does not end the repeating; it only makes it slower."""
    failures = 0
    while True:
        done = await _performed(call, actions)
        pause, at_least, memory = every, 0.0, call.memory
        if isinstance(done, Completion):
            failures = 0
            post(_resulted(command, done))
            pause = command.quiet if done.outcome == "idle" and command.quiet is not None else every
            memory = call.memory if done.memory is None else done.memory
        else:
            failures += 1
            post(_failed(command, done, again=True))
            at_least = done.retry_after or 0.0
        call = replace(call, attempt=call.attempt + 1, memory=memory)
        slower = min(pause * 2.0 ** min(failures, _MOST_DOUBLINGS), max(pause, SLOWEST))
        await _pause(clock, max(at_least, slower))


async def service(command: StartActivity, call: Call, actions: ActionRunner, clock: Clock, post: Post) -> None:
    """Keep a service going; start it again as its `retry` says when it fails or ends."""
    key, visit = command.activity, command.visit
    await _pause(clock, command.delay)
    patience = _Patience(command.retry)
    while True:
        began = clock.now()
        ready_at: float | None = None
        try:
            async with actions.serve(call) as running:
                ready_at = clock.now()
                post(events.ActivityReady(key, visit, running.value))
                reason = await running.ended()
            error: RetakeFlowError = _Exited(reason)
            ended: events.Event = events.ActivityExited(key, visit, reason)
        except Exception as raised:
            error = known(raised, command.do)
            ended = _failed(command, error, again=False)
        if ready_at is not None and clock.now() - ready_at >= STEADY:
            patience = _Patience(command.retry)
        wait = patience.after(error, began, clock.now())
        if wait is None:
            post(ended)
            return
        post(_failed(command, error, again=True))
        call = replace(call, attempt=call.attempt + 1)
        await _pause(clock, wait)


class _Exited(RetakeFlowError):
    """A service ended by itself."""

    kind = "exited"


class _Patience:
    """Counts the failures of an activity and says how long to wait after each."""

    def __init__(self, retry: Retry | None) -> None:
        self._retry = retry
        self._failures = 0
        self._began: float | None = None

    def after(self, error: RetakeFlowError, began: float, now: float) -> float | None:
        """Seconds from `now` until the next try after one that `began` then, or None when there is none."""
        self._failures += 1
        self._began = began if self._began is None else self._began
        retry = self._retry
        if retry is None or _permanent(error) or self._failures > retry.max:
            return None
        wait = retry.wait(self._failures, 0.0, error.retry_after or 0.0)
        late = retry.within is not None and now + wait > self._began + retry.within
        return None if late else wait


def known(error: Exception, do: str) -> RetakeFlowError:
    """An error as one of ours; a defect of an action must not take the run's driver with it."""
    if isinstance(error, RetakeFlowError):
        return error
    return RetakeFlowError(f"{do} has a defect: {type(error).__name__}: {error}")


async def _performed(call: Call, actions: ActionRunner) -> Completion | RetakeFlowError:
    try:
        return await actions.perform(call)
    except Exception as raised:
        return known(raised, call.do)


def _resulted(command: StartActivity, done: Completion) -> events.ActivityResulted:
    return events.ActivityResulted(command.activity, command.visit, done.outcome, done.value, done.memory)


def _failed(command: StartActivity, error: RetakeFlowError, *, again: bool) -> events.ActivityFailed:
    return events.ActivityFailed(command.activity, command.visit, error.kind, error.message, error.hint, again)


def _permanent(error: RetakeFlowError) -> bool:
    return error.fault == "operator"


async def _pause(clock: Clock, seconds: float) -> None:
    if seconds > 0:
        await clock.sleep_until(clock.now() + seconds)
    else:
        await asyncio.sleep(0)

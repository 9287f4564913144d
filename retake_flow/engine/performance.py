"""Performing what commands ask for, and bringing back what came of it as events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from retake_flow.errors import RetakeFlowError
from retake_flow.ports.actions import ActionRunner, Call, Completion
from retake_flow.ports.clock import Clock
from retake_flow.run import events
from retake_flow.run.commands import SetTimer, StartAction, StartActivity

Post = Callable[[events.Event], None]

#: A service that was ready for this long (seconds) has proved itself: its count of failures begins anew.
STEADY = 60.0
#: A repeated task that keeps failing is repeated less and less often, but at least this often (seconds).
SLOWEST = 60.0


async def action(command: StartAction, call: Call, actions: ActionRunner, post: Post) -> None:
    """Perform the action of a state once."""
    state, visit, attempt = command.state, command.visit, command.attempt
    try:
        done = await actions.perform(call)
    except Exception as raised:
        error = _known(raised, command.do)
        post(
            events.ActionFailed(
                state,
                visit,
                attempt,
                error.kind,
                error.message,
                error.hint,
                error.retry_after or 0.0,
                _permanent(error),
            )
        )
    else:
        post(events.ActionFinished(state, visit, attempt, done.outcome, done.value, done.memory))


async def timer(command: SetTimer, clock: Clock, post: Post) -> None:
    """Wait for a time."""
    await clock.sleep_until(command.due)
    post(events.TimerFired(command.state, command.visit, command.purpose))


async def task(command: StartActivity, call: Call, actions: ActionRunner, clock: Clock, post: Post) -> None:
    """Perform a task, again and again when it is to be repeated; a failure does not end the repeating."""
    key, visit = command.activity, command.visit
    await _pause(clock, command.delay)
    failures = 0
    while True:
        done = Completion()
        at_least = 0.0
        try:
            done = await actions.perform(call)
        except Exception as raised:
            error = _known(raised, command.do)
            failures, at_least = failures + 1, error.retry_after or 0.0
            again = command.every is not None
            post(events.ActivityFailed(key, visit, error.kind, error.message, error.hint, again))
        else:
            failures = 0
            post(events.ActivityResulted(key, visit, done.outcome, done.value, done.memory))
        if command.every is None:
            return
        call = replace(call, attempt=call.attempt + 1, memory=call.memory if done.memory is None else done.memory)
        pause = command.quiet if done.outcome == "idle" and command.quiet is not None else command.every
        slower = min(pause * 2.0**failures, max(pause, SLOWEST))
        await _pause(clock, max(at_least, slower))


async def service(command: StartActivity, call: Call, actions: ActionRunner, clock: Clock, post: Post) -> None:
    """Keep a service going; start it again as its `retry` says when it fails or ends."""
    key, visit = command.activity, command.visit
    await _pause(clock, command.delay)
    failures = 0
    while True:
        ready_at: float | None = None
        try:
            async with actions.serve(call) as running:
                ready_at = clock.now()
                post(events.ActivityReady(key, visit, running.value))
                reason = await running.ended()
            ended: events.Event = events.ActivityExited(key, visit, reason)
            failed = events.ActivityFailed(key, visit, "exited", reason, again=True)
            permanent = False
        except Exception as raised:
            error = _known(raised, command.do)
            failed = events.ActivityFailed(key, visit, error.kind, error.message, error.hint, again=True)
            ended, permanent = replace(failed, again=False), _permanent(error)
        if ready_at is not None and clock.now() - ready_at >= STEADY:
            failures = 0
        failures += 1
        if permanent or command.retry is None or failures > command.retry.max:
            post(ended)
            return
        post(failed)
        call = replace(call, attempt=call.attempt + 1)
        await _pause(clock, command.retry.wait(failures, 0.0))


def _known(error: Exception, do: str) -> RetakeFlowError:
    """An error as one of ours; a defect of an action must not take the run's driver with it."""
    if isinstance(error, RetakeFlowError):
        return error
    return RetakeFlowError(f"{do} has a defect: {type(error).__name__}: {error}")


def _permanent(error: RetakeFlowError) -> bool:
    return error.fault == "operator"


async def _pause(clock: Clock, seconds: float) -> None:
    if seconds > 0:
        await clock.sleep_until(clock.now() + seconds)
    else:
        await asyncio.sleep(0)

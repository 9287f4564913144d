"""Predicts activities while their states are active: programs that start and end, tasks that repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import floor

from retake_flow.engine.driver.execute import STEADY
from retake_flow.flow.action_spec import Catalogue
from retake_flow.run import events
from retake_flow.run.commands import StartActivity
from retake_flow.run.run import Run
from retake_flow.whatif.plan.plan import MOST_TURNS
from retake_flow.whatif.plan.prospects import Failure, Prospect, Prospects
from retake_flow.whatif.plan.step_log import StepLog

#: Schedules something after this many seconds.
Post = Callable[[float, Callable[[], None] | events.Event], None]


@dataclass(frozen=True, slots=True)
class _Round:
    """A repeated task: when it was last performed, and its pace."""

    command: StartActivity
    last: float
    pace: float


class ActivityPlan:
    """Starts activities and schedules what they do."""

    def __init__(
        self, catalogue: Catalogue, prospects: Prospects, diary: StepLog, post: Post, run: Callable[[], Run]
    ) -> None:
        self._catalogue = catalogue
        self._prospects = prospects
        self._diary = diary
        self._post = post
        self._run = run
        self._resting: dict[str, _Round] = {}

    def start(self, command: StartActivity) -> None:
        """Start an activity."""
        self._resting.pop(command.activity, None)
        self._begin(command, 1, 1)

    def anew(self, now: float) -> None:
        """Perform each repeated task once more, because its events may be routed differently in another state.

        While nothing changes, another round has no new effect.
        """
        for resting in self._resting.values():
            passed = floor((now - resting.last) / resting.pace) + 1
            due = resting.last + passed * resting.pace
            self._post(due - now, partial(self._perform, resting.command, due))
        self._resting.clear()

    def _begin(self, command: StartActivity, attempt: int, failures: int) -> None:
        """Begin the first attempt, or a retry; `failures` includes a failure of this attempt."""
        if attempt > 1 and not self._active(command):
            return
        prospect = self._prospects.of_action(command.activity, command.do, command.inputs)
        self._diary.activity(command, prospect, attempt)
        delay = command.delay if attempt == 1 else 0.0
        if not self._catalogue[command.do].service and command.every is not None:
            self._post(delay, partial(self._perform, command, self._diary.now + delay))
        elif prospect.failure is not None:
            self._post(delay, partial(self._on_failure, command, prospect.failure, attempt, failures))
        elif not self._catalogue[command.do].service:
            self._post(delay, self._result(command, prospect))
        elif prospect.outcome:
            self._post(delay, events.ActivityReady(command.activity, command.visit, prospect.value))
            if prospect.outcome == "exited":
                self._post(delay + STEADY, partial(self._on_exit, command, attempt))

    def _perform(self, command: StartActivity, at: float) -> None:
        if command.every is None or not self._active(command):
            return
        prospect = self._prospects.of_action(command.activity, command.do, command.inputs)
        idle = prospect.outcome == "idle" and command.quiet is not None
        pace = command.quiet if idle and command.quiet is not None else command.every
        if pace > 0:
            self._resting[command.activity] = _Round(command, at, pace)
        if prospect.failure is not None:
            self._post(0.0, self._failure(command, prospect.failure, again=True))
        else:
            self._post(0.0, self._result(command, prospect))

    def _on_failure(self, command: StartActivity, failed: Failure, attempt: int, failures: int) -> None:
        retry = command.retry
        again = retry is not None and not failed.permanent and retry.covers(failures, failed.kind)
        if not self._active(command):
            return
        self._diary.end(command.activity, failed.message, attempt)
        self._post(0.0, self._failure(command, failed, again=again))
        if again and retry is not None and attempt < MOST_TURNS:
            self._post(retry.wait(failures), partial(self._begin, command, attempt + 1, failures + 1))

    def _on_exit(self, command: StartActivity, attempt: int) -> None:
        """End a program by itself; it was ready long enough that its failures count from the start."""
        if not self._active(command):
            return
        self._diary.end(command.activity, "it exits", attempt)
        if command.retry is None or not command.retry.covers(1, "exited"):
            self._post(0.0, events.ActivityExited(command.activity, command.visit, "it has exited"))
            return
        self._post(0.0, self._failure(command, Failure("exited", "it has exited"), again=True))
        if attempt < MOST_TURNS:
            self._post(command.retry.wait(1), partial(self._begin, command, attempt + 1, 2))

    def _active(self, command: StartActivity) -> bool:
        doing = self._run().activities.get(command.activity)
        return doing is not None and doing.visit == command.visit

    def _result(self, command: StartActivity, prospect: Prospect) -> events.Event:
        return events.ActivityResulted(command.activity, command.visit, prospect.outcome, prospect.value)

    def _failure(self, command: StartActivity, failed: Failure, *, again: bool) -> events.Event:
        return events.ActivityFailed(command.activity, command.visit, failed.kind, failed.message, again=again)

"""Planner: drives the pure half of the engine and performs nothing."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import floor
from typing import Any, Final

from retake_flow.engine.core.external_events import expects
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.execute import STEADY
from retake_flow.errors import ExpressionError, UsageError
from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.calendar import describe
from retake_flow.flow.expressions.sandbox import work_done
from retake_flow.flow.model import Flow
from retake_flow.flow.names import OUTSIDE
from retake_flow.redact import scrub
from retake_flow.run import events
from retake_flow.run.commands import Command, Enter, Leave, Note, SetTimer, StartAction, StartActivity
from retake_flow.run.gates import Gate
from retake_flow.run.run import Run
from retake_flow.whatif.plan.assumptions import Assumptions, Failure, Prospect, Prospects
from retake_flow.whatif.plan.plan import MOST_TURNS, Plan, StepLog

#: The order of simultaneous events: consequences of the flow, assumptions, timers.
FACT, ASSUMED, DUE = range(3)
#: The most events in a plan.
MOST_STEPS: Final = 5_000
_MOST_WORK: Final = 10_000_000  # by its expressions: half a second
#: The name of the run.
RUN: Final = "‹run›"
_EXITED: Final = Failure("exited", "it has exited")
#: Schedules something after this many seconds.
Post = Callable[[float, Callable[[], None] | events.Event], None]


def plan(flow: Flow, catalogue: Catalogue, inputs: Mapping[str, Any], assumed: Iterable[str] = ()) -> Plan:
    """Plan a run.

    The assumptions are written `NAME=VALUE`; the inputs have their defaults filled in.

    Raises:
        UsageError: An assumption fits nothing in the flow, or made no difference.
    """
    catalogue = with_own(flow, catalogue)
    assumptions = Assumptions(assumed, flow, catalogue)
    made = Planner(flow, catalogue, assumptions, inputs).plan()
    if assumptions.unused:
        unused = " and ".join(map(repr, assumptions.unused))
        raise UsageError(
            f"assuming {unused} makes no difference", hint=f"the plan only passes {', '.join(made.states)}"
        )
    return made


class Planner:
    """Plans one run of a flow."""

    def __init__(self, flow: Flow, catalogue: Catalogue, assumptions: Assumptions, inputs: Mapping[str, Any]) -> None:
        self._flow = flow
        self._machine = Machine(flow, catalogue)
        self._assumptions = assumptions
        self._prospects = Prospects(catalogue, assumptions)
        self._queue: list[tuple[float, int, int, Callable[[], None]]] = []
        self._number = count()
        self._taken = 0
        self._work = work_done()
        self._last = 0.0
        self._set: dict[tuple[str, str], float] = {}
        self._log = StepLog(flow, catalogue, Run(RUN, flow.name, flow.digest, inputs))
        self._activity_plan = ActivityPlan(catalogue, self._prospects, self._log, self._post)

    @property
    def _run(self) -> Run:
        return self._log.run

    @property
    def _now(self) -> float:
        return self._log.now

    def plan(self) -> Plan:
        """Plan a run to its end, or until nothing more would happen."""
        self._take(events.Started())
        while self._queue and not self._run.has_ended and not self._exceeded_limit:
            self._log.now, _, _, happens = heapq.heappop(self._queue)
            happens()
        run = self._run
        return Plan(
            self._flow.name,
            self._log.steps,
            run.outcome,
            round(self._last, 3),
            run.state,
            scrub(run.reason) if run.has_ended else self._reason(),
            () if run.has_ended or self._exceeded_limit else self._expected_events(),
            self._assumptions.used,
        )

    def _expected_events(self) -> tuple[str, ...]:
        """The events from people or others that would continue the run."""
        asked = (answer for gate in self._run.gates.values() for answer in gate.decisions or ("answered",))
        declared = (name for name in self._flow.events if expects(self._machine.flow, self._run, name))
        return tuple(dict.fromkeys((*asked, *declared, *OUTSIDE)))

    @property
    def _exceeded_limit(self) -> str:
        """The limit of a plan that is exceeded; "" if none is."""
        if self._run.visits.get(self._run.state, 0) > MOST_TURNS or self._taken >= MOST_STEPS:
            return "it loops without end"
        return "its expressions take more work than a plan allows" if work_done() - self._work > _MOST_WORK else ""

    def _reason(self) -> str:
        if self._exceeded_limit:
            return self._exceeded_limit
        attempt = self._run.attempt
        if attempt is not None and attempt.number >= MOST_TURNS:
            return "it polls without end"
        if self._run.gates:
            return "it waits for an answer"
        return "nothing ends it"

    # --- time and events ----------------------------------------------------------------------------------

    def _post(self, after: float, happens: Callable[[], None] | events.Event, rank: int = FACT) -> None:
        what = happens if callable(happens) else partial(self._take, happens)
        heapq.heappush(self._queue, (self._now + after, rank, next(self._number), what))

    def _take(self, event: events.Event) -> None:
        """Apply an event to the flow, and follow the commands that result."""
        step = self._machine.step(self._run, event, self._now)
        if any(isinstance(command, Note) and command.event == "dropped" for command in step.commands):
            return
        self._taken += 1
        self._last = self._now
        self._record_event(event, step.commands)
        self._log.run = step.run
        for command in step.commands:
            self._follow(command, step.commands)
        if any(isinstance(command, Enter) for command in step.commands):
            self._activity_plan.anew()

    def _record_event(self, event: events.Event, commands: tuple[Command, ...]) -> None:
        """Record an event that the run will take, unless the steps that it begins show it already."""
        match event:
            case events.TimerFired(purpose=purpose) if purpose not in ("again", "wait"):
                delayed = self._run.delayed.get((event.state, purpose))
                if delayed is not None:
                    self._log.event(delayed.event)
                else:
                    after = self._now - self._set[event.state, purpose]
                    self._log.timer(event.state, purpose, after=round(after, 3))
            case events.StopRequested():
                self._log.event("stop")
            case events.Raised():
                self._log.event(event.name)
            case events.ActivityResulted() if any(isinstance(command, Leave | Enter) for command in commands):
                for name in self._raised_events(event):
                    self._log.event(name, activity=event.activity)

    def _raised_events(self, event: events.ActivityResulted) -> Iterator[str]:
        """The events that the result of an activity raises, as far as the result alone decides."""
        for raised, condition in self._flow.activity(event.activity).raises:
            with suppress(ExpressionError):
                if condition.holds({"result": event.value}):
                    yield raised

    # --- commands -----------------------------------------------------------------------------------------

    def _follow(self, command: Command, beside: tuple[Command, ...]) -> None:
        match command:
            case Enter():
                self._log.enter(command.state, command.visit)
                self._outside(command)
            case Leave():
                self._log.leave(command)
            case StartAction():
                self._action(command)
            case StartActivity():
                self._activity_plan.start(command)
            case SetTimer():
                self._timer(command)
            case Note(event="notice", fields=fields):
                self._log.notice(fields["message"])
            case Note(event="scene_set", fields=fields):
                self._log.scene(fields["to"])
            case Note(event="retry_scheduled", fields=fields):
                self._log.retry(fields["state"], fields["failures"], fields["after"])
            case Note(event="gate_opened", fields=fields) if fields["gate"] in self._run.gates:
                self._question(self._run.gates[fields["gate"]], beside)
            case _:
                pass

    def _action(self, command: StartAction) -> None:
        prospect = self._prospects.of_action(command.state, command.do, command.inputs)
        self._log.action(command, prospect)
        state, visit, attempt = command.state, command.visit, command.attempt
        failed = prospect.failure
        if failed is not None:
            self._post(
                0.0,
                events.ActionFailed(state, visit, attempt, failed.kind, failed.message, permanent=failed.permanent),
            )
        elif prospect.outcome and attempt < MOST_TURNS:
            self._post(0.0, events.ActionFinished(state, visit, attempt, prospect.outcome, prospect.value))

    def _timer(self, command: SetTimer) -> None:
        after = command.due - self._now
        self._set[command.state, command.purpose] = self._now
        if command.purpose == "wait":
            state = self._flow.states[command.state]
            wait = getattr(state, "wait", None)
            calendar = isinstance(wait, Mapping)
            until = {"until": describe(self._machine.fill(self._run, wait, state.root, self._now))} if calendar else {}
            self._log.timer(command.state, "wait", after=round(after, 3), **until)
        fired = events.TimerFired(command.state, command.visit, command.purpose, command.due)
        self._post(after, fired, DUE)

    def _question(self, gate: Gate, beside: tuple[Command, ...]) -> None:
        timers = (each for each in beside if isinstance(each, SetTimer) and each.state == gate.place)
        due = [timer.due for timer in timers if timer.purpose == "remind"]
        answer = self._prospects.of_question(gate, self._now)
        self._log.question(gate, answer, min(due) - self._now if due else None)
        if answer is not None:
            self._post(0.0, events.GateAnswered(gate.id, answer))

    def _outside(self, entered: Enter) -> None:
        """Schedule the event that is assumed to come from outside in a state."""
        place = self._assumptions.places.get(entered.state)
        end = self._assumptions.end(entered.state) if place is not None else ""
        if place is not None and end in place.external:
            event = events.StopRequested() if end == "stop" else events.Raised(end)
            self._post(0.0, partial(self._take_if_entered, entered, event), ASSUMED)

    def _take_if_entered(self, entered: Enter, event: events.Event) -> None:
        if self._run.state == entered.state and self._run.visits[entered.state] == entered.visit:
            self._take(event)


# --- activities -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Try:
    """A try of an activity's action.

    Attributes:
        failures: How many there are in a row if it fails too, counted from the try that began at `since`.
    """

    command: StartActivity
    number: int
    failures: int
    since: float


@dataclass(frozen=True, slots=True)
class _Round:
    """A repeated task: when it was last performed, and its pace."""

    command: StartActivity
    last: float
    pace: float


class ActivityPlan:
    """Predicts activities while their states are active: programs that start and end, tasks that repeat."""

    def __init__(self, catalogue: Catalogue, prospects: Prospects, log: StepLog, post: Post) -> None:
        self._catalogue = catalogue
        self._prospects = prospects
        self._log = log
        self._post = post
        self._resting: dict[str, _Round] = {}

    def start(self, command: StartActivity) -> None:
        """Start an activity."""
        self._resting.pop(command.activity, None)
        self._begin(_Try(command, 1, 1, self._log.now + command.delay), command.delay)

    def anew(self) -> None:
        """Perform each repeated task once more, because its events may be routed differently in another state.

        While nothing changes, another round has no new effect.
        """
        now = self._log.now
        for resting in self._resting.values():
            passed = floor((now - resting.last) / resting.pace) + 1
            due = resting.last + passed * resting.pace
            self._post(due - now, partial(self._perform, resting.command, due))
        self._resting.clear()

    def _begin(self, this: _Try, delay: float = 0.0) -> None:
        command, service = this.command, self._catalogue[this.command.do].service
        if this.number > 1 and not self._active(command):
            return
        prospect = self._prospects.of_action(command.activity, command.do, command.inputs)
        self._log.activity(command, prospect, this.number)
        if not service and command.every is not None:
            self._post(delay, partial(self._perform, command, self._log.now + delay))
        elif prospect.failure is not None:
            self._post(delay, partial(self._on_failure, this, prospect.failure))
        elif not service:
            self._post(delay, self._result(command, prospect))
        elif prospect.outcome:
            self._post(delay, events.ActivityReady(command.activity, command.visit, prospect.value))
            if prospect.outcome == "exited":
                # It is ready for long enough that its failures count from the start.
                steady = replace(this, failures=1, since=self._log.now + delay)
                self._post(delay + STEADY, partial(self._on_failure, steady, _EXITED))

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

    def _on_failure(self, this: _Try, failed: Failure) -> None:
        """Retry a task that has failed, or a program that has failed or ended by itself."""
        command, now = this.command, self._log.now
        if not self._active(command):
            return
        retry = None if failed.permanent else command.retry
        wait = None if retry is None else retry.next_wait(this.failures, failed.kind, now, this.since)
        self._log.end(command.activity, "it exits" if failed is _EXITED else failed.message, this.number)
        if wait is None and failed is _EXITED:
            self._post(0.0, events.ActivityExited(command.activity, command.visit, failed.message))
            return
        self._post(0.0, self._failure(command, failed, again=wait is not None))
        if wait is not None and this.number < MOST_TURNS:
            following = replace(this, number=this.number + 1, failures=this.failures + 1)
            self._post(wait, partial(self._begin, following))

    def _active(self, command: StartActivity) -> bool:
        doing = self._log.run.activities.get(command.activity)
        return doing is not None and doing.visit == command.visit

    def _result(self, command: StartActivity, prospect: Prospect) -> events.Event:
        return events.ActivityResulted(command.activity, command.visit, prospect.outcome, prospect.value)

    def _failure(self, command: StartActivity, failed: Failure, *, again: bool) -> events.Event:
        return events.ActivityFailed(command.activity, command.visit, failed.kind, failed.message, again=again)

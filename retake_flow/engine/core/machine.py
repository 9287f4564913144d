"""The pure half of the engine: a run and an event give a new run and commands."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from retake_flow.engine.core import gates, recovery, timers
from retake_flow.engine.core.chart import Chart
from retake_flow.engine.core.draft import OUTSIDE
from retake_flow.engine.core.step import Macrostep, as_expression_error, group
from retake_flow.errors import ExpressionError, fault_of
from retake_flow.flow.action_spec import Catalogue, with_own, with_retries
from retake_flow.flow.calendar import is_missed
from retake_flow.flow.model import ActionState, Activity, CompositeState, Flow, QuestionState, State, WaitState
from retake_flow.flow.state_parts import Ask
from retake_flow.quick_dataclasses import dataclass
from retake_flow.run import events
from retake_flow.run.commands import Command, Note
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import ActivityState, MutableRun, Phase, Run, Work

#: Events that a state waits for: it would be stuck if one were skipped.
_AWAITED = (
    events.ActionFinished,
    events.ActionFailed,
    events.GateAnswered,
    events.TimerFired,
    events.ActivityReady,
    events.ActivityExited,
    events.ActivityFailed,
)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one event: the new run and its commands."""

    run: Run
    commands: tuple[Command, ...]


class Machine:
    """Takes runs of one flow from event to event. It holds no run: one machine serves all runs of its flow."""

    def __init__(self, flow: Flow, catalogue: Catalogue | None = None, chart: Chart | None = None) -> None:
        """Make the machine of a flow.

        The catalogue gives the retries where the flow sets none, and what to do about an action that was in progress
        when its process died. The chart, which finds the routes, is built when omitted.
        """
        self._catalogue: Catalogue = with_own(flow, catalogue or {})
        self.flow = with_retries(flow, self._catalogue)
        self._chart = chart or Chart(flow)
        self._activities: Mapping[str, Activity] = {activity.key: activity for activity in self.flow.activities()}

    def step(self, run: Run, event: events.Event, now: float) -> Step:
        """Take one event through the flow, to completion; `now` is in seconds since the epoch.

        Returns:
            The new run and its commands, in order. When an expression cannot be evaluated, an event from outside is
            skipped, an event that a state waits for becomes `error.expression`, and an unrouted error ends the run
            as faulted.
        """
        macrostep = Macrostep(self.flow, self._chart, run, now)
        try:
            self._react(macrostep, event)
            macrostep.settle()
        except Exception as raised:  # even after a bug, everything that the run has begun must end cleanly
            return self._redo_as_fault(run, event, now, as_expression_error(raised))
        return Step(macrostep.run.freeze(), tuple(macrostep.commands))

    def _redo_as_fault(self, run: Run, event: events.Event, now: float, error: ExpressionError) -> Step:
        """Redo a failed step as a fault, so that half a step is never visible."""
        if isinstance(event, _AWAITED):
            with suppress(Exception):
                macrostep = Macrostep(self.flow, self._chart, run, now)
                self._react(macrostep, event)
                macrostep.fail(error)
                macrostep.settle()
                return Step(macrostep.run.freeze(), tuple(macrostep.commands))
        stops = isinstance(event, events.StopRequested)
        return self.end(run, error.message, now, outcome="stopped" if stops else "failed")

    def end(self, run: Run, why: str, now: float, *, outcome: str = "failed") -> Step:
        """End a run that cannot continue: all states are left in order, and no more expressions are evaluated."""
        macrostep = Macrostep(self.flow, self._chart, run, now)
        macrostep.end(outcome, why, Phase.CANCELLED if outcome == "stopped" else Phase.FAULTED)
        return Step(macrostep.run.freeze(), tuple(macrostep.commands))

    def refill_inputs(self, run: Run, key: str, inputs: Mapping[str, Any], now: float) -> Mapping[str, Any]:
        """The current inputs of a repeated activity; those that can no longer be filled in keep their last value.

        `inputs` are those of the last time.
        """
        activity = self._activities[key]
        draft = Macrostep(self.flow, self._chart, run, now)
        filled = dict(inputs)
        for name, value in activity.inputs.items():
            with suppress(ExpressionError):
                filled[name] = draft.fill(value, activity.root)
        return filled

    def fill(self, run: Run, value: Any, root: str, now: float) -> Any:
        """A value of the flow, or of the sub-flow at `root`, with its expressions filled in.

        Raises:
            ExpressionError: One of them cannot be evaluated.
        """
        return Macrostep(self.flow, self._chart, run, now).fill(value, root)

    def is_parked(self, run: Run) -> bool:
        """Whether a run only waits for a person, so that it needs no process meanwhile."""
        waiting = any(gate.place == run.state for gate in run.gates.values())
        busy = run.attempt is not None and run.attempt.open
        lively = (Work.STARTING, Work.READY)
        return (
            waiting
            and not busy
            and not any(
                doing.work in lively and self._activities[key].ask is None for key, doing in run.activities.items()
            )
        )

    def _react(self, macrostep: Macrostep, event: events.Event) -> None:
        if macrostep.run.has_ended or self._is_late(macrostep.run, event):
            macrostep.commands.append(Note("dropped", {"late": type(event).__name__}))
            return
        macrostep.source = self._source(macrostep.run, event)
        match event:
            case events.Started():
                macrostep.run.phase = Phase.RUNNING
                macrostep.enter_initial()
            case events.GateAnswered():
                self._on_answer(macrostep, macrostep.run.gates[event.gate], event.answer)
            case events.Resumed():
                recovery.resume(macrostep, self._catalogue, event)
            case events.TimerFired():
                self._on_timer(macrostep, event)
            case events.StopRequested():
                macrostep.signal({"reason": event.reason}, ("stop", ""))
            case events.Raised() if timers.is_extension(self.flow, event.name):
                self._extend(macrostep, event.data)
            case events.Raised():
                macrostep.signal_from_outside(event.data, (event.name, ""))
            case _ if isinstance(event, events.ActionEvent):
                self._react_to_action(macrostep, event)
            case _:
                self._react_to_activity(macrostep, event)

    @staticmethod
    def _extend(macrostep: Macrostep, data: Mapping[str, Any]) -> None:
        try:
            timers.extend(macrostep, data)
        except ExpressionError as error:
            macrostep.skip_event(timers.EXTEND, error)

    def _source(self, run: MutableRun, event: events.Event) -> str:
        """The path of the state or the key of the activity that an event comes from, or `OUTSIDE`."""
        if isinstance(event, events.ActivityEvent):
            return event.activity
        if isinstance(event, events.ActionEvent | events.TimerFired):
            return event.state
        if isinstance(event, events.GateAnswered):
            return run.gates[event.gate].place
        return event.by if isinstance(event, events.Raised) and event.by in self._activities else OUTSIDE

    def _react_to_action(self, macrostep: Macrostep, event: events.ActionEvent) -> None:
        match event:
            case events.ActionFinished():
                self._on_action_finished(macrostep, event)
            case events.ActionFailed():
                self._on_action_failed(macrostep, event)
            case events.ActionNotDone():
                macrostep.try_action(self._action_state(event.state))
            case events.ActionInDoubt():
                recovery.ask(macrostep, self._action_state(event.state), event.message)

    def _react_to_activity(self, macrostep: Macrostep, event: events.Event) -> None:
        match event:
            case events.ActivityReady():
                macrostep.set_activity(event.activity, ActivityState(event.visit, Work.READY, event.value))
                macrostep.begin_activities()
                macrostep.begin_action()
                macrostep.signal({"result": event.value}, (self._own_event(event.activity, "ready"), ""))
            case events.ActivityResulted():
                self._on_result(macrostep, event)
            case events.ActivityExited():
                self._end_activity(macrostep, event.activity)
                macrostep.signal({"reason": event.reason}, (self._own_event(event.activity, "exited"), ""))
            case events.ActivityFailed():
                self._on_activity_failed(macrostep, event)

    def _is_late(self, run: MutableRun, event: events.Event) -> bool:
        """Whether an event replies to a command of a visit that is over."""
        if isinstance(event, events.ActionEvent):
            number = run.attempt.number if run.attempt else 0
            return (run.state, run.visits.get(event.state), number) != (event.state, event.visit, event.attempt)
        if isinstance(event, events.ActivityEvent):
            known = run.activities.get(event.activity)
            return known is None or known.visit != event.visit
        if isinstance(event, events.TimerFired):
            due = run.timers.get((event.state, event.purpose))
            visit = run.visits.get(event.state.partition(":")[0], 0)
            return due is None or event.due not in (None, due) or visit != event.visit
        return isinstance(event, events.GateAnswered) and event.gate not in run.gates

    # --- the action of a state ------------------------------------------------------------------------------

    def _on_action_finished(self, macrostep: Macrostep, event: events.ActionFinished) -> None:
        run = macrostep.run
        state = self._action_state(event.state)
        run.outputs = {**run.outputs, state.path: event.value}
        if event.memory is not None:
            run.memory = {**run.memory, group(state.do): event.memory}
        if run.attempt is not None:
            run.attempt = replace(run.attempt, failures=0, open=False)
        names = {**macrostep.names(state.root), "result": event.value}
        try:
            again = state.poll if state.poll is not None and not state.poll.until.holds(names) else None
            wait = None if again is None else macrostep.seconds(again.every, state.root)
        except ExpressionError as error:
            macrostep.fail(error)
            return
        if wait is not None:
            macrostep.start_timer(state.path, "again", wait)
        else:
            macrostep.signal({"result": event.value}, (event.outcome, ""))

    def _on_action_failed(self, macrostep: Macrostep, event: events.ActionFailed) -> None:
        run = macrostep.run
        state = self._action_state(event.state)
        if run.attempt is not None:
            run.attempt = replace(run.attempt, open=False)
        try:
            wait = None if event.permanent else self._retry_wait(macrostep, state, event)
        except ExpressionError as error:
            macrostep.fail(error)
            return
        if wait is not None and run.attempt is not None:
            run.attempt = replace(run.attempt, failures=run.attempt.failures + 1)
            macrostep.start_timer(state.path, "again", wait)
            fields = {"state": state.path, "after": round(wait, 3), "failures": run.attempt.failures}
            macrostep.commands.append(Note("retry_scheduled", fields))
            return
        macrostep.may_retry = not event.permanent and fault_of(event.kind) != "operator"
        macrostep.signal(_error(event), (f"error.{event.kind}", ""))

    def _retry_wait(self, macrostep: Macrostep, state: ActionState, event: events.ActionFailed) -> float | None:
        """Seconds until the next try, or None when there is none."""
        retry, attempt = macrostep.retry(state.retry, state.root), macrostep.run.attempt
        if retry is None or attempt is None:
            return None
        # The spread is derived from the run, so that a step stays a function of its arguments.
        spread = random.Random(f"{macrostep.run.id}/{state.path}/{event.visit}/{event.attempt}").random()
        at_least, since = event.retry_after, attempt.since
        wait = retry.next_wait(attempt.failures + 1, event.kind, macrostep.now, since, at_least, spread)
        return wait if wait is not None and macrostep.can_repeat(state) else None

    def _on_timer(self, macrostep: Macrostep, event: events.TimerFired) -> None:
        late = macrostep.now - macrostep.run.timers[event.state, event.purpose]
        macrostep.forget_timers(event.state, (event.purpose,))
        if timers.raise_due_event(macrostep, event.state, event.purpose):
            return
        place, root, question = self._question(event.state)
        match event.purpose:
            case "again":
                if macrostep.run.attempt is not None and event.state == macrostep.run.state:
                    macrostep.try_action(self._action_state(event.state))
            case "wait" if isinstance(place, WaitState) and is_missed(place.wait, late):
                macrostep.start_timer(event.state, "wait", macrostep.seconds(place.wait, root))
            case "wait":
                macrostep.signal({}, ("done", event.state))
            case "retry" if isinstance(place, CompositeState):
                macrostep.enter_anew(place)
            case "remind" | "escalate" if question is not None:
                repeat = gates.remind if event.purpose == "remind" else gates.escalate
                try:
                    repeat(macrostep, event.state, question, root)
                except ExpressionError as error:
                    macrostep.fail(error)
            case _ if question is not None:
                self._on_expiry(macrostep, event.state, place)
            case _:
                macrostep.signal({}, (event.purpose, event.state))

    # --- questions ------------------------------------------------------------------------------------------

    def _question(self, place: str) -> tuple[State | Activity, str, Ask | None]:
        """The state or activity at a place, its sub-flow, and its question."""
        found: State | Activity = self._activities[place] if ":" in place else self.flow.states[place]
        return found, found.root, found.ask if isinstance(found, QuestionState | Activity) else None

    def _action_state(self, path: str) -> ActionState:
        state = self.flow.states[path]
        if not isinstance(state, ActionState):
            raise TypeError(f"{path} performs no action")
        return state

    def _on_expiry(self, macrostep: Macrostep, place: str, asker: State | Activity) -> None:
        gates.expire(macrostep, place)
        if isinstance(asker, Activity):
            self._end_activity(macrostep, place)
            macrostep.signal({}, (f"{asker.name}.timeout", ""))
        else:
            macrostep.signal({}, ("timeout", place))

    def _on_answer(self, macrostep: Macrostep, gate: Gate, answer: Answer) -> None:
        asker, _, question = self._question(gate.place)
        result = gates.accept_answer(macrostep, gate, answer)
        if question is None:
            recovery.apply_answer(macrostep, self._action_state(gate.place), self._catalogue, answer.decision)
        elif isinstance(asker, Activity):
            macrostep.set_activity(gate.place, ActivityState(gate.visit, Work.READY, result))
            macrostep.begin_activities()
            macrostep.begin_action()
            macrostep.signal({"result": result}, (f"{asker.name}.{answer.decision or 'answered'}", ""))
        else:
            macrostep.run.outputs = {**macrostep.run.outputs, gate.place: result}
            macrostep.signal({"result": result}, (answer.decision or "answered", ""))

    # --- activities -----------------------------------------------------------------------------------------

    def _on_result(self, macrostep: Macrostep, event: events.ActivityResulted) -> None:
        run = macrostep.run
        activity = self._activities[event.activity]
        if event.memory is not None:
            run.memory = {**run.memory, group(activity.do): event.memory}
        if activity.every is None:
            self._end_activity(macrostep, event.activity)
        names = {**macrostep.names(activity.root), "result": event.value}
        for raised, condition in activity.raises:
            try:
                if condition.holds(names):
                    macrostep.signal_from_outside({"result": event.value}, (raised, ""))
            except ExpressionError as error:
                macrostep.skip_event(raised, error)
        for name, data in event.raised:
            own = self._own_event(event.activity, name)
            if self._chart.expects(own) or self._chart.expects(name):
                macrostep.signal_from_outside(data, (own, ""), (name, ""))

    def _on_activity_failed(self, macrostep: Macrostep, event: events.ActivityFailed) -> None:
        activity = self._activities[event.activity]
        own = (f"{activity.name}.error.{event.kind}", "")
        if event.again:
            # Anything that needs it must wait until it is ready again.
            macrostep.set_activity(event.activity, ActivityState(event.visit, Work.STARTING))
            if self._chart.expects(own[0]):
                macrostep.signal(_error(event), own)
            return
        self._end_activity(macrostep, event.activity)
        macrostep.may_retry = fault_of(event.kind) != "operator"
        # An unexpected error of an activity is an error of its state, unless the state goes on without it.
        spec = self._catalogue.get(activity.do)
        whole = () if spec is not None and spec.beside else ((f"error.{event.kind}", activity.scope),)
        macrostep.signal(_error(event), own, *whole)

    def _own_event(self, key: str, what: str) -> str:
        return f"{self._activities[key].name}.{what}"

    @staticmethod
    def _end_activity(macrostep: Macrostep, key: str) -> None:
        # It stays recorded, since it must not start again before its state is entered again.
        macrostep.set_activity(key, ActivityState(macrostep.run.activities[key].visit, Work.ENDED))


def _error(event: events.ActionFailed | events.ActivityFailed) -> dict[str, Any]:
    message = f"{event.message} ({event.hint})" if event.hint else event.message
    return {"kind": event.kind, "fault": fault_of(event.kind), "message": message}

"""Macrostep: takes one event through the flow until the run comes to rest.

Read it from top to bottom: signals (what has happened, and which route takes it), transitions (the states left and
entered, with their effects), ends, and the work that a state begins: its action and its activities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from typing import Any, assert_never

from retake_flow.engine.core import gates, timers
from retake_flow.engine.core.draft import Draft
from retake_flow.errors import ExpressionError
from retake_flow.flow.fields import read
from retake_flow.flow.graph.exit_entry_sets import Change, Enter, Leave, Perform, SetUp
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    HistoryState,
    QuestionState,
    RestingState,
    State,
    SubFlowState,
    WaitState,
)
from retake_flow.flow.names import ANY, RETRY, SEPARATOR, SKIPPED, matches
from retake_flow.flow.state_parts import Route
from retake_flow.run import commands
from retake_flow.run.commands import EndRun, Note, StartAction, StartActivity
from retake_flow.run.run import ActivityState, Attempt, Local, MutableRun, PendingUndo, Phase, Work

#: The most transitions that may follow one event: without a change of a variable, and in total.
_LONGEST_CYCLE = 100
_LONGEST_CHAIN = 1_000
_SHOWN_OF_CHAIN = 10


def group(action: str) -> str:
    """The group of an action, such as `chat` for `chat.respond`; its actions share one memory."""
    return action.partition(".")[0]


def as_expression_error(raised: Exception) -> ExpressionError:
    """The error of the flow for an exception in a step; a bug is reported as such."""
    if isinstance(raised, ExpressionError):
        return raised
    return ExpressionError(f"a defect of retake-flow: {type(raised).__name__}: {raised}")


class Macrostep(Draft):
    """Takes signals through the flow one by one until none is left."""

    #: Whether the innermost state was entered but has not begun its own work.
    _arrived = False

    # --- signals ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Take all signals through the flow, then begin the work of the state in which it comes to rest."""
        self._rest()
        while self._from_outside and not self.run.has_ended:
            event, candidates = self._from_outside.pop(0)
            with self._atomically(candidates[-1][0]):
                self._dispatch(event, candidates)
                self._rest()

    @contextmanager
    def _atomically(self, event: str) -> Iterator[None]:
        before, arrived, count = self.run.freeze(), self._arrived, len(self.commands)
        try:
            yield
        except Exception as raised:  # nothing that a viewer writes may end the stream
            self.run, self._arrived, self._active = MutableRun(before), arrived, None
            self._signals.clear()
            del self.commands[count:]
            self.skip_event(event, as_expression_error(raised))

    def skip_event(self, event: str, error: ExpressionError) -> None:
        """Record that an event from outside changes nothing, since an expression on its way cannot be evaluated.

        A state may route that as `skipped.NAME`.
        """
        message = f"the event {event!r} is skipped: {error.message}"
        about = {"place": self.run.state, "kind": error.kind, "message": message, "hint": "correct that expression"}
        self.commands.append(Note("error", about))
        name = f"{SKIPPED}.{event}"
        if not matches(SKIPPED, event) and self.chart.is_named(name):
            self.signal_from_outside({"kind": error.kind, "message": error.message}, (name, ""))

    def fail(self, error: ExpressionError, *own: tuple[str, str]) -> None:
        """Turn an expression that cannot be evaluated into an error that the flow may route, in place of what was next.

        `own` are more specific names of that error, as for `signal`.
        """
        self._signals.clear()
        self._from_outside.clear()
        about = {"source": self.run.state, "kind": error.kind, "fault": error.fault, "message": error.message}
        self.signal(about, *own, ("error.expression", own[-1][1] if own else ""))

    def _rest(self) -> None:
        """Continue until no signal is left and the innermost state does its work."""
        chain: list[str] = []
        known, fruitless = self._visible_data(), 0
        while not self.run.has_ended:
            if self._advance():
                chain.append(self.run.state)
            elif self._arrived:
                self._arrived = False
                self._begin_state()
            else:
                return
            before, known = known, self._visible_data()
            fruitless = fruitless + 1 if known == before else 0
            for length, most in ((fruitless, _LONGEST_CYCLE), (len(chain), _LONGEST_CHAIN)):
                if length > most:
                    cycle = " → ".join(dict.fromkeys(chain[-_SHOWN_OF_CHAIN:]))
                    raise ExpressionError(f"more than {most} transitions followed from one event: {cycle}")

    def _visible_data(self) -> tuple[Any, Any]:
        """The data that guards can see change while only transitions happen."""
        return self.run.vars, self.run.locals

    def _advance(self) -> bool:
        """Take an eventless transition, or else the next signal; returns whether there was one."""
        route = self.chart.take(self.run.state, "", "", self.names)
        if route is not None:
            self._follow(route)
        elif self._signals:
            self._dispatch(*self._signals.pop(0))
        else:
            return False
        return True

    def _dispatch(self, event: Mapping[str, Any], candidates: tuple[tuple[str, str], ...]) -> None:
        for name, origin in candidates:
            self._event = {**event, "name": name}
            route = self.chart.take(self.run.state, name, origin, self.names)
            if timers.schedule_retry(self, name, origin, route):
                return
            if route is not None and not (route.event == ANY and matches(SKIPPED, name)):
                self._follow(route)
                return
        self._react_unrouted(candidates[-1][0], event)

    def _react_unrouted(self, name: str, event: Mapping[str, Any]) -> None:
        if name == "stop":
            self._finish_run("stopped", str(event.get("reason", "")), Phase.CANCELLED)
        elif name == "error" or name.startswith("error."):
            self._finish_run("failed", str(event.get("message", name)), Phase.FAULTED)
        elif not name.endswith(".ready"):
            self.commands.append(Note("ignored", {"name": name, "state": self.run.state}))

    # --- transitions --------------------------------------------------------------------------------------

    def enter_initial(self) -> None:
        """Enter the initial states."""
        self._apply(Change.at_start(self.flow))

    def _follow(self, route: Route) -> None:
        self._apply(Change.by_route(self.flow, route, self.run.state, self.run.history))

    def _apply(self, change: Change) -> None:
        for step in change.steps:
            match step:
                case Perform():
                    self._active = step.active  # `in()` no longer sees the states whose exit effects were performed
                    self._perform(step)
                case Leave():
                    self._leave(step.path)
                case Enter():
                    self._active = None
                    self._enter(step.path)
                case SetUp():
                    self._set_up(step.state)
                case _:
                    assert_never(step)
        self._active = None

    def enter_anew(self, state: CompositeState) -> None:
        """Leave a state that contains states and enter it again, after an error inside."""
        if state.again is not None:
            retries = self.run.retries
            self._event = {"name": RETRY, "source": state.path, "at": self.now}
            self._follow(state.again)
            self.run.retries = {**self.run.retries, state.path: retries[state.path]}

    def _leave(self, path: str) -> None:
        """Leave one state: end what it started, and perform its undos."""
        run = self.run
        owed = tuple(reversed([undo for undo in run.undos if undo.scope == path]))
        self.commands.append(commands.Leave(path, run.visits[path], owed))
        prefix = path + ":"
        if path == run.state:
            run.attempt = None
        if path in self.chart.remembered:
            run.history = {**run.history, path: run.state}
        gates.close(self, lambda place: place == path or place.startswith(prefix))
        run.timers = {at: due for at, due in run.timers.items() if at[0] != path and not at[0].startswith(prefix)}
        run.delayed = {at: raised for at, raised in run.delayed.items() if at in run.timers}
        if path in run.retries:
            run.retries = {other: retried for other, retried in run.retries.items() if other != path}
        if path in run.locals:
            run.locals = {root: local for root, local in run.locals.items() if root != path}
        if self.flow.states[path].activities:
            run.activities = {key: doing for key, doing in run.activities.items() if not key.startswith(prefix)}
        if owed:
            run.undos = tuple(undo for undo in run.undos if undo.scope != path)
            run.undoing = (*run.undoing, *owed)

    def _enter(self, path: str) -> None:
        """Enter one state; the innermost begins its work once no route leads away."""
        visits = {**self.run.visits, path: self.run.visits.get(path, 0) + 1}
        self.run.state, self.run.visits, self.run.attempt = path, visits, None
        self.commands.append(commands.Enter(path, visits[path]))
        self._arrived = True

    def _set_up(self, state: State) -> None:
        if isinstance(state, SubFlowState):
            self._begin_flow(state)
        if state.timeout is not None:
            self.start_timer(state.path, "timeout", self.seconds(state.timeout, state.root))

    def _begin_flow(self, state: SubFlowState) -> None:
        """Give a sub-flow its inputs; it sees nothing of earlier visits."""
        schemas = {name: given.schema for name, given in state.sub.inputs.items()}
        found = read(schemas, self.fill(state.inputs, state.root))
        problems = [*(f"{name} {said}" for name, said in found.unfit.items()), *found.missing]
        if problems:
            message = f"the flow {state.sub.name!r} does not get the inputs it needs: {'; '.join(problems)}"
            raise ExpressionError(message)
        inside = state.path + SEPARATOR
        self.run.history = {path: last for path, last in self.run.history.items() if not path.startswith(inside)}
        self.run.outputs = {path: value for path, value in self.run.outputs.items() if not path.startswith(inside)}
        before = {path: times for path, times in self.run.visits.items() if path.startswith(inside)}
        self.run.locals = {**self.run.locals, state.path: Local(found.values, {}, before)}

    def _perform(self, step: Perform) -> None:
        """Perform effects.

        Each sets variables, cancels and raises events, notifies the operator, and changes the scene of the stage, in
        this order, if its condition holds by then.
        """
        for effect in step.effects:
            if effect.condition is not None and not effect.condition.holds(self.names(step.root)):
                continue
            if effect.set:
                self.assign(self.fill(effect.set, step.root), step.root)
            for event in effect.cancels:
                timers.cancel_event(self, event)
            for each in effect.raises:
                timers.raise_event(self, each, step.root, step.scope)
            if effect.tell is not None:
                message = str(self.fill(effect.tell.message, step.root))
                self.commands.append(Note("notice", {"kind": effect.tell.kind, "message": message}))
            if effect.scene:
                self.commands.append(Note("scene_set", {"to": effect.scene}))

    # --- ends ---------------------------------------------------------------------------------------------

    def _reach_final(self, state: FinalState) -> None:
        """A final state ends the run, or is an event of the state that it ends."""
        # When a stop leads to an end without a reason, the reason is the stop's.
        asked = str(self._event.get("reason", "")) if self._event.get("name") == "stop" else ""
        reason = asked if state.reason is None else str(self.fill(state.reason, state.root))
        if not state.ends:
            self._finish_run(state.final, reason, Phase.FAULTED if state.fails else Phase.COMPLETED)
            return
        if not state.ends_flow:
            self.signal({"source": state.path, "reason": reason, "message": reason}, (state.final, state.ends))
            return
        if state.fails and timers.schedule_retry_of(self, self.flow.states[state.ends], state.final):
            return
        within = self.chart.paths[state.root].items()
        result = {name: self.run.outputs[path] for name, path in within if path in self.run.outputs}
        self.run.outputs = {**self.run.outputs, state.root: result}
        ended = {"source": state.path, "result": result, "reason": reason, "message": reason}
        self.signal(ended, (state.final, state.root))

    def _finish_run(self, outcome: str, reason: str, phase: Phase) -> None:
        self._apply(Change.at_end(self.flow, self.run.state))
        self._end_run(outcome, reason, phase)

    def end(self, outcome: str, reason: str, phase: Phase) -> None:
        """Leave all states without their effects, and end the run."""
        for path in Change.at_end(self.flow, self.run.state).left:
            self._leave(path)
        self._end_run(outcome, reason, phase)

    def _end_run(self, outcome: str, reason: str, phase: Phase) -> None:
        owed = tuple(reversed(self.run.undos))
        if owed:
            self.commands.append(commands.Leave("", 0, owed))
        self.run.outcome, self.run.reason, self.run.phase, self.run.undos = outcome, reason, phase, ()
        self.run.undoing = (*self.run.undoing, *owed)
        self.run.timers, self.run.delayed = {}, {}
        self.commands.append(EndRun(outcome, self.run.state, reason))

    # --- the work of a state ------------------------------------------------------------------------------

    def _begin_state(self) -> None:
        self.begin_activities()
        self.run.phase = Phase.RUNNING
        state = self.flow.states[self.run.state]
        match state:
            case ActionState():
                if state.poll is not None and state.poll.timeout is not None:
                    due = self.now + self.seconds(state.poll.timeout, state.root)
                    if due < self.run.timers.get((state.path, "timeout"), inf):
                        self.set_timer(state.path, "timeout", due)
                self.begin_action()
            case QuestionState():
                self.run.phase = Phase.WAITING
                gates.ask(self, state.path, state.ask, state.root)
            case WaitState():
                self.start_timer(state.path, "wait", self.seconds(state.wait, state.root))
            case FinalState():
                self._reach_final(state)
            case CompositeState() | HistoryState() | RestingState():
                pass
            case _:
                assert_never(state)

    def begin_action(self) -> None:
        """Start the action of the current state, unless it waits for an activity or was already begun."""
        state = self.flow.states[self.run.state]
        if (
            not isinstance(state, ActionState)
            or self.run.attempt is not None
            or self.run.has_ended
            or not self._available(state.needs, state)
        ):
            return
        self.run.attempt = Attempt(0, 0, self.now)
        delay = self.seconds(state.poll.delay, state.root) if state.poll else 0.0
        if delay > 0:
            self.start_timer(state.path, "again", delay)
        else:
            self.try_action(state)

    def try_action(self, state: ActionState) -> None:
        """Begin the next try or poll of the current state's action."""
        run = self.run
        attempt = run.attempt or Attempt(0, 0, self.now)
        visit = run.visits[state.path]
        try:
            inputs = self.fill(state.inputs, state.root)
            command = self._start_command(state, visit, attempt.number + 1, inputs)
            run.undos = self._undo(state)
        except ExpressionError as error:
            self.fail(error)
            return
        since = attempt.since if attempt.failures else self.now
        run.attempt = Attempt(attempt.number + 1, attempt.failures, since, open=True)
        self.commands.append(command)

    def can_repeat(self, state: ActionState) -> bool:
        """Whether the action of a state can be begun again; it cannot if it needs the event that led there."""
        try:
            self.fill(state.inputs, state.root)
            self._undo(state)
        except ExpressionError:
            return False
        return True

    def look_up(self, state: ActionState) -> None:
        """Find out whether the action that was in progress when the process died was done."""
        if self.run.attempt is not None:
            inputs = self.fill(state.inputs, state.root)
            begin = self._start_command(state, self.run.visits[state.path], self.run.attempt.number, inputs)
            self.commands.append(replace(begin, look_up=True))

    def _start_command(self, state: ActionState, visit: int, number: int, inputs: Mapping[str, Any]) -> StartAction:
        memory, retry = self.run.memory.get(group(state.do), {}), self.retry(state.retry, state.root)
        key = f"{self.run.id}/{state.path}/{visit}"
        return StartAction(state.path, visit, number, state.do, inputs, memory, key, retry=retry)

    def _undo(self, state: ActionState) -> tuple[PendingUndo, ...]:
        # The undo is owed from the moment the action begins: an interrupted action may have done any part of its work.
        if state.undo is None:
            return self.run.undos
        others = tuple(undo for undo in self.run.undos if undo.state != state.path)
        inputs = self.fill(state.undo.inputs, state.root)
        return (*others, PendingUndo(state.parent, state.path, state.undo.do, inputs))

    # --- activities ---------------------------------------------------------------------------------------

    def begin_activities(self) -> None:
        """Start every activity of the active states whose needs are met, outermost first."""
        for state in reversed(list(self.flow.around(self.run.state))):
            for activity in state.activities.values():
                known = self.run.activities.get(activity.key)
                if known is None or known.work is Work.WAITING:
                    self._begin_activity(activity)

    def _begin_activity(self, activity: Activity) -> None:
        try:
            self._start_activity(activity)
        except ExpressionError as error:
            self.set_activity(activity.key, ActivityState(self.run.visits[activity.scope], Work.ENDED))
            self.fail(error, (f"{activity.name}.error.expression", activity.scope))

    def _start_activity(self, activity: Activity) -> None:
        visit, root = self.run.visits[activity.scope], activity.root
        if activity.ask is not None:
            self.set_activity(activity.key, ActivityState(visit, Work.STARTING))
            gates.ask(self, activity.key, activity.ask, root)
            return
        ready = self._available(activity.needs, self.flow.states[activity.scope])
        if ready:
            every, quiet = (None if v is None else self.seconds(v, root) for v in (activity.every, activity.quiet))
            inputs = self.fill(activity.inputs, root)
            memory = self.run.memory.get(group(activity.do), {})
            delay, retry = self.seconds(activity.delay, root), self.retry(activity.retry, root)
            self.commands.append(
                StartActivity(activity.key, visit, activity.do, inputs, memory, every, quiet, delay, retry)
            )
        self.set_activity(activity.key, ActivityState(visit, Work.STARTING if ready else Work.WAITING))

    def _available(self, needed: tuple[str, ...], state: State) -> bool:
        """Whether the activities that a state needs are ready; of those with the same name, the innermost counts."""
        return all(self._ready(name, state) for name in needed)

    def _ready(self, needed: str, state: State) -> bool:
        key = next(
            (seen.activities[needed].key for seen in self.flow.around_in_own_flow(state) if needed in seen.activities),
            "",
        )
        return key in self.run.activities and self.run.activities[key].work is Work.READY

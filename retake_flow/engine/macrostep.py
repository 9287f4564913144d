"""One macrostep under way: the run being changed, and the commands that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.engine.chart import Chart, Position
from retake_flow.engine.draft import Draft
from retake_flow.errors import ExpressionError
from retake_flow.flow import duration
from retake_flow.flow.expressions import render
from retake_flow.flow.model import Activity, Flow, Route, State
from retake_flow.run.commands import Command, EndRun, Enter, Leave, Note, SetTimer, StartAction, StartActivity
from retake_flow.run.run import ActivityState, Attempt, PendingUndo, Phase, Run, Work

_LONGEST_CHAIN = 100


def group(action: str) -> str:
    """The group of an action (`chat` of `chat.respond`), whose actions share one memory."""
    return action.partition(".")[0]


class _Visits(Mapping[str, int]):
    """How often states were entered, by name, as expressions ask for it."""

    __slots__ = ("_paths", "_visits")

    def __init__(self, paths: Mapping[str, str], visits: Mapping[str, int]) -> None:
        self._paths = paths
        self._visits = visits

    def __getitem__(self, name: str) -> int:
        return self._visits.get(self._paths[name], 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Macrostep:
    """Takes signals through the flow, one after the other, until none is left.

    Nothing is performed: what should be is in `commands`.
    """

    def __init__(self, flow: Flow, chart: Chart, run: Run, now: float) -> None:
        self.flow = flow
        self.chart = chart
        self.run = Draft(run)
        self.now = now
        self.commands: list[Command] = []
        self._signals: list[tuple[Mapping[str, Any], tuple[tuple[str, str], ...]]] = []
        self._event: Mapping[str, Any] = {}

    # --- signals ------------------------------------------------------------------------------------------

    def signal(self, event: Mapping[str, Any], *candidates: tuple[str, str]) -> None:
        """Take something that happened through the flow before anything else happens to the run.

        Args:
            event: What belongs to it; expressions see it as `event` (and its `result` as `result`).
            candidates: Its names, the first that some route takes counts; each with the path of the state whose
                own event it is, "" when every active state may take it.
        """
        self._signals.append((event, candidates))

    def settle(self) -> None:
        """Take all signals through the flow."""
        for _ in range(_LONGEST_CHAIN):
            if not self._signals or self.run.ended:
                return
            self._dispatch(*self._signals.pop(0))
        names = ", ".join(sorted({candidates[0][0] for _, candidates in self._signals}))
        message = f"more than {_LONGEST_CHAIN} events followed from one: {names}"
        raise ExpressionError(message)

    def _dispatch(self, event: Mapping[str, Any], candidates: tuple[tuple[str, str], ...]) -> None:
        for name, origin in candidates:
            self._event = {"name": name, **event}
            taken = self.chart.take(self.run.state, name, origin, self.names)
            if taken is not None and taken.route is not None:
                self._follow(taken, taken.route)
                return
        self._unexpected(candidates[-1][0], event)

    def _unexpected(self, name: str, event: Mapping[str, Any]) -> None:
        if name == "stop":
            self.end("stopped", str(event.get("reason", "")), Phase.CANCELLED)
        elif name == "error" or name.startswith("error."):
            self.end("failed", str(event.get("message", name)), Phase.FAULTED)
        elif not name.endswith(".ready"):
            self.commands.append(Note("ignored", {"name": name, "state": self.run.state}))

    def names(self) -> Mapping[str, Any]:
        """What expressions can use now."""
        run, event = self.run, self._event
        answer: dict[str, Any] = {
            "inputs": run.inputs,
            "outputs": run.outputs,
            "vars": run.vars,
            "visits": _Visits(self.chart.paths, run.visits),
            "activities": {k.rpartition(":")[2]: a.value for k, a in run.activities.items() if a.work is Work.READY},
            "event": event,
            "run": {"id": run.id, "state": run.state},
        }
        if "result" in event:
            answer["result"] = event["result"]
        return answer

    def filled(self, value: Any) -> Any:
        """A value of the flow with its expressions filled in."""
        if not value or isinstance(value, str | int | float):
            return value
        return render(value, self.names())

    # --- from state to state ------------------------------------------------------------------------------

    def _follow(self, taken: Position, route: Route) -> None:
        changed = self.assigned(route.set)
        for path in taken.exited:
            self.leave(path)
        self.run.vars, self.run.state = changed, taken.state
        self.enter(taken.entered)

    def leave(self, path: str) -> None:
        """Leave one state: what it started ends, what is owed on leaving it is done."""
        run = self.run
        owed = tuple(reversed([undo for undo in run.undos if undo.scope == path]))
        self.commands.append(Leave(path, run.visits[path], owed))
        prefix = path + ":"
        if path == run.state:
            run.attempt = None
        if self.flow.states[path].activities:
            run.activities = {key: doing for key, doing in run.activities.items() if not key.startswith(prefix)}
        if owed:
            run.undos = tuple(undo for undo in run.undos if undo.scope != path)

    def enter(self, paths: list[str]) -> None:
        """Enter states, outermost first, and begin what the innermost is for."""
        for path in paths:
            state = self.flow.states[path]
            visits = {**self.run.visits, path: self.run.visits.get(path, 0) + 1}
            self.run.state, self.run.visits, self.run.attempt = path, visits, None
            self.commands.append(Enter(path, visits[path]))
            self.run.vars = self.assigned(state.set)
            if state.timeout is not None:
                self.timer(path, "timeout", self.seconds(state.timeout))
        self.begin_activities()
        state = self.flow.states[self.run.state]
        if state.final:
            reason = "" if state.reason is None else str(self.filled(state.reason))
            self.end(state.final, reason, Phase.COMPLETED if state.final != "failed" else Phase.FAULTED)
        elif state.wait is not None:
            self.timer(state.path, "wait", self.seconds(state.wait))
        elif state.poll is not None and state.poll.timeout is not None:
            self.timer(state.path, "timeout", self.seconds(state.poll.timeout))
        self.begin_action()

    def assigned(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The variables after a `set`."""
        return {**self.run.vars, **self.filled(values)} if values else self.run.vars

    def end(self, outcome: str, reason: str, phase: Phase) -> None:
        """Leave everything and end the run."""
        state = self.run.state
        for around in self.flow.around(state):
            if not around.final:
                self.leave(around.path)
        owed = tuple(reversed(self.run.undos))
        if owed:
            self.commands.append(Leave("", 0, owed))
        self.run.outcome, self.run.reason, self.run.phase, self.run.undos = outcome, reason, phase, ()
        self.commands.append(EndRun(outcome, state, reason))

    # --- what a state does --------------------------------------------------------------------------------

    def begin_action(self) -> None:
        """Perform the action of the current state, unless it waits for an activity or was begun before."""
        state = self.flow.states[self.run.state]
        if state.kind != "do" or self.run.attempt is not None or self.run.ended or not self._available(state.needs):
            return
        self.run.attempt = Attempt(0, 0, self.now)
        delay = self.seconds(state.poll.delay) if state.poll else 0.0
        if delay > 0:
            self.timer(state.path, "again", delay)
        else:
            self.try_action(state)

    def try_action(self, state: State) -> None:
        """Begin the next try or poll of the current state's action."""
        run = self.run
        attempt = run.attempt or Attempt(0, 0, self.now)
        visit = run.visits[state.path]
        try:
            inputs = self.filled(state.inputs)
            run.undos = self._undo(state)
        except ExpressionError as error:
            self.signal({"kind": "expression", "message": error.message}, ("error.expression", ""))
            return
        since = attempt.since if attempt.failures else self.now
        run.attempt = Attempt(attempt.number + 1, attempt.failures, since)
        key = f"{run.id}/{state.path}/{visit}"
        memory = run.memory.get(group(state.do), {})
        self.commands.append(StartAction(state.path, visit, attempt.number + 1, state.do, inputs, memory, key))

    def _undo(self, state: State) -> tuple[PendingUndo, ...]:
        # Owed from the moment the action begins: when it is broken off, nobody knows how far it came.
        if state.undo is None:
            return self.run.undos
        others = tuple(undo for undo in self.run.undos if undo.state != state.path)
        inputs = self.filled(state.undo.inputs)
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
        visit = self.run.visits[activity.scope]
        ready = self._available(activity.needs)
        if ready:
            every, quiet = (None if v is None else self.seconds(v) for v in (activity.every, activity.quiet))
            inputs = self.filled(activity.inputs)
            memory = self.run.memory.get(group(activity.do), {})
            delay = self.seconds(activity.delay)
            self.commands.append(
                StartActivity(activity.key, visit, activity.do, inputs, memory, every, quiet, delay, activity.retry)
            )
        self.activity(activity.key, ActivityState(visit, Work.STARTING if ready else Work.WAITING))

    def activity(self, key: str, doing: ActivityState) -> None:
        """Note what an activity is doing."""
        self.run.activities = {**self.run.activities, key: doing}

    def _available(self, needed: str | None) -> bool:
        return needed is None or any(
            doing.work is Work.READY and key.endswith(":" + needed) for key, doing in self.run.activities.items()
        )

    # --- time ---------------------------------------------------------------------------------------------

    def timer(self, path: str, purpose: str, after: float) -> None:
        """Let a state hear of a time that has passed."""
        self.commands.append(SetTimer(path, self.run.visits[path], purpose, self.now + after))

    def seconds(self, value: Any) -> float:
        """The seconds that a duration of the flow means now."""
        try:
            return duration.seconds(self.filled(value))
        except ValueError as error:
            raise ExpressionError(str(error)) from None

"""Draft: a run while an event changes it, with what expressions see, its timers and the resulting commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from retake_flow.engine.core.chart import Chart
from retake_flow.errors import ExpressionError
from retake_flow.flow import calendar, duration
from retake_flow.flow.expressions.expression import render
from retake_flow.flow.model import Flow
from retake_flow.flow.names import ACTIVE, is_within, join
from retake_flow.flow.state_parts import Retry
from retake_flow.run.commands import Command, SetTimer
from retake_flow.run.run import ActivityState, Local, MutableRun, Phase, Run, Work

_NOTHING = Local()


class _ByName(Mapping[str, Any]):
    """A mapping keyed by path, read by name."""

    __slots__ = ("_kept", "_otherwise", "_paths")

    def __init__(self, paths: Mapping[str, str], kept: Mapping[str, Any], otherwise: Any = None) -> None:
        self._paths = paths
        self._kept = kept
        self._otherwise = otherwise

    def __getitem__(self, name: str) -> Any:
        path = self._paths[name]
        return self._kept[path] if self._otherwise is None else self._kept.get(path, self._otherwise)

    def __iter__(self) -> Iterator[str]:
        return (name for name, path in self._paths.items() if self._otherwise is not None or path in self._kept)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _since(before: Mapping[str, int], visits: Mapping[str, int]) -> Mapping[str, int]:
    return {path: times - before.get(path, 0) for path, times in visits.items()} if before else visits


def _active(state: str, root: str, asked: str) -> bool:
    """Whether a state of the flow itself, or of a sub-flow, is active."""
    return is_within(state, join(root, asked))


class _Activities(Mapping[str, Any]):
    """The values that activities gave when they became ready, read only when an expression asks."""

    def __init__(self, flow: Flow, run: MutableRun, root: str) -> None:
        self._flow = flow
        self._doing = run.activities
        self._root = root

    @cached_property
    def _ready(self) -> Mapping[str, Any]:
        found = {}
        for key, doing in self._doing.items():
            scope, _, name = key.rpartition(":")
            if doing.work is Work.READY and self._flow.states[scope].root == self._root:
                found[name] = doing.value
        return found

    def __getitem__(self, name: str) -> Any:
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready)

    def __len__(self) -> int:
        return len(self._ready)


#: The data of an occurrence, and its names, each with the state whose own event it is.
Signal = tuple[Mapping[str, Any], tuple[tuple[str, str], ...]]
#: The source of events that come from no state and no activity of the flow.
OUTSIDE = "outside"


class Draft:
    """The run being changed, and the resulting commands.

    Nothing is performed here: `commands` lists what the driver has to do.

    Attributes:
        may_retry: Whether a failure may be retried: it can be temporary, and its work is not done twice.
        source: The origin of the event: the path of a state, the key of an activity, or `OUTSIDE`.
        now: Seconds since the epoch.
    """

    def __init__(self, flow: Flow, chart: Chart, run: Run, now: float) -> None:
        self.flow = flow
        self.chart = chart
        self.run = MutableRun(run)
        self.now = now
        self.source = OUTSIDE
        self.may_retry = True
        self.commands: list[Command] = []
        self._signals: list[Signal] = []
        self._from_outside: list[Signal] = []
        self._event: Mapping[str, Any] = {}
        self._active: str | None = None  # the innermost state still active while states are left; None for the run's

    def signal(self, event: Mapping[str, Any], *candidates: tuple[str, str]) -> None:
        """Take an occurrence through the flow before anything else happens to the run.

        Args:
            event: Its data; expressions see it as `event` (and its `result` as `result`), with its source and time.
            candidates: Its names; the first that a route takes counts. Each has the path of the state whose own
                event it is, "" when every active state may take it.
        """
        self._signals.append((self._with_source_and_time(event), candidates))

    def signal_from_outside(self, event: Mapping[str, Any], *candidates: tuple[str, str]) -> None:
        """Take an occurrence from outside through the flow after all others; arguments as for `signal`.

        If an expression that it leads to cannot be evaluated, the run stays unchanged and a record says so.
        """
        self._from_outside.append((self._with_source_and_time(event), candidates))

    def _with_source_and_time(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"source": self.source, "at": self.now, **event}

    def names(self, root: str) -> Mapping[str, Any]:
        """The names that expressions of the flow itself ("") or of a sub-flow can currently use."""
        run, event = self.run, self._event
        local = run.locals.get(root, _NOTHING) if root else Local(run.inputs, run.vars)
        paths = self.chart.paths.get(root, {})
        active = run.state if self._active is None else self._active
        found: dict[str, Any] = {
            "inputs": local.inputs,
            "vars": local.vars,
            "outputs": _ByName(paths, run.outputs),
            "visits": _ByName(paths, _since(local.before, run.visits), 0),
            "activities": _Activities(self.flow, run, root),
            "event": event,
            "run": {"id": run.id, "state": run.state, "stats": run.stats.figures(self.now)},
            "now": self.now,
            ACTIVE: partial(_active, active, root),
        }
        if "result" in event:
            found["result"] = event["result"]
        return found

    def fill(self, value: Any, root: str) -> Any:
        """A value of a flow with its expressions filled in."""
        if not value or isinstance(value, str | int | float):
            return value
        return render(value, self.names(root))

    def retry(self, retry: Retry | None, root: str) -> Retry | None:
        """A retry with its expressions filled in."""
        if retry is None or retry.is_constant:
            return retry
        return retry.with_values(lambda value: self.fill(value, root), lambda value: self.seconds(value, root))

    def assign(self, values: Mapping[str, Any], root: str) -> None:
        """Set variables of the flow itself or of a sub-flow that is active."""
        run = self.run
        if values and not root:
            run.vars = {**run.vars, **values}
        elif values and root in run.locals:
            local = run.locals[root]
            run.locals = {**run.locals, root: replace(local, vars={**local.vars, **values})}

    def set_activity(self, key: str, doing: ActivityState) -> None:
        """Record the status of an activity."""
        self.run.activities = {**self.run.activities, key: doing}

    # --- time ---------------------------------------------------------------------------------------------

    def mark_waiting(self) -> None:
        """Mark the run as waiting for a person."""
        self.run.phase = Phase.WAITING

    def mark_driven(self) -> None:
        """Mark the run as driven by a process; it still waits for a person only if its state does."""
        asks = any(gate.place == self.run.state for gate in self.run.gates.values())
        self.run.phase = Phase.WAITING if asks else Phase.RUNNING

    def start_timer(self, place: str, purpose: str, after: float) -> None:
        """Set a timer for a state or an activity, some seconds from now."""
        self.set_timer(place, purpose, self.now + after)

    def set_timer(self, place: str, purpose: str, due: float) -> None:
        """Set a timer for a state or an activity; `due` is in seconds since the epoch."""
        self.run.timers = {**self.run.timers, (place, purpose): due}
        self.commands.append(SetTimer(place, self.visit(place), purpose, due))

    def forget_timers(self, place: str, purposes: Iterable[str]) -> None:
        """Drop these timers of a place; one that is already on its way counts as late."""
        gone = {(place, purpose) for purpose in purposes}
        self.run.timers = {at: due for at, due in self.run.timers.items() if at not in gone}

    def visit(self, place: str) -> int:
        """The current visit of a state, or of an activity's state; 0 for the flow itself ("")."""
        return self.run.visits.get(place.partition(":")[0], 0)

    def seconds(self, value: Any, root: str) -> float:
        """The current value of a duration of the flow, or the time until one of the calendar, in seconds."""
        filled = self.fill(value, root)
        try:
            if isinstance(filled, Mapping):
                wall = self.now - self.run.ahead
                return calendar.next_time(filled, wall) - wall
            return duration.seconds(filled)
        except ValueError as error:
            raise ExpressionError(str(error)) from None

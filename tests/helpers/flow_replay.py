"""Driving the real machine along a path that was found in a flow, to see whether a run can go it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from retake_flow.engine.core.machine import Machine, Step
from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.model import ActionState, Flow, QuestionState, WaitState
from retake_flow.run import commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run


class Replay:
    """A run that is led along a path, by whatever the actions, the clock and people may say.

    Attributes:
        entered: The states entered so far.
    """

    def __init__(self, flow: Flow, catalogue: Catalogue, inputs: dict[str, Any]) -> None:
        self.flow = flow
        self.catalogue = catalogue
        self.machine = Machine(flow, catalogue)
        # A path is about the order of things: whether a value is there yet is for other checks to say.
        outputs = {
            doing.key: next(self._values(doing.do)) for doing in flow.performers() if isinstance(doing, ActionState)
        }
        self.run = Run("r", flow.name, "", inputs, outputs=outputs)
        self.entered: list[str] = []
        self.begun: list[str] = []
        self.now = 0.0

    def follow(self, path: tuple[Move, ...]) -> None:
        """Take every move of a path, or fail on the first that no event leads to."""
        wanted = [state for move in path for state in move.entered]
        self._take(self.machine.step(self.run, events.Started(), self.now))
        for move in path[1:]:
            expected = [state for earlier in path[: path.index(move) + 1] for state in earlier.entered]
            if len(self.entered) >= len(expected) and move.entered:
                continue  # it was taken along with the one before, as the end of a sub-flow is
            before = len(self.entered)
            for event in self._candidates(move):
                self.now += 1
                step = self.machine.step(self.run, event, self.now)
                entering = [c.state for c in step.commands if isinstance(c, commands.Enter)]
                rest = wanted[before:]  # a path may end in a state that is left as soon as it is entered
                fits = entering[: len(rest)] == rest[: len(entering)] and len(entering) >= len(move.entered)
                if fits and (entering or not move.entered) and not _late(step):
                    self._take(step)
                    break
            else:
                raise AssertionError(
                    f"no event leads from {self.run.state} by {move.occurrence.name} to {move.entered}"
                )
        assert self.entered[: len(wanted)] == wanted

    def _take(self, step: Step) -> None:
        self.run = step.run
        for command in step.commands:
            if isinstance(command, commands.Enter):
                self.entered.append(command.state)
            elif isinstance(command, commands.StartAction):
                self.begun.append(command.do)
            elif isinstance(command, commands.StartActivity):
                self.begun.append(command.do)
                if self.catalogue[command.do].service and command.activity.rpartition(":")[0] in self._active():
                    self._take(self.machine.step(self.run, _ready(command), self.now))

    def _active(self) -> set[str]:
        return {state.path for state in self.flow.around(self.run.state)}

    def _candidates(self, move: Move) -> Iterator[events.Event]:
        place, name = move.occurrence.place, move.occurrence.name
        if not place:
            yield events.StopRequested() if name == "stop" else events.Raised(name, {})
            return
        visit = self.run.visits[place.partition(":")[0]]
        if ":" in place:
            yield from self._of_activity(place, visit, name)
            return
        state = self.flow.states[place]
        if name == "timeout":
            yield events.TimerFired(place, visit, "timeout")
        elif isinstance(state, QuestionState):
            fields = dict.fromkeys({**state.ask.fields, **state.ask.decisions.get(name, {})}, "x")
            yield from (
                events.GateAnswered(gate, Answer("" if name == "answered" else name, fields, "ann", "test", self.now))
                for gate in self.run.gates
            )
        elif isinstance(state, WaitState):
            yield events.TimerFired(place, visit, "wait")
        elif isinstance(state, ActionState):
            self._begin(place, visit)
            number = self.run.attempt.number if self.run.attempt else 0
            if name.startswith("error."):
                yield events.ActionFailed(place, visit, number, name.removeprefix("error."), "it broke", permanent=True)
            else:
                for value in self._values(state.do):
                    yield events.ActionFinished(place, visit, number, name, value)

    def _begin(self, place: str, visit: int) -> None:
        """Let the time come at which an action begins that has a delay."""
        if (place, "again") in self.run.timers:
            self._take(self.machine.step(self.run, events.TimerFired(place, visit, "again"), self.now))

    def _of_activity(self, key: str, visit: int, name: str) -> Iterator[events.Event]:
        scope, _, own = key.rpartition(":")
        activity = self.flow.states[scope].activities[own]
        what = name.removeprefix(f"{own}.")
        if what == "exited":
            yield events.ActivityExited(key, visit, "it died")
        elif what.startswith("error."):
            yield events.ActivityFailed(key, visit, what.removeprefix("error."), "it broke", again=False)
        else:
            for value in self._values(activity.do):
                yield events.ActivityResulted(key, visit, "done", value, None)

    def _values(self, action: str) -> Iterator[dict[str, Any]]:
        """Results that an action may have: every way to choose its flags, all else as it comes."""
        fields = self.catalogue[action].result
        flags = [name for name, schema in fields.items() if schema.get("type") == "boolean"]
        plain = {name: 1 if s.get("type") in ("integer", "number") else "x" for name, s in fields.items()}
        rest = {**plain, **self.catalogue[action].samples}
        for chosen in product((True, False), repeat=len(flags)):
            yield {**rest, **dict(zip(flags, chosen, strict=True))}


def _ready(command: commands.StartActivity) -> events.Event:
    return events.ActivityReady(command.activity, command.visit, {})


def _late(step: Step) -> bool:
    return any(isinstance(c, commands.Note) and c.event == "dropped" for c in step.commands)

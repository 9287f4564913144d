"""A run that is told what happens, for tests of the pure half of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retake_flow.engine.core.machine import Machine
from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, Idempotency
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.run import commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run

NOW = 1000.0

#: `a.once` may not be repeated, `a.verify` can be looked up, `s.*` are services, the rest is harmless.
CATALOGUE: Catalogue = {
    spec.name: spec
    for spec in (
        ActionSpec("a.work", ""),
        ActionSpec("a.say", "", inputs={"text": {}}),
        ActionSpec("a.once", "", idempotency=Idempotency.ONCE),
        ActionSpec("a.verify", "", idempotency=Idempotency.VERIFY, outcomes=("created", "found")),
        ActionSpec("a.undo", ""),
        *(ActionSpec(name, "", outcomes=("ready", "exited"), service=True) for name in ("s.x", "s.y")),
    )
}


def written(states: str, initial: str = "a", head: str = "") -> str:
    """The text of a flow with these states."""
    indented = "".join(f"  {line}\n" for line in states.strip("\n").splitlines())
    return f"flow: talk\n{head}initial: {initial}\nstates:\n{indented}"


def flow_of(states: str, initial: str = "a", **subs: str) -> Flow:
    """A flow of these states, whose sub-flows are found by their names."""

    def find(name: str, file: str) -> tuple[str, bytes]:
        if name not in subs:
            raise UsageError(name)
        return name, subs[name].encode()

    return load_flow(written(states, initial), "f", find)


class Talk:
    """A run that is told what happens, and remembers what it wished last."""

    def __init__(self, states: str, initial: str = "a", *, subs: dict[str, str] | None = None, **inputs: Any) -> None:
        self.machine = Machine(flow_of(states, initial, **(subs or {})), CATALOGUE)
        self.run = Run("r", "talk", "", inputs)
        self.now = NOW
        self.wishes: tuple[commands.Command, ...] = ()
        self.tell(events.Started())

    def tell(self, event: events.Event) -> Talk:
        step = self.machine.step(self.run, event, self.now)
        self.run, self.wishes = step.run, step.commands
        return self

    def finish(self, outcome: str = "done", **value: Any) -> Talk:
        """The action of the state ends."""
        return self.tell(events.ActionFinished(*self.attempt(), outcome, value))

    def fail(self, kind: str = "unavailable", **more: Any) -> Talk:
        """The action of the state fails."""
        return self.tell(events.ActionFailed(*self.attempt(), kind, f"it is {kind}", **more))

    def fire(self, purpose: str, place: str = "", later: float = 0.0) -> Talk:
        """A timer comes due."""
        self.now += later
        place = place or self.run.state
        return self.tell(events.TimerFired(place, self.run.visits[place.partition(":")[0]], purpose))

    def answer(self, gate: str = "", decision: str = "", **fields: Any) -> Talk:
        """A person answers: the only question when none is named."""
        if not gate:
            [gate] = self.run.gates
        return self.tell(events.GateAnswered(gate, Answer(decision, fields, "ann", "command", self.now)))

    def ready(self, activity: str, **value: Any) -> Talk:
        """A service can be used."""
        return self.tell(events.ActivityReady(activity, self.run.activities[activity].visit, value))

    def resume(self, later: float = 0.0, *, begun: bool = True) -> Talk:
        """Another process takes the run up."""
        self.now += later
        return self.tell(events.Resumed(self.run, begun))

    def attempt(self) -> tuple[str, int, int]:
        """What an outcome of the action belongs to."""
        assert self.run.attempt is not None
        return self.run.state, self.run.visits[self.run.state], self.run.attempt.number

    def wished(self, kind: type[Any]) -> list[Any]:
        """The last wishes of a kind."""
        return [wish for wish in self.wishes if isinstance(wish, kind)]

    def timers(self) -> list[tuple[str, str, float]]:
        """The timers that were set last, with the seconds until they are due."""
        return [(timer.state, timer.purpose, timer.due - self.now) for timer in self.wished(commands.SetTimer)]

    def notes(self, event: str = "") -> list[Any]:
        """The fields of the last notes of a name; the names of all when there is none."""
        notes = self.wished(commands.Note)
        return [note.fields for note in notes if note.event == event] if event else [note.event for note in notes]

    def started(self) -> list[str]:
        """The actions and activities that were begun last."""
        return [wish.do for wish in self.wished(commands.StartAction) + self.wished(commands.StartActivity)]

    def late(self) -> bool:
        """Whether what was told last came too late, and changed nothing."""
        return self.notes() == ["dropped"] and len(self.wishes) == 1

    def copy(self, **changes: Any) -> Talk:
        """The same, as a run that differs."""
        other = object.__new__(Talk)
        other.machine, other.now, other.wishes = self.machine, self.now, ()
        other.run = replace(self.run, **changes)
        return other

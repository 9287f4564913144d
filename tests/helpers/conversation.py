"""Fakes with which tests of the engine read as conversations: actions by script, and runs driven in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import Finished
from retake_flow.flow.action_spec import ActionSpec, Catalogue, Idempotency
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.actions import Call, Completion
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.whatif import virtual_time


@dataclass(frozen=True)
class Takes:
    """An action that takes a while, and then ends so or raises."""

    seconds: float
    then: Completion | Exception = field(default_factory=Completion)


@dataclass(frozen=True)
class Serves:
    """A service that is ready after a while, lives so long, and takes so long to be ended."""

    ready_after: float = 0.0
    lives: float = 1e9
    finishes: bool = False  # its end is no failure
    ends_in: float = 0.0
    fails: Exception | None = None
    value: Mapping[str, Any] = field(default_factory=dict)


class Actions:
    """Performs actions as the script says; the last line of a script repeats.

    Attributes:
        said: What was begun and ended, each with the second of virtual time.
        calls: Every call.
        alive: The services that run.
    """

    def __init__(self, **script: list[Any]) -> None:
        self.script = {name.replace("_", ".", 1): list(lines) for name, lines in script.items()}
        self.said: list[tuple[float, str]] = []
        self.calls: list[Call] = []
        self.alive: list[str] = []

    def say(self, what: str) -> None:
        """Note something."""
        self.said.append((round(asyncio.get_running_loop().time(), 3), what))

    def times(self, what: str) -> list[float]:
        """When something was noted."""
        return [at for at, said in self.said if said == what]

    def words(self) -> list[str]:
        """What was noted, without the times."""
        return [said for _, said in self.said]

    async def perform(self, call: Call) -> Completion:
        """As the protocol."""
        self.calls.append(call)
        self.say(call.do)
        line = self._next(call.do, Takes(0.0))
        line = line if isinstance(line, Takes) else Takes(0.0, line)
        try:
            await asyncio.sleep(line.seconds)
        except asyncio.CancelledError:
            self.say(f"{call.do} broken off")
            raise
        if isinstance(line.then, Exception):
            raise line.then
        return line.then

    async def verify(self, call: Call) -> Completion | None:
        """As the protocol; a script of the action's name behind `happened_` says what is found out."""
        self.calls.append(call)
        self.say(f"{call.do}?")
        line = self._next(f"happened.{call.do.replace('.', '_')}", None)
        await asyncio.sleep(0)
        if isinstance(line, Exception):
            raise line
        return line if line is None or isinstance(line, Completion) else Completion("done", line)

    @asynccontextmanager
    async def serve(self, call: Call) -> AsyncIterator[Any]:
        """As the protocol."""
        self.calls.append(call)
        self.say(call.do)
        line: Serves = self._next(call.do, Serves())
        await asyncio.sleep(line.ready_after)
        if line.fails is not None:
            raise line.fails
        self.alive.append(call.do)
        try:
            yield _Service(line)
        finally:
            try:
                await asyncio.sleep(line.ends_in)
            finally:  # whoever is in a hurry cancels once more; it has to end all the same
                self.alive.remove(call.do)
                self.say(f"{call.do} ended")

    def _next(self, name: str, otherwise: Any) -> Any:
        lines = self.script.get(name) or [otherwise]
        return lines.pop(0) if len(lines) > 1 else lines[0]


class _Service:
    def __init__(self, line: Serves) -> None:
        self.value = line.value
        self._lives = line.lives
        self._finishes = line.finishes

    async def wait(self) -> str:
        await asyncio.sleep(self._lives)
        if self._finishes:
            raise Finished("it is done")
        return "it died"


class Journal:
    """A store, and a listener, that keeps all records."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.runs: list[Run] = []

    def write(self, run: Run, records: Any) -> None:
        """As the store's port."""
        self.runs.append(run)
        self.records.extend(records)

    def of(self, event: str) -> list[Record]:
        """The records of that name."""
        return [record for record in self.records if record["event"] == event]

    def states(self) -> list[str]:
        """The states entered, in order."""
        return [record["state"] for record in self.of("state_entered")]


def catalogue(actions: Actions | None = None, *services: str) -> Catalogue:
    """A catalogue that knows the actions of these tests: `s.*` are services."""
    names = ["a.open", "a.close", "a.work", "a.other", "a.once", "a.undo", "s.one", "s.two", *services]
    return {
        name: ActionSpec(
            name,
            "",
            service=name.startswith("s."),
            outcomes=("ready", "exited") if name[0] == "s" else ("done",),
            idempotency=Idempotency.ONCE if name == "a.once" else Idempotency.SAFE,
        )
        for name in names
    }


def drive(
    text: str, actions: Actions, journal: Any = None, *, meanwhile: Callable[[Runner], None] | None = None
) -> tuple[Run, Any]:
    """Drive a run of a flow to its end in virtual time.

    Args:
        text: The flow.
        actions: Performs its actions.
        journal: Where it is written down.
        meanwhile: Told of the runner before it begins, to plan what is done to it.

    Returns:
        The run, and where it was written down. It has been made sure that nothing of it is left.
    """
    kept = Journal() if journal is None else journal

    async def scene() -> Run:
        runner = Runner(
            Machine(load_flow(text, "flow.yaml")),
            Run("r", "sample", "", {}),
            catalogue=catalogue(),
            actions=actions,
            store=kept,
            clock=virtual_time.VirtualClock(),
        )
        if meanwhile is not None:
            meanwhile(runner)
        try:
            return await runner.drive()
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}, "something is left"
            assert actions.alive == []

    return virtual_time.run(scene()), kept


def at(seconds: float, do: Callable[[Runner], object]) -> Callable[[Runner], None]:
    """Do something to a runner at that second."""
    return lambda runner: asyncio.get_running_loop().call_later(seconds, do, runner) and None

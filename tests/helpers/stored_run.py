"""A stored run that processes drive one after the other, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from conversation import Actions

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.flow.action_spec import ActionSpec, Catalogue, Idempotency
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.ports.runs import Claim, Holder
from retake_flow.run.gates import Answer
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.store.memory import MemoryRuns
from retake_flow.whatif import virtual_time

SERVICES = ("s.one", "s.two", "studio.content")
#: `a.once` may not be repeated, `a.verify` can be looked up, `SERVICES` are services, the rest is harmless.
CATALOGUE: Catalogue = {
    spec.name: spec
    for spec in (
        *(ActionSpec(name, "") for name in ("a.open", "a.close", "a.work", "a.other", "a.undo")),
        ActionSpec("a.once", "", idempotency=Idempotency.ONCE),
        ActionSpec("a.verify", "", idempotency=Idempotency.VERIFY),
        *(ActionSpec(name, "", outcomes=("ready", "exited"), service=True) for name in SERVICES),
    )
}
Change = Callable[[Claim], Any]


class World:
    """A run of a flow in a store, and the actions that its processes perform.

    Attributes:
        runs: The store.
        actions: Of all processes.
        runner: Of the process that drives the run, or drove it last.
    """

    runner: Runner

    def __init__(self, states: str, actions: Actions | None = None) -> None:
        self.actions = actions or Actions()
        self.runs = MemoryRuns(alive=lambda holder: False, now=lambda: virtual_time.VirtualClock().now())
        self.flow: Flow = load_flow(f"flow: stored\n{states.strip()}\n", "f")
        self._claimed = False

    def claim(self) -> Claim:
        """Another process takes the run."""
        holder = Holder("here", 1, 0.0)
        if self._claimed:
            return self.runs.claim("r", holder)
        self._claimed = True
        run = Run("r", "stored", self.flow.digest, {})
        return self.runs.create(run, agent="", flow_file="f", flow_text=self.flow.sources.dump(), holder=holder)

    async def drive(
        self,
        *,
        wait: bool = False,
        wrapped: Change = lambda claim: claim,
        listeners: Sequence[Any] = (),
        before: Callable[[Runner], None] = lambda runner: None,
        inbox: bool = True,
        clock: virtual_time.VirtualClock | None = None,
    ) -> Run:
        """One process drives the run as far as it comes; nothing of it may be left."""
        claim = self.claim()
        store = wrapped(claim)
        self.runner = Runner(
            Machine(self.flow, CATALOGUE),
            self.runs.load("r").run,
            catalogue=CATALOGUE,
            actions=self.actions,
            store=store,
            clock=clock or virtual_time.VirtualClock(),
            listeners=listeners,
            inbox=claim if inbox else None,
            wait=wait,
        )
        others = asyncio.all_tasks()
        before(self.runner)
        try:
            ended = await self.runner.drive()
        finally:
            assert asyncio.all_tasks() <= others, "something is left"
            assert self.actions.alive == []
        claim.release()
        return ended

    async def die(self, seconds: float, **how: Any) -> None:
        """A process drives the run for so long, and is gone; what it began is gone with it, and nothing is written."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.drive(**how), seconds)
            raise AssertionError("it came to an end before")

    def answer(self, decision: str = "", gate: str = "", by: str = "ann", **fields: Any) -> None:
        """Somebody answers: the only question when none is named."""
        if not gate:
            [gate] = [each.gate.id for each in self.runs.open_gates("r")]
        at = virtual_time.VirtualClock().now()
        self.runs.answer("r", gate, Answer(decision, fields, by, "test", at))

    def records(self, event: str = "") -> list[Record]:
        """The journal, or the records of one name."""
        return [record for _, record in self.runs.journal("r") if event in ("", record["event"])]

    def events(self) -> list[str]:
        """The names of all records."""
        return [record["event"] for record in self.records()]

    @property
    def run(self) -> Run:
        """The run as it was last written."""
        return self.runs.load("r").run


def play(scene: Callable[[], Any]) -> Any:
    """Play a scene in virtual time; one that goes on for more than a few hours of it fails."""

    async def limited() -> Any:
        async with asyncio.timeout(20_000):
            return await scene()

    return virtual_time.run(limited())


def later(seconds: float, do: Callable[[], object]) -> None:
    """Have something happen in so many seconds."""
    asyncio.get_running_loop().call_later(seconds, do)


def told(record: Record, **fields: Any) -> bool:
    """Whether a record says that."""
    said: Mapping[str, Any] = record
    return fields.items() <= said.items()

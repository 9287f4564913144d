"""The driver: journals each macrostep, performs its commands, and brings their outcomes back as events."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from retake_flow.engine import performance
from retake_flow.engine.machine import Machine
from retake_flow.engine.scope import Scope
from retake_flow.flow.catalogue import Catalogue
from retake_flow.ports.actions import ActionRunner, Call
from retake_flow.ports.clock import Clock
from retake_flow.ports.journal import Listener, RunStore
from retake_flow.run import events, records
from retake_flow.run.commands import Command, EndRun, Leave, SetTimer, StartAction, StartActivity
from retake_flow.run.run import PendingUndo, Phase, Run

#: How long one undo may take, in seconds: longer than the longest `Retry-After` that a call waits for.
UNDO_WITHIN = 75.0


class Runner:
    """Drives one run from its start to its end.

    Attributes:
        run: The run as it is now.
        over: Whether its end was written down, so that nothing of it goes on.
    """

    def __init__(
        self,
        machine: Machine,
        run: Run,
        *,
        catalogue: Catalogue,
        actions: ActionRunner,
        store: RunStore,
        clock: Clock,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.run = run
        self.over = False
        self._machine = machine
        self._catalogue = catalogue
        self._actions = actions
        self._store = store
        self._clock = clock
        self._listeners = listeners
        self._scopes: dict[str, Scope] = {}
        self._mailbox: list[tuple[int, int, events.Event]] = []
        self._arrived = asyncio.Event()
        self._order = count()
        self._driving: asyncio.Task[Run] | None = None
        self._killed = False

    async def drive(self) -> Run:
        """Take the run from its start to its end.

        Nothing that it started is left when this returns or raises.

        Raises:
            StoreError: The run could not be written down; it was stopped.
        """
        self._driving = asyncio.current_task()
        flow = self._machine.flow
        self._write([records.record("run_started", self._clock.now(), run=self.run.id, flow=flow.name)])
        self._post(events.Started())
        try:
            while not self.run.ended and not self._killed:
                await self._macrostep(await self._next())
        except asyncio.CancelledError:
            if not self._killed:
                raise
        finally:
            await self._abandon()
        if self._killed and self._driving is not None and self._driving.cancelling():
            self._driving.uncancel()  # whoever awaits us goes on
        if not self.over:
            # Also a run that had decided how to end is killed when its ending was not waited for.
            self.run = replace(self.run, phase=Phase.CANCELLED, outcome="killed", reason="killed")
            self._ended("killed", self.run.state, "killed")
        return self.run

    def stop(self, reason: str = "stopped") -> None:
        """Ask the run to end in order; goes before whatever else waits."""
        self._post(events.StopRequested(reason), urgency=0)

    def kill(self) -> None:
        """End the run at once: programs are ended, undos are not performed."""
        if self._driving is not None and not (self._killed or self.over):
            self._driving.cancel()
        self._killed = True

    # --- events in, commands out --------------------------------------------------------------------------

    def _post(self, event: events.Event, urgency: int = 1) -> None:
        heapq.heappush(self._mailbox, (urgency, next(self._order), event))
        self._arrived.set()

    async def _next(self) -> events.Event:
        while not self._mailbox:
            self._arrived.clear()
            await self._arrived.wait()
        return heapq.heappop(self._mailbox)[2]

    async def _macrostep(self, event: events.Event) -> None:
        now = self._clock.now()
        step = self._machine.step(self.run, event, now)
        wished = (records.of_command(command, now) for command in step.commands)
        self._write([*records.of_event(event, now), *(record for record in wished if record is not None)], step.run)
        for command in step.commands:
            await self._perform(command)

    async def _perform(self, command: Command) -> None:
        match command:
            case Leave():
                await self._leave(command)
            case StartAction():
                call = self._call(command, command.state, command.attempt, command.key)
                work = performance.action(command, call, self._actions, self._post)
                self._scope(command.state).start(work, command.do)
            case SetTimer():
                self._scope(command.state).start(performance.timer(command, self._clock, self._post), command.purpose)
            case StartActivity():
                key = f"{self.run.id}/{command.activity}/{command.visit}"
                call = self._call(command, command.activity, 1, key)
                drive = performance.service if self._catalogue[command.do].service else performance.task
                work = drive(command, call, self._actions, self._clock, self._post)
                self._scope(command.activity.rpartition(":")[0]).start(work, command.activity)
            case EndRun():
                self._ended(command.outcome, command.state, command.reason)

    def _call(self, command: StartAction | StartActivity, place: str, attempt: int, key: str) -> Call:
        return Call(
            run=self.run.id,
            place=place,
            attempt=attempt,
            do=command.do,
            inputs=command.inputs,
            memory=command.memory,
            key=key,
            note=self.note,
        )

    # --- leaving ------------------------------------------------------------------------------------------

    def _scope(self, state: str) -> Scope:
        return self._scopes.setdefault(state, Scope())

    async def _leave(self, command: Leave) -> None:
        scope = self._scopes.pop(command.state, None)
        if scope is not None:
            await scope.close()
        for undo in command.undos:
            await self._undo(undo)

    async def _undo(self, undo: PendingUndo) -> None:
        call = Call(self.run.id, undo.state, 1, undo.do, undo.inputs, {}, f"{self.run.id}/{undo.state}/undo", self.note)
        about = {"state": undo.state, "action": undo.do}
        self.note("undo_started", **about)
        try:
            async with asyncio.timeout(UNDO_WITHIN):
                done = await self._actions.perform(call)
        except TimeoutError:
            self.note("undo_finished", **about, outcome="error.timeout", message="it took too long")
        except Exception as raised:
            # Recorded only: an undo that fails must not hide why the scope was left, nor keep the next from its turn.
            error = performance.known(raised, undo.do)
            self.note("undo_finished", **about, outcome=f"error.{error.kind}", message=error.message)
        else:
            self.note("undo_finished", **about, outcome=done.outcome, result=done.value)

    async def _abandon(self) -> None:
        """End whatever still runs, innermost first; after an orderly end there is nothing."""
        interrupted = False
        while self._scopes:
            _, scope = self._scopes.popitem()
            try:
                await scope.close()
            except asyncio.CancelledError:
                interrupted = True
        if interrupted and not self._killed:
            raise asyncio.CancelledError

    # --- writing down -------------------------------------------------------------------------------------

    def note(self, event: str, **fields: object) -> None:
        """Write a record of something that happens outside a macrostep."""
        self._write([records.record(event, self._clock.now(), **fields)])

    def _ended(self, outcome: str, state: str, reason: str) -> None:
        self.over = True
        self.note("run_ended", run=self.run.id, outcome=outcome, state=state, reason=reason)

    def _write(self, written: list[records.Record], run: Run | None = None) -> None:
        """Write records, and the run as it becomes by them; it is that only once it is written."""
        become = run or self.run
        self._store.write(become, written)
        self.run = become
        for record in written:
            for listener in self._listeners:
                listener.heard(record)

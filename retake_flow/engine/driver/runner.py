"""The driver: journals each macrostep, performs its commands, and brings their outcomes back as events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from retake_flow.engine.core import external_events
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.core.step import as_expression_error, group
from retake_flow.engine.driver import journal, outside_requests
from retake_flow.engine.driver.execute import Execution
from retake_flow.engine.driver.mailbox import Durability, InboxWatch, Mailbox
from retake_flow.errors import StoreError
from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.ports.actions import ActionRunner, Call, Clock
from retake_flow.ports.runs import Inbox, Listener, Request, RunStore
from retake_flow.run import events, records
from retake_flow.run.answers import as_record
from retake_flow.run.commands import Command, EndRun, Leave, SetTimer, StartAction, StartActivity
from retake_flow.run.errors import AnswerWaiting, EventRefused, Fenced, LeaseExpired
from retake_flow.run.gates import Answer
from retake_flow.run.identity import Identity
from retake_flow.run.run import PendingUndo, Phase, Run
from retake_flow.spans import Value, span
from retake_flow.tasks import Scope

_OWN = "the runner's own"


class Runner:
    """Drives one run: from its start, or from where its last process left it.

    Attributes:
        over: Whether its end was recorded, so that nothing of it is still active.
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
        inbox: Inbox | None = None,
        wait: bool = True,
    ) -> None:
        """Prepare to drive.

        Args:
            machine: The machine of the run's flow.
            run: The run as last written.
            catalogue: The actions.
            actions: Performs them.
            store: Where the run is recorded.
            clock: Gives the time.
            listeners: Receive every record.
            inbox: Requests and answers from other processes.
            wait: Whether to stay while the run only waits for a person.
        """
        self.run = run.as_driven()
        self.over = False
        self._machine = machine
        self._catalogue = catalogue = with_own(machine.flow, catalogue)
        self._store = store
        self._clock = clock
        self._listeners = listeners
        self._wait = wait
        self._scopes: dict[str, Scope] = {}
        self._mailbox = Mailbox()
        self._stage = outside_requests.StageRequests(machine.flow, lambda: self.run, self.note, clock)
        self._post, self._post_urgently = self._mailbox.post, partial(self._mailbox.post, urgent=True)
        self._execution = Execution(actions, catalogue, clock, self._post)
        self._driving: asyncio.Task[Run] | None = None
        self._killed = ""  # the reason, once killed
        self._leaving = False  # whether it ends whatever it has started, so that there is nothing to break off
        self._broken_off = ""  # the same, or the reason for leaving the run to another process
        self._suspended = ""  # the reason for leaving while the run waits
        self._broken: BaseException | None = None  # an unexpected error in one of our tasks
        self._inbox: InboxWatch | None = None
        if inbox is not None:
            self._inbox = InboxWatch(inbox, self._post_urgently, self.stop, self.kill, self._handle_request, self._tell)
        self._durability = Durability(inbox, self._mailbox, clock, catalogue)

    async def drive(self) -> Run:
        """Drive the run to its end, or until only a person can take it further.

        When this returns or raises, nothing that it started is still running.

        Returns:
            The run, which has ended, is suspended, or is left to another process.

        Raises:
            StoreError: The run could not be recorded; what it had started was ended cleanly.
            Fenced: Another process has taken it over.
        """
        self._driving = asyncio.current_task()
        try:
            if self._inbox is not None:
                watching = self._inbox.watch(lambda: self.run.gates, self._clock, self._interrupt, self._note_clock)
                self._scope(_OWN).start(watching, "inbox")
            if self._killed or not self._broken_off:  # it may have been handed over before
                await self._begin()
            await self._go_on()
        except asyncio.CancelledError:
            if not self._broken_off:
                await self._lose()
                raise
        except Exception as raised:
            await self._break_off(raised)
            raise
        finally:
            self._leaving = True
            await self._abandon()
        if self._broken_off and self._driving is not None and self._driving.cancelling():
            self._driving.uncancel()  # the caller continues
        if self._killed and not self.over and self.run.phase is not Phase.SUSPENDED:
            # A run that had decided how to end still counts as killed if its ending was not awaited.
            self.run = self.run.as_killed(self._killed)
            self._record_end("killed", self.run.state, self._killed)
        elif self._broken_off and not self.over and self.run.phase is not Phase.SUSPENDED:
            self.note("run_handed_over", run=self.run.id, state=self.run.state, reason=self._broken_off)
        return self.run

    def stop(self, reason: str = "stopped") -> None:
        """Request a clean end, ahead of all other events; repeated requests count once until the run takes one."""
        if not self._mailbox.holds(events.StopRequested):
            self._post_urgently(events.StopRequested(reason))

    def send(self, name: str, data: Mapping[str, Any], by: str = "", request: int = 0) -> None:
        """Send the run an event from outside.

        Expressions see its data as `event.NAME`. `request` is the number of the request that brought it, or 0.

        Raises:
            EventRefused: No active state has a route for it; `EventNotNow` if the flow accepts it in another state.
        """
        external_events.require_expected(self._machine.flow, self.run, name, data)
        self._post(events.Raised(name, data, by, request))

    def answer(self, gate: str, answer: Answer) -> None:
        """Answer an open question directly, without the inbox."""
        self._post_urgently(events.GateAnswered(gate, answer))

    def kill(self, reason: str = "killed") -> None:
        """End the run at once: programs are stopped, undos are not performed."""
        if self._driving is not None and not (self._killed or self.over):
            self._driving.cancel()
        self._killed = self._broken_off = self._killed or reason

    def hand_over(self, reason: str) -> None:
        """Leave the run to another process, unless it ends: programs are stopped, undos stay pending."""
        if not (self.run.has_ended or self._broken_off):
            self._broken_off = reason
            if self._driving is not None:
                self._driving.cancel()

    @property
    def is_parked(self) -> bool:
        """Whether the run only waits for a person."""
        return self._machine.is_parked(self.run)

    def suspend(self, reason: str = "") -> None:
        """Return from `drive` as soon as the run only waits for a person."""
        self._wait = False
        self._suspended = reason
        self._mailbox.wake()

    def look(self) -> None:
        """Read the inbox now."""
        if self._inbox is not None:
            self._inbox.look(self.run.gates)

    def _tell(self, trouble: str) -> None:
        self.note("notice", kind="store", message=trouble)

    def _handle_request(self, request: Request) -> None:
        """Handle a request from outside, other than to end the run."""
        if request.what == "say":
            call = Call(self.run.id, "say", 1, "", {}, {}, f"{self.run.id}/say/{request.number}", self.note)
            flow, run_now = self._machine.flow, lambda: self.run
            perform, clock = self._execution.perform, self._clock
            saying = outside_requests.say_when_ready(request, flow, run_now, call, perform, clock)
            self._scope(_OWN).start(saying, "say")
            return
        if request.what == "screen":
            self._stage.take(request, self._scope(_OWN).start)
            return
        name, data, by = request.data.get("name", ""), request.data.get("data", {}), request.data.get("by", "")
        self._raise(str(by), str(name), data, request.number)

    def _raise(self, by: str, name: str, data: Mapping[str, Any], request: int = 0) -> None:
        """Raise an event from outside, or record why it is refused."""
        try:
            self.send(name, external_events.read_data(self._machine.flow, name, data), by, request)
        except EventRefused as error:
            about = {"name": name, "by": by, "kind": error.kind, "message": error.message, "hint": error.hint}
            self.note("event_refused", **({"request": request} if request else {}), **about)

    # --- from the start, or from where it was -------------------------------------------------------------

    async def _begin(self) -> None:
        if self.run.phase is Phase.PENDING:
            self._write([self._record("run_started", run=self.run.id, flow=self._machine.flow.name)])
            self._post(events.Started())
            return
        died = self.run.phase is not Phase.SUSPENDED
        self._write([self._record("run_resumed", run=self.run.id, state=self.run.state, died=died)])
        was = self.run
        for undo in was.undoing:
            await self._undo(undo)
        if self.run.has_ended:
            self._record_end(str(self.run.outcome), self.run.state, self.run.reason)
        else:
            self._post_urgently(events.Resumed(was, begun=not was.undoing))

    async def _go_on(self) -> None:
        while not self.run.has_ended and not self._broken_off:
            event = await self._mailbox.next(self._stays)
            if event is None:
                return self._suspend()
            about: dict[str, Value] = {"retake_flow.run": self.run.id, "retake_flow.from": self.run.state}
            with span(f"macrostep {type(event).__name__}", about, apart=True) as traced:
                await self._macrostep(event)
                traced.set("retake_flow.to", self.run.state)
        return None

    def _stays(self) -> bool:
        if self._broken is not None:
            raise self._broken
        if self._inbox is not None and self._inbox.failure is not None:
            raise self._inbox.failure
        now = self._clock.now()
        if self._wait or not self.is_parked or any(due <= now for due in self.run.timers.values()):
            return True
        self.look()
        return False

    def _suspend(self) -> None:
        asked = [as_record(self.run.id, gate) for gate in self.run.gates.values()]
        why = {"reason": self._suspended} if self._suspended else {}
        record = self._record("run_suspended", run=self.run.id, state=self.run.state, gates=asked, **why)
        self._write([record], replace(self.run, phase=Phase.SUSPENDED))

    async def _break_off(self, raised: Exception) -> None:
        """End a failed run cleanly; if a bug has broken it, record as much as possible."""
        if self.run.has_ended or isinstance(raised, Fenced | StoreError):
            return await self._give_up(raised)
        now = self._clock.now()
        step = self._machine.end(self.run, as_expression_error(raised).message, now)
        try:
            self._write(journal.of_commands(step.commands, now), step.run)
            for command in step.commands:
                await self._perform(command)
        except asyncio.CancelledError:
            await self._lose()
            raise
        except Exception as error:
            await self._give_up(error)

    async def _give_up(self, why: Exception) -> None:
        """End everything cleanly without recording it; nothing is undone if another process has the run."""
        self._leaving = True
        owed = () if isinstance(why, Fenced) else (*self.run.undoing, *reversed(self.run.undos))
        within = why.undo_within if isinstance(why, LeaseExpired) else None
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._abandon()
                for undo in owed:
                    await self._perform_undo(undo, lambda event, **fields: None)

    def _interrupt(self) -> None:
        """Break off whatever is done at the moment: the run is another's, or soon may be."""
        if self._driving is not None and not (self._broken_off or self._leaving):
            self._driving.cancel()

    async def _lose(self) -> None:
        """End what is still running, if the run was lost, and raise how."""
        lost = None if self._inbox is None else self._inbox.failure
        if lost is None or self._driving is None:
            return
        self._driving.uncancel()
        await self._give_up(lost)
        raise lost

    # --- events in, commands out --------------------------------------------------------------------------

    async def _macrostep(self, event: events.Event) -> None:
        expires = isinstance(event, events.TimerFired) and event.purpose == "timeout"
        if expires and await self._durability.has_answers(self._answers):
            return self._post(event)  # an answer in time must not lose to the timer
        now = self._clock.now()
        step = self._machine.step(self.run, event, now)
        happened = journal.of_event(event, step.commands, now)
        try:
            self._write([*happened, *journal.of_commands(step.commands, now)], step.run)
        except AnswerWaiting:
            if not self._answers():
                raise
            return self._post_urgently(event)
        await self._durability.wait_until_stored()
        for command in step.commands:
            await self._perform(command)
        return None

    def _answers(self) -> bool:
        return self._inbox is not None and self._inbox.answers(self.run.gates)

    async def _perform(self, command: Command) -> None:
        match command:
            case Leave():
                await self._leave(command)
            case StartAction():
                call = self._call(command, command.state, command.attempt, command.key)
                perform = self._execution.look_up if command.look_up else self._execution.action
                work = self._durability.guard(command.do, partial(perform, command, call))
                self._scope(command.state).start(work, command.do)
            case SetTimer():
                scope = self._scope(command.state.partition(":")[0])
                scope.start(self._execution.timer(command), command.purpose)
            case StartActivity():
                key = f"{self.run.id}/{command.activity}/{command.visit}"
                call = self._call(command, command.activity, 1, key)
                beside = self._durability.guard(command.do, partial(self._beside, command, call))
                self._scope(command.activity.rpartition(":")[0]).start(beside, command.activity)
            case EndRun():
                self._record_end(command.outcome, command.state, command.reason)

    def _call(self, command: StartAction | StartActivity, place: str, attempt: int, key: str) -> Call:
        read, raise_event = partial(external_events.read_data, self._machine.flow), partial(self._raise, place)
        given = (self.run.id, place, attempt, command.do, command.inputs, command.memory, key, self.note)
        per_try = command.retry.per_try if command.retry is not None else None
        return Call(*given, read_event=read, raise_event=raise_event, per_try=per_try)

    def _beside(self, command: StartActivity, call: Call) -> Coroutine[Any, Any, None]:
        if self._catalogue[command.do].service:
            return self._execution.service(command, call)
        call = replace(call, keep=partial(self._keep, group(command.do)), recorded=self._durability.is_recorded)
        refill = partial(self._refill, command.activity)
        return self._execution.task(command, call, refill)

    async def _refill(self, activity: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        # If the next round kept something before this result is taken, the result would overwrite it.
        await self._mailbox.wait_until_gone(
            lambda each: isinstance(each, events.ActivityResulted) and each.activity == activity
        )
        return self._machine.refill_inputs(self.run, activity, inputs, self._clock.now())

    def _keep(self, whose: str, memory: Mapping[str, Any], notes: Sequence[events.Noted] = ()) -> None:
        become = replace(self.run, memory={**self.run.memory, whose: memory})
        self._write(journal.of_notes(notes, self._clock.now()), become)

    def learn(self, identity: Identity) -> None:
        """Record which account the run acts as, once more is known of it."""
        about = {"agent": identity.name, "user_db_id": identity.user_db_id, "source": identity.source}
        self._write([self._record("account", **about)], replace(self.run, identity=identity))

    # --- leaving ------------------------------------------------------------------------------------------

    def _scope(self, state: str) -> Scope:
        return self._scopes.setdefault(state, Scope(self._break))

    def _break(self, error: BaseException) -> None:
        self._broken = self._broken or error
        self._mailbox.wake()

    async def _leave(self, command: Leave) -> None:
        scope = self._scopes.pop(command.state, None)
        if scope is not None:
            await scope.close()
        for undo in command.undos:
            await self._undo(undo)

    async def _undo(self, undo: PendingUndo) -> None:
        about = {"state": undo.state, "action": undo.do}
        self.note("undo_started", **about)
        ending = await self._perform_undo(undo, self.note)
        owed = list(self.run.undoing)
        if undo in owed:
            owed.remove(undo)
        self._write([self._record("undo_finished", **about, **ending)], replace(self.run, undoing=tuple(owed)))

    async def _perform_undo(self, undo: PendingUndo, note: Callable[..., None]) -> dict[str, Any]:
        key = f"{self.run.id}/{undo.state}/undo"
        call = Call(self.run.id, undo.state, 1, undo.do, undo.inputs, {}, key, note)
        retry = self._catalogue[undo.do].retry if undo.do in self._catalogue else None
        return await self._execution.undo(call, retry)

    async def _abandon(self) -> None:
        """End all that is still running, innermost first; after an orderly end there is nothing."""
        interrupted = False
        while self._scopes:
            _, scope = self._scopes.popitem()
            try:
                await scope.close()
            except asyncio.CancelledError:
                interrupted = True
        if interrupted and not self._broken_off:
            raise asyncio.CancelledError

    # --- writing down -------------------------------------------------------------------------------------

    def _note_clock(self) -> None:
        """Record that the wall clock was set, since stored data carries its dates."""
        if self._clock.ahead != self.run.ahead and not self.over:
            self._write([])

    def note(self, event: str, **fields: object) -> None:
        """Write a record of something outside a macrostep."""
        self._write([self._record(event, **fields)])

    def _record(self, event: str, /, **fields: object) -> records.Record:
        return records.record(event, self._clock.now(), **fields)

    def _record_end(self, outcome: str, state: str, reason: str) -> None:
        self.over = True
        stats = self.run.stats.figures(self._clock.now())
        self.note("run_ended", run=self.run.id, outcome=outcome, state=state, reason=reason, stats=stats)

    def _write(self, written: list[records.Record], run: Run | None = None) -> None:
        """Write records and the new run together; the new run counts only once written."""
        become, ahead = (run or self.run).counting(written), self._clock.ahead
        if ahead != become.ahead:
            written = [self._record("clock_stepped", by=round(become.ahead - ahead, 3)), *written]
            become = replace(become, ahead=ahead)
        written = [records.record_to_stored(record, ahead) for record in written]
        self._store.write(become.as_stored(ahead), written)
        self.run = become
        for record in written:
            for listener in self._listeners:
                listener.on_record(record)

"""Session: drives runs in this process, shows them, asks the person at the terminal, and passes interrupts on."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow import printable
from retake_flow.cli import startup, terminal
from retake_flow.cli.session.interrupts import Interrupts
from retake_flow.cli.session.views import View, view_for
from retake_flow.errors import RetakeFlowError, StoreAway, StoreError
from retake_flow.flow.model import Flow
from retake_flow.ports.notices import Notifier
from retake_flow.ports.runs import Claim, Listener, Runs, Stored
from retake_flow.quick_dataclasses import dataclass
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run
from retake_flow.settings import Settings
from retake_flow.store.steadfast import Steadfast
from retake_flow.wiring import accounts, preflight, running
from retake_flow.wiring.accounts import AccountLock
from retake_flow.wiring.children import sweep

if TYPE_CHECKING:
    from retake_flow.cli.session.terminal_prompt import Prompter
    from retake_flow.wiring.soak import Soak

#: How long the end of a run waits for an unavailable store, in seconds.
_PATIENCE = 10.0


def is_attended(as_json: bool) -> bool:
    """Whether a person at the terminal can be asked."""
    return not as_json and terminal.foreground(sys.stdin) and terminal.foreground(sys.stdout)


@dataclass(frozen=True, slots=True)
class _Driving:
    """The surroundings of a run to drive: its flow, notifiers and soak, and why to end it at once.

    `ending` releases the run, after the programs of its rehearsal have ended: until then it counts as driven.
    """

    flow: Flow
    channels: Sequence[Notifier]
    ending: AsyncExitStack
    stop: str = ""
    soak: Soak | None = None


class _ViewListener:
    """Shows records with their numbers, and with the run, agent and host by which the logs of many are told apart.

    The first that cannot be shown is reported, and none ever ends a run.
    """

    def __init__(self, view: View, stored: Stored, number: int) -> None:
        self._view = view
        self._about = {"run": stored.run.id, "agent": stored.agent, "host": os.uname().nodename}
        self._number = number
        self._told = False

    def on_record(self, record: Record) -> None:
        """Show a record of the journal."""
        self._number += 1
        if record["event"] == "account":
            self._about["agent"] = record["agent"]
        try:
            self._view.on_record({"number": self._number, **self._about, **record})
        except Exception as error:
            if not self._told:
                told = f"{type(error).__name__}: {error}"
                terminal.advise(f"retake-flow: {record['event']} cannot be shown ({printable.line(told)})")
            self._told = True


class Session:
    """Drives the runs of this process.

    Args:
        runs: The store.
        settings: The settings of this process.
        view: Shows the runs.
        interrupts: May interrupt them.
        as_json: Whether a program reads our output.
        wait: Whether to stay while a run only waits for a person; with somebody at the terminal it always does.
        asks: Whether to ask at the terminal, if there is one.
    """

    def __init__(
        self,
        runs: Runs,
        settings: Settings,
        view: View,
        interrupts: Interrupts,
        *,
        as_json: bool,
        wait: bool,
        asks: bool = True,
    ) -> None:
        self.runs = runs
        self.settings = settings
        self.view = view
        self._interrupts = interrupts
        self._asks = asks and is_attended(as_json)
        self._wait = wait or self._asks

    async def begin(
        self,
        flow: Flow,
        run_id: str,
        inputs: dict[str, Any],
        rehearsal: tuple[Path, dict[str, Any]] | None,
        soak: Soak | None = None,
    ) -> Run:
        """Start a run and drive it; `rehearsal` is the folder and the options of one, None for the real platform.

        Raises:
            AccountInUse: Another run streams as its agent; the run was not started.
        """
        await preflight.require(flow, self.settings, rehearsed=rehearsal is not None)
        if rehearsal is None:
            preflight.require_own(flow)
        folder = "" if rehearsal is None else str(rehearsal[0].absolute())  # a link is checked where it is used
        run = running.new_run(run_id, flow, inputs, folder)
        channels = running.channels(flow, self.settings, run)
        options = {} if rehearsal is None else rehearsal[1]
        async with AsyncExitStack() as ending, self._platform(run, options, soak) as settings:
            driving = _Driving(flow, channels, ending, soak=soak)
            run = replace(run, identity=accounts.identity_here(settings, inputs))
            with accounts.lock_of(run, settings) as lock:
                try:
                    accounts.hold(lock, flow, run.identity)
                    claim = running.store_and_claim(self.runs, flow, run)
                except RetakeFlowError:
                    if folder:
                        from retake_flow.wiring import rehearsing

                        rehearsing.forget(Path(folder))
                    raise
                with let_go(claim):
                    stored = replace(self.runs.load(run.id), run=run)  # with its secrets, which are not stored
                    return await self._drive(driving, stored, claim, lock, settings)

    async def go_on(self, flow: Flow, stored: Stored, claim: Claim, lock: AccountLock, stop: str = "") -> Run:
        """Resume a claimed run, or end it at once if `stop` says why; the caller releases the claim on a failure."""
        run = stored.run
        channels = running.channels(flow, self.settings, run)
        if not stop:
            await preflight.require(flow, self.settings, rehearsed=bool(run.rehearsal))
        sweep(run.id)
        async with AsyncExitStack() as ending, self._platform(run, None) as settings:
            driving = _Driving(flow, channels, ending, stop)
            return await self._drive(driving, stored, claim, lock, settings)

    @asynccontextmanager
    async def _platform(
        self, run: Run, options: dict[str, Any] | None, soak: Soak | None = None
    ) -> AsyncIterator[Settings]:
        """The settings of a run: those of this process, or those of its rehearsal (without options, a resumed one)."""
        if not run.rehearsal:
            yield self.settings
            return
        from retake_flow.wiring import rehearsing

        folder, launcher = self._folder(run), running.launcher(run.id)
        resumed = options is None
        async with rehearsing.rehearsal(launcher, self.settings, folder, options or {}, resumed) as settings:
            yield settings
        if self.runs.load(run.id).run.has_ended:
            rehearsing.forget(folder)
            seen = await rehearsing.report(launcher, folder)
            if soak is not None:
                seen["soak"] = soak.report(seen, (record for _, record in self.runs.journal(run.id)))
            self.view.report(seen)

    def _folder(self, run: Run) -> Path:
        """The folder of a run's rehearsal. A folder inside the state folder moves with it."""
        moved = self.settings.state_folder / "rehearsals" / run.id
        return moved if moved.is_dir() else Path(run.rehearsal)

    def _prompter(self) -> Prompter | None:
        """Asks the person at the terminal, if there is one."""
        if not self._asks:
            return None
        from retake_flow.cli.session.terminal_prompt import Prompter

        return Prompter(self.runs, self.view)

    async def _drive(
        self, driving: _Driving, stored: Stored, claim: Claim, lock: AccountLock, settings: Settings
    ) -> Run:
        run = stored.run
        prompter = self._prompter()
        last = self.runs.journal(run.id, last=1)
        seen = _ViewListener(self.view, stored, last[0][0] if last else 0)
        listeners: list[Listener] = [each for each in (seen, prompter, driving.soak) if each is not None]
        wait = self._wait and not driving.stop
        claim = Steadfast(claim, run)
        async with running.runner(
            driving.flow,
            run,
            claim,
            lock,
            settings,
            listeners,
            driving.channels,
            clock=running.clock_of(stored),
            folder=Path(stored.flow_file).parent,
            wait=wait,
            journal=lambda last: (record for _, record in self.runs.journal(run.id, last=last)),
        ) as runner:
            self._interrupts.of(runner)
            if driving.stop:
                runner.stop(driving.stop)
            beside = [each for each in (prompter, driving.soak) if each is not None]
            attending = [asyncio.create_task(each.attend(runner)) for each in beside]
            startup.settle_garbage()
            try:
                ended = await runner.drive()
            except StoreError:
                with suppress(RetakeFlowError):  # so that records kept in memory can still be written
                    claim.release()
                raise
            finally:
                for task in attending:
                    task.cancel()
                if attending:
                    await asyncio.wait(attending)
        driving.ending.push_async_callback(_release, claim, _PATIENCE if not self._interrupts.count else 0.0)
        return ended


async def drive_one(
    runs: Runs,
    settings: Settings,
    title: str,
    drive: Callable[[Session], Awaitable[Run]],
    *,
    as_json: bool,
    wait: bool,
    log: Path | None,
) -> int:
    """Drive a run, with its output on the terminal or only in a log, and return the exit code."""
    as_json = as_json or log is not None
    with view_for(as_json, title, prompted=is_attended(as_json), log=log) as view, Interrupts() as interrupts:
        ended = await drive(Session(runs, settings, view, interrupts, as_json=as_json, wait=wait))
    return exit_code(ended, bool(interrupts.count))


async def _release(claim: Claim, patience: float) -> None:
    """Release a run that was driven; waits some seconds for an unavailable store."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return claim.release()
        except StoreAway:
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(0.2)


@contextmanager
def let_go(claim: Claim) -> Iterator[None]:
    """Release a run if driving it fails, so that any process can resume it at once."""
    try:
        yield
    except (Exception, asyncio.CancelledError):
        with suppress(RetakeFlowError):
            claim.release()
        raise


def exit_code(ended: Run, interrupted: bool) -> int:
    """The exit code after a run was driven."""
    if ended.phase is Phase.SUSPENDED:
        return 4
    if interrupted:
        return 130
    return 0 if ended.has_succeeded else 1

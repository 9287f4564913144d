"""`retake-flow resume --all`: every run that waits for a process, side by side in this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from retake_flow.cli import terminal
from retake_flow.cli.interrupts import Interrupts
from retake_flow.cli.lines import clock, lines
from retake_flow.cli.reports import report_lines
from retake_flow.cli.session import Session
from retake_flow.cli.takeover import claimed, taken_up
from retake_flow.engine.performance import known
from retake_flow.errors import RetakeFlowError, RunHeld
from retake_flow.ports.runs import Runs, Summary
from retake_flow.run.records import Record, plain
from retake_flow.run.run import Phase
from retake_flow.settings import Settings
from retake_flow.wiring.storing import alive

#: How often to look for more runs while some are driven, in seconds.
LOOK_AGAIN = 15.0


def resume_all(runs: Runs, settings: Settings, *, as_json: bool, wait: bool) -> int:
    """Go on with every run whose process died, and with every suspended one that has something to do.

    While any is driven, those that come to wait for a process meanwhile are taken up too.

    Returns:
        The exit code: 0 when all went well or wait for a person, 1 when one failed, 130 after an interruption.
    """
    return asyncio.run(_Together(runs, settings, as_json=as_json, wait=wait).drive())


def _waiting(runs: Runs) -> Iterator[str]:
    now = time.time()
    for summary in runs.summaries():
        died = summary.holder is not None and not alive(summary.holder)
        if died or (summary.phase is Phase.SUSPENDED and summary.holder is None and _due(runs, summary, now)):
            yield summary.id


def _due(runs: Runs, summary: Summary, now: float) -> bool:
    """Whether a suspended run has something to do: a question was answered, or a time has come."""
    try:
        run = runs.load(summary.id).run
    except RetakeFlowError:
        return True  # whoever takes it up is told why it cannot be read
    return summary.gates < len(run.gates) or any(due <= now for due in run.timers.values())


class _Together:
    """Runs that are driven side by side."""

    def __init__(self, runs: Runs, settings: Settings, *, as_json: bool, wait: bool) -> None:
        self._runs = runs
        self._session = Session(runs, settings, as_json=as_json, wait=wait, asks=False)
        self._as_json = as_json
        self._driven: dict[str, asyncio.Task[bool]] = {}
        self._failed: set[str] = set()

    async def drive(self) -> int:
        """Drive until none is left; gives the exit code."""
        with Interrupts() as interrupts:
            self._take_up(interrupts)
            if not self._driven and not self._as_json:
                terminal.say("no run waits for a process")
            while self._driven:
                deadline = time.monotonic() + LOOK_AGAIN
                while self._driven and (left := deadline - time.monotonic()) > 0:
                    done, _ = await asyncio.wait(
                        self._driven.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                    self._failed |= {task.get_name() for task in done if not task.result()}
                    self._driven = {run: task for run, task in self._driven.items() if task not in done}
                if self._driven and not interrupts.count:
                    self._take_up(interrupts)
        return 130 if interrupts.count else 1 if self._failed else 0

    def _take_up(self, interrupts: Interrupts) -> None:
        try:
            waiting = list(_waiting(self._runs))
        except RetakeFlowError:
            if not self._driven:
                raise
            return  # those that are driven go on; what is missed now is seen the next time
        for run in waiting:
            if run not in self._driven and run not in self._failed:
                work = _one(self._session, run, self._as_json, interrupts)
                self._driven[run] = asyncio.create_task(work, name=run)


async def _one(session: Session, run: str, as_json: bool, interrupts: Interrupts) -> bool:
    """Drive one run; tells whether all is well with it."""
    view = _Named(run, as_json)
    try:
        ended = await taken_up(session, run, claimed(session.runs, run), view, interrupts)
    except RunHeld:
        return True  # somebody else was quicker
    except Exception as raised:  # also a defect of ours with one run must not take the others down
        view.heard(_failure(known(raised, f"going on with {run}")))
        return False
    return ended.phase is Phase.SUSPENDED or ended.succeeded


def _failure(error: RetakeFlowError) -> Record:
    from retake_flow.run.records import record

    return record("error", time.time(), place="resume", kind=error.kind, message=error.message, hint=error.hint)


class _Named:
    """Shows each record with the run it belongs to."""

    def __init__(self, run: str, as_json: bool) -> None:
        self._run = run
        self._as_json = as_json

    def pause(self) -> None:
        """Nothing is in the way."""

    def go_on(self) -> None:
        """Nothing was in the way."""

    def earlier(self, record: Record) -> None:
        """What was before is not shown."""

    def heard(self, record: Record) -> None:
        """Print a record."""
        if self._as_json:
            terminal.emit({"run": self._run, **record})
            return
        for line in lines(record):
            terminal.say(f"[{self._run}] {clock(record)}  {line}")

    def report(self, report: dict[str, Any]) -> None:
        """Print how a rehearsal went."""
        if self._as_json:
            terminal.emit({"run": self._run, "event": "rehearsal_report", **plain(report)})
            return
        for line in report_lines(report):
            terminal.say(f"[{self._run}] {line}")

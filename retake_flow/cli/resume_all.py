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
from retake_flow.errors import RetakeFlowError, RunHeld
from retake_flow.ports.runs import Runs, Summary
from retake_flow.run.records import Record, plain
from retake_flow.run.run import Phase, Run
from retake_flow.settings import Settings
from retake_flow.wiring.storing import alive


def resume_all(runs: Runs, settings: Settings, *, as_json: bool, wait: bool) -> int:
    """Go on with every run whose process died, and with every suspended one that has something to do.

    Returns:
        The exit code: 0 when all went well or wait for a person, 1 when one failed, 130 after an interruption.
    """
    waiting = list(_waiting(runs))
    if not waiting and not as_json:
        terminal.say("no run waits for a process")
    return asyncio.run(_together(runs, settings, waiting, as_json=as_json, wait=wait))


def _waiting(runs: Runs) -> Iterator[str]:
    now = time.time()
    for summary in runs.summaries():
        died = summary.holder is not None and not alive(summary.holder)
        if died or (summary.phase is Phase.SUSPENDED and summary.holder is None and _due(runs, summary, now)):
            yield summary.id


def _due(runs: Runs, summary: Summary, now: float) -> bool:
    """Whether a suspended run has something to do: a question was answered, or a time has come."""
    run = runs.load(summary.id).run
    return summary.gates < len(run.gates) or any(due <= now for due in run.timers.values())


async def _together(runs: Runs, settings: Settings, waiting: list[str], *, as_json: bool, wait: bool) -> int:
    session = Session(runs, settings, as_json=as_json, wait=wait, asks=False)
    with Interrupts() as interrupts:
        each = (_one(session, run, as_json, interrupts) for run in waiting)
        ended = await asyncio.gather(*each)
    if interrupts.count:
        return 130
    good = all(run is not None and (run.phase is Phase.SUSPENDED or run.outcome == "completed") for run in ended)
    return 0 if good else 1


async def _one(session: Session, run: str, as_json: bool, interrupts: Interrupts) -> Run | None:
    view = _Named(run, as_json)
    try:
        return await taken_up(session, run, claimed(session.runs, run), view, interrupts)
    except RunHeld:
        return session.runs.load(run).run  # somebody else was quicker
    except RetakeFlowError as error:
        view.heard(_failure(error))
        return None


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

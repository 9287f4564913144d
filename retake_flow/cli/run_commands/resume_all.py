"""`retake-flow resume --all`: resumes every run that waits for a process, side by side in this one."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.cli.session.interrupts import Interrupts
from retake_flow.cli.session.rehearsal_report import report_lines
from retake_flow.cli.session.session import Session
from retake_flow.cli.session.takeover import take_up
from retake_flow.cli.session.views import NoView
from retake_flow.errors import AccountInUse, Damaged, NewerForm, RetakeFlowError, StoreAway, WrongAccount
from retake_flow.monitor.journal_text import clock, lines
from retake_flow.os_errors import as_our_error
from retake_flow.ports.runs import Runs, Summary
from retake_flow.run.errors import RunHeld
from retake_flow.run.records import Record, masked, record
from retake_flow.run.run import Phase
from retake_flow.settings import Settings
from retake_flow.wiring.storing import is_alive, is_certain, this_process

#: How often to look for more runs while this process drives some, in seconds.
LOOK_AGAIN = 15.0
_LOOK_FOR_LOST = 2.0  # seconds


def resume_all(runs: Runs, settings: Settings, *, as_json: bool, wait: bool) -> int:
    """Resume every run whose process died or had to let go of it, and every suspended run that has something to do.

    While a run is driven, other runs that begin to wait for a process are resumed too.

    Returns:
        The exit code: 0 when all runs succeeded or wait for a person, 1 when one failed, 5 when one that may wait for
        a process was left alone, 130 after an interruption.
    """
    return asyncio.run(_JointRun(runs, settings, as_json=as_json, wait=wait).drive())


def _take_stock(runs: Runs) -> tuple[list[str], dict[str, RetakeFlowError]]:
    """The runs that wait for a process, and those that might: they are held on another host, or damaged.

    A recreated container counts as another host.
    """
    now = time.time()
    waiting, elsewhere = list[str](), dict[str, RetakeFlowError]()
    owing = set(runs.owing())
    for summary in runs.summaries():
        holder = summary.holder
        if summary.submitted:
            continue  # workers drive it
        if summary.damage:
            elsewhere[summary.id] = Damaged(f"it is damaged: {summary.damage}")
        elif holder is None:
            if summary.id in owing or (summary.outcome is None and _needs_process(runs, summary, now)):
                waiting.append(summary.id)
        elif not is_alive(holder):
            waiting.append(summary.id)
        elif not is_certain(holder) and summary.outcome is None:
            elsewhere[summary.id] = RunHeld(summary.id, host=holder.host, pid=holder.pid, certain=False)
    return waiting, elsewhere


def _needs_process(runs: Runs, summary: Summary, now: float) -> bool:
    """Whether a released run has something to do: if suspended, once a question is answered or a timer is due."""
    if summary.phase is not Phase.SUSPENDED:
        return True
    try:
        run = runs.load(summary.id).run
    except RetakeFlowError:
        return True  # the resume reports why it cannot be read
    return summary.gates < len(run.gates) or any(due <= now for due in run.timers.values())


class _JointRun:
    """Drives several runs side by side."""

    def __init__(self, runs: Runs, settings: Settings, *, as_json: bool, wait: bool) -> None:
        self._runs = runs
        self._settings = settings
        self._wait = wait
        self._as_json = as_json
        self._driven: dict[str, asyncio.Task[None]] = {}
        self._failed: set[str] = set()
        self._lost: set[str] = set()
        self._left: dict[str, str] = {}

    async def drive(self) -> int:
        """Drive until no run is left, and return the exit code."""
        with Interrupts() as interrupts:
            self._take_up(interrupts)
            if not self._driven and not self._left and not self._as_json:
                terminal.say("no run waits for a process")
            while (self._driven or self._lost) and not (interrupts.count and not self._driven):
                deadline = time.monotonic() + LOOK_AGAIN
                while self._driven and (left := deadline - time.monotonic()) > 0:
                    done, _ = await asyncio.wait(
                        self._driven.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                    self._driven = {run: task for run, task in self._driven.items() if task not in done}
                if not self._driven and self._lost:
                    await asyncio.sleep(_LOOK_FOR_LOST)
                if (self._driven or self._lost) and not interrupts.count:
                    self._take_up(interrupts)
        if interrupts.count:
            return 130
        return 1 if self._failed else 5 if self._left else 0

    def _take_up(self, interrupts: Interrupts) -> None:
        try:
            waiting, elsewhere = _take_stock(self._runs)
            ours = {run for run in self._lost if self._runs.load(run).holder == this_process()}
        except RetakeFlowError:
            if not (self._driven or self._lost):
                raise
            return  # the driven runs continue; the next search finds the others
        self._left = {run: said for run, said in self._left.items() if run in elsewhere or run in waiting}
        for run, held in elsewhere.items():
            self._leave(run, held)
        for run in waiting:
            if run not in self._driven and run not in self._failed:
                self._driven[run] = asyncio.create_task(self._drive_one(run, interrupts), name=run)
        self._lost = ours - self._driven.keys()  # they wait until their lease expires

    async def _drive_one(self, run: str, interrupts: Interrupts) -> None:
        """Drive one run, unless another process has it."""
        view = _PrefixedView(run, self._as_json)
        try:
            session = Session(
                self._runs, self._settings, view, interrupts, as_json=self._as_json, wait=self._wait, asks=False
            )
            ended = await take_up(session, self._runs.load(run))
        except RunHeld:
            return  # another process was faster
        except StoreAway as error:  # others may take it, and so may this process once the store is back
            view.on_record(_failure(error))
            self._lost.add(run)
            return
        except (WrongAccount, AccountInUse, Damaged, NewerForm) as error:
            self._leave(run, error)
            return
        except Exception as raised:  # a bug that affects one run must not end the others
            view.on_record(_failure(as_our_error(raised, f"resuming {run}")))
            self._failed.add(run)
            return
        self._left.pop(run, None)
        if ended.phase is not Phase.SUSPENDED and not ended.has_succeeded:
            self._failed.add(run)

    def _leave(self, run: str, error: RetakeFlowError) -> None:
        """Report once that a run is not resumed, why, and how to resume it."""
        if self._left.get(run) == error.message:
            return
        self._left[run] = error.message
        if self._as_json:
            about = {"kind": error.kind, "message": error.message, "hint": error.hint}
            terminal.emit({"run": run, **record("run_left", time.time(), **about)})
        else:
            terminal.say(printable.line(f"[{run}] is skipped: {error.message}; {error.hint}"))


def _failure(error: RetakeFlowError) -> Record:
    return record("error", time.time(), place="resume", kind=error.kind, message=error.message, hint=error.hint)


class _PrefixedView(NoView):
    """Shows each record with the id of its run."""

    def __init__(self, run: str, as_json: bool) -> None:
        self._run = run
        self._as_json = as_json

    def on_record(self, record: Record) -> None:
        """Print a record."""
        if self._as_json:
            terminal.emit({"run": self._run, **record})
            return
        for line in lines(record):
            terminal.say(f"[{self._run}] {clock(record)}  {line}")

    def report(self, report: dict[str, Any]) -> None:
        """Print the report of a rehearsal."""
        if self._as_json:
            terminal.emit({"run": self._run, "event": "rehearsal_report", **masked(report)})
            return
        for line in report_lines(report):
            terminal.say(f"[{self._run}] {line}")

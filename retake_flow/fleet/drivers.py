"""Drivers: the processes that drive the runs of a host, as the worker that started them sees them."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from retake_flow.errors import RetakeFlowError
from retake_flow.fleet.forkserver import Ended, ForkServer, Started
from retake_flow.ports.fleet import Host, Job, Placed
from retake_flow.quick_dataclasses import dataclass, field

if TYPE_CHECKING:
    from retake_flow.store.sql.fleet import SqlFleet

#: Seconds until a run is tried again whose driver ended by an error of these kinds, for which the run is not to blame.
AGAIN_AFTER: Final = {"account_in_use": 15.0, "store_away": 5.0, "lease_expired": 1.0}
_STARTS_WITHIN: Final = 120.0  # seconds that a start counts among those at once
_NO_FAILURE: Final = (0, 4, 130)
_HELD: Final = 5


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a worker needs of the program around it.

    Attributes:
        describe: Describes the host as it is now; the worker fills in whether it takes runs.
        order: The order for the driver of a run.
        trouble: Why the driver of a run failed last: the kind of the error, and a sentence.
        hold: Notifies people that a run is held.
        log: Logs an event of the worker, with its fields.
    """

    describe: Callable[[], Host]
    order: Callable[[Placed], dict[str, Any]]
    trouble: Callable[[str], tuple[str, str]]
    hold: Callable[[Job], None]
    log: Callable[..., None]

    def report_held(self, job: Job) -> None:
        """Log that a run is held, and notify people."""
        self.log("run_held", run=job.run, failures=len(job.failures), message=job.trouble)
        self.hold(job)


@dataclass(slots=True)
class _Driver:
    placed: Placed
    settled: threading.Event = field(default_factory=threading.Event)
    pid: int = 0


class Drivers:
    """The drivers that a worker has started and that have not ended.

    Args:
        fleet: The runs and hosts.
        server: Starts the drivers.
        hooks: The program around the worker.

    Attributes:
        lost: Whether the fork server has died, so that nothing is known of the drivers and no more can be started.
    """

    def __init__(self, fleet: SqlFleet, server: ForkServer, hooks: Hooks) -> None:
        self.lost = False
        self._fleet = fleet
        self._server = server
        self._hooks = hooks
        self._wanted: queue.SimpleQueue[_Driver] = queue.SimpleQueue()
        self._by_job: dict[str, _Driver] = {}
        self._ended: list[tuple[Placed, str, float]] = []

    def __contains__(self, job: str) -> bool:
        return job in self._by_job

    @property
    def all_returned(self) -> bool:
        """Whether every driver has ended, and the store knows how."""
        return not (self._by_job or self._ended)

    @property
    def are_starting(self) -> bool:
        """Whether one of them has neither claimed its run nor ended."""
        return any(not driver.settled.is_set() for driver in self._by_job.values())

    @property
    def handles(self) -> list[int]:
        """The handles that become readable when a driver has started or ended."""
        return [] if self.lost else [self._server.fileno()]

    def begin(self, placed: Placed, wake: Callable[[], None]) -> None:
        """Have a run driven, in any thread; returns once its driver has claimed it or has ended.

        Args:
            placed: The run.
            wake: Has the worker call `start_wanted`.
        """
        driver = _Driver(placed)
        self._wanted.put(driver)
        wake()
        driver.settled.wait(_STARTS_WITHIN)

    def start_wanted(self, host: str, *, draining: bool) -> None:
        """Start what `begin` was called for, unless the host was drained or has lost the run meanwhile."""
        given = None
        while not (self.lost or self._wanted.empty()):
            if given is None:
                given = {placed.job: placed for placed in self._fleet.placed_runs(host)}
            driver = self._wanted.get()
            job = driver.placed.job
            if draining or job not in given or job in self._by_job:
                driver.settled.set()  # it was given to another host since, or is under way
                continue
            driver.placed = given[job]
            self._by_job[job] = driver
            try:
                self._server.start(job, self._hooks.order(driver.placed))
            except (RetakeFlowError, OSError) as error:
                self._end(Ended(job, 1), str(error), draining=draining)

    def note_news(self, *, draining: bool) -> None:
        """Note which drivers have started and ended.

        Raises:
            EOFError: The fork server has died. The drivers go on, and the store says which of them drive runs.
        """
        if self.lost:
            return
        try:
            news = self._server.news()
        except EOFError:
            self.lost = True
            for driver in self._by_job.values():
                driver.settled.set()
            self._by_job.clear()
            raise
        for each in news:
            match each:
                case Started(job, pid) if job in self._by_job:
                    self._note_start(self._by_job[job], pid)
                case Ended():
                    self._end(each, draining=draining)
        _reap()

    def _note_start(self, driver: _Driver, pid: int) -> None:
        driver.pid, placed = pid, driver.placed
        waited = {} if placed.since is None else {"waited": round(max(0.0, time.time() - placed.since), 1)}
        self._hooks.log("driver_started", run=placed.run, epoch=placed.epoch, why=placed.why, pid=pid, **waited)

    def _end(self, ended: Ended, message: str = "", *, draining: bool) -> None:
        driver = self._by_job.pop(ended.job, None)
        if driver is None:
            return
        driver.settled.set()
        placed, kind, failure, after = driver.placed, "", "", 0.0
        asked_to_end = draining and ended.code == -signal.SIGTERM  # before it could handle that
        if ended.code not in _NO_FAILURE and not asked_to_end:
            kind, said = self._hooks.trouble(placed.run) if ended.code > 0 else ("", "")
            after = AGAIN_AFTER.get(kind, 0.0)
            if after or ended.code != _HELD:
                failure = message or said or _exit_in_words(ended.code)
        about = {"code": ended.code, "kind": kind, "message": failure}
        self._hooks.log("driver_ended", run=placed.run, epoch=placed.epoch, **about)
        self._ended.append((placed, failure, after))

    def give_back(self) -> None:
        """Store how drivers have ended, so that their runs can get a host again."""
        while self._ended:
            placed, failure, after = self._ended[0]
            held = self._fleet.give_back(placed, failure, after=after)
            self._ended.pop(0)
            if held is not None:
                self._hooks.report_held(held)

    def settle(self, host: str) -> None:
        """Note which runs are claimed by now."""
        if self.are_starting:
            given = {placed.job for placed in self._fleet.placed_runs(host)}
            for job, driver in self._by_job.items():
                if driver.pid and job not in given:
                    driver.settled.set()

    def ask_to_end(self, asked: Collection[str]) -> list[str]:
        """Ask all to end, except for the jobs and the runs that were asked; returns the jobs that are asked now."""
        drivers = [(job, each) for job, each in self._by_job.items() if each.pid]
        asking = {job: each.pid for job, each in drivers if job not in asked and each.placed.run not in asked}
        for pid in asking.values():
            ask_to_end(pid)
        return list(asking)


def ask_to_end(pid: int) -> None:
    """Ask a driver to hand its run over, or to end it; the process may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _exit_in_words(code: int) -> str:
    if code >= 0:
        return f"its driver ended with exit code {code}"
    try:
        return f"its driver was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"its driver was killed by signal {-code}"


def _reap() -> None:
    """Let go of processes that have become our children: in a container, those of drivers that died."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass

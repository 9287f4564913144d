"""Worker: has the runs driven that its host is given, each by a process of its own.

It owns nothing that a stream needs. The drivers have leases of their own and go on when it dies, hangs or is upgraded;
what the host has is in the store. So whatever goes wrong in here is mended by beginning again.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import RetakeFlowError, StoreAway, StoreError
from retake_flow.fleet.driver_processes import ask_to_end, reap, words_of
from retake_flow.fleet.forkserver import Ended, ForkServer, Started
from retake_flow.fleet.placement import choose
from retake_flow.fleet.queue import WorkQueue
from retake_flow.ports.fleet import Drain, Host, Job, Placed
from retake_flow.ports.runs import Runs
from retake_flow.process_place import runs as is_running
from retake_flow.process_place import where
from retake_flow.quick_dataclasses import dataclass, field

if TYPE_CHECKING:
    from retake_flow.store.sql.fleet import SqlFleet

#: How often the worker looks at the store, in seconds, and how often while drivers start.
EVERY: Final = 1.0
EVERY_WHILE_STARTING: Final = 0.25
_LEAST: Final = 0.02  # seconds between two looks
#: Seconds without a look of the queue, while the store answers, after which its connections are dropped, and after
#: which the worker begins again.
QUIET: Final = 3.0
SILENT: Final = 10.0
#: Seconds until a run is tried again whose driver ended by an error of these kinds, for which the run is not to blame.
AGAIN_AFTER: Final = {"account_in_use": 15.0, "store_away": 5.0, "lease_expired": 1.0}
#: When a worker that has to begin again does so, in seconds since it began, and how long one works after which it
#: counts as well.
RESTARTS: Final = Backoff(first=1.0, cap=60.0)
STEADY: Final = 120.0
#: When a queue is opened again that could not be reached.
OPENS_AGAIN: Final = Backoff(first=1.0, cap=15.0)
_STARTS_WITHIN: Final = 120.0  # seconds that a start counts among those at once
_BEGUN_WITHIN: Final = 20.0
_TIDY_EVERY: Final = 600.0
_NO_FAILURE: Final = (0, 4, 130)
_HELD: Final = 5

#: Told what happens: a word for it, and its fields.
Tell = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a worker needs of the program around it.

    Attributes:
        describe: Describes the host as it is now; the worker fills in whether it takes runs.
        order: The order for the driver of a run.
        trouble: Why the driver of a run failed last: the kind of the error, and a sentence.
        hold: Tells people that a run is held.
        tell: Tells the operator's log what happens.
    """

    describe: Callable[[], Host]
    order: Callable[[Placed], dict[str, Any]]
    trouble: Callable[[str], tuple[str, str]]
    hold: Callable[[Job], None]
    tell: Tell


@dataclass(slots=True)
class _Driver:
    placed: Placed
    settled: threading.Event = field(default_factory=threading.Event)
    pid: int = 0


class Restart(Exception):
    """The worker has to begin again, as a new program.

    Attributes:
        restarts: How often it had to in a row.
    """

    def __init__(self, reason: str, restarts: int) -> None:
        super().__init__(reason)
        self.restarts = restarts


class Worker:
    """The worker of a host.

    Args:
        fleet: The runs and hosts.
        runs: The runs.
        server: Starts the drivers.
        hooks: The program around it.
        restarts: How often the worker had to begin again in a row.
    """

    def __init__(self, fleet: SqlFleet, runs: Runs, server: ForkServer, hooks: Hooks, restarts: int = 0) -> None:
        self._fleet = fleet
        self._runs = runs
        self._server = server
        self._hooks = hooks
        self._work: WorkQueue | None = None
        self._host = hooks.describe()
        self._wanted: queue.SimpleQueue[_Driver] = queue.SimpleQueue()
        self._drivers: dict[str, _Driver] = {}
        self._known: set[str] = set()
        self._returned: list[tuple[Placed, str, float]] = []
        self._asked: set[str] = set()
        self._unbegun: dict[str, float] = {}  # since when, by the monotonic clock
        self._drain: Drain = ""
        self._drain_logged: Drain = ""
        self._leave_drivers = False
        self._restart = ""
        self._restart_at = 0.0  # by the monotonic clock
        self._restarts = restarts
        self._began = time.monotonic()
        self._lease_ends = float("inf")  # the next one of any host, by the monotonic clock
        self._server_gone = False
        self._away = ""
        self._queue_trouble = ""
        self._tidied = time.monotonic()
        self._dropped = float("-inf")
        self._awake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    @property
    def host(self) -> Host:
        """The host, as last described."""
        return self._host

    # --- for other threads and signals ------------------------------------------------------------------------

    def begin(self, run: str, epoch: int) -> None:
        """Have a run driven, and return once its driver has claimed it or has ended; an order of the queue."""
        driver = _Driver(Placed(run, epoch, self._host.id))
        self._wanted.put(driver)
        self._wake()
        driver.settled.wait(_STARTS_WITHIN)

    def on_signal(self, number: int) -> None:
        """Drain on SIGTERM or SIGINT, begin again on SIGHUP; end at once at a second SIGTERM or SIGINT."""
        if number == signal.SIGHUP:
            self._restart, self._restart_at, self._restarts = "asked by SIGHUP", 0.0, 0
        elif self._drain:
            self._leave_drivers = True
        else:
            self._drain = "hand-over"
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # it is awake
            os.write(self._waker, b"x")

    # --- the loop ---------------------------------------------------------------------------------------------

    def work(self, work: WorkQueue) -> None:
        """Work until the host is drained.

        Args:
            work: The queue of the host.

        Raises:
            Restart: It has to begin again, as a new program; the drivers go on.
            HostTaken: Another process is the worker of this host.
        """
        self._fleet.beat(replace(self._host, accepts=False))
        if not self._open(work):
            return self._fleet.leave(self._host.id)
        self._work = work
        self._hooks.tell("worker_started", host=self._host.id, capacity=self._host.capacity, pid=os.getpid())
        while not self._over():
            self._look()
            watched = [self._awake] if self._server_gone else [self._server.fileno(), self._awake]
            ready, _, _ = select.select(watched, [], [], self._pause())
            if self._awake in ready:
                os.read(self._awake, 4096)
                self._log_drain()
            self._hear()
            if self._restart and not self._drain and time.monotonic() >= self._restart_at:
                raise Restart(self._restart, self._restarts)
        self._log_drain()
        self._fleet.leave(self._host.id)
        return self._hooks.tell("worker_ended", host=self._host.id)

    def _open(self, work: WorkQueue) -> bool:
        """Open the queue, as soon as the server permits; false when the worker was told to end first."""
        failures = 0
        while True:
            self._hooks.describe()  # which notes that the worker is alive
            slow = threading.Timer(SILENT, self._hooks.tell, ["queue_away"], {"message": "it does not open"})
            slow.daemon = True
            slow.start()
            try:
                work.open()
                if failures or slow.finished.is_set():
                    self._hooks.tell("queue_back", message="")
                return True
            except StoreAway as error:
                self._hooks.tell("queue_away", message=error.message, hint=error.hint)
            finally:
                slow.cancel()
            failures += 1
            if not self._waits(OPENS_AGAIN.wait(failures)):
                return False

    def _waits(self, seconds: float) -> bool:
        """Wait while the queue is away, as a host that lives and takes nothing; false when told to end."""
        until = time.monotonic() + seconds
        while not self._drain:
            if self._restart:
                raise Restart(self._restart, self._restarts)
            if (left := until - time.monotonic()) <= 0:
                return True
            self._host = self._hooks.describe()
            with suppress(StoreError):  # it is likely to be away as well
                self._drain = self._fleet.beat(replace(self._host, accepts=False)) or self._drain
            ready, _, _ = select.select([self._awake], [], [], 0 if self._drain else min(left, EVERY))
            if ready:
                os.read(self._awake, 4096)
        return False

    def _pause(self) -> float:
        """Seconds until the next look; it is no later than the end of a lease, whose run is then free."""
        usual = EVERY_WHILE_STARTING if self._is_starting() else EVERY
        return max(_LEAST, min(usual, self._lease_ends - time.monotonic()))

    def _over(self) -> bool:
        return bool(self._drain) and (self._leave_drivers or not (self._drivers or self._known or self._returned))

    def _begin_again(self, reason: str) -> None:
        """Have the worker begin again, the later the more often it had to; until then it starts nothing."""
        if self._restart:
            return
        now = time.monotonic()
        self._restarts = 1 if now - self._began >= STEADY else self._restarts + 1
        self._restart, self._restart_at = reason, self._began + RESTARTS.wait(self._restarts)

    def _look(self) -> None:
        """Do everything that the store is needed for; what fails is done at the next look."""
        self._host = self._hooks.describe()  # first, since it notes the beat, which says nothing of the store
        self._lease_ends = float("inf")
        try:
            self._give_back()
            self._start_wanted()
            self._beat()
            if self._drain:
                self._give_up_runs()
            else:
                self._share_out()
            self._settle()
            self._known = set(self._fleet.driven(self._host.id))
        except StoreError as error:
            if error.message != self._away:
                self._away = error.message
                self._hooks.tell("store_away", message=error.message, hint=error.hint)
            return
        if self._away:
            self._away = ""
            self._hooks.tell("store_back")
        self._watch_queue()

    def _beat(self) -> None:
        accepts = not (self._drain or self._restart or self._queue.trouble) and self._queue.silent_for < SILENT
        self._host = replace(self._host, accepts=accepts)
        asked = self._fleet.beat(self._host)
        self._drain = self._drain or asked
        self._log_drain()

    def _log_drain(self) -> None:
        if self._drain != self._drain_logged:
            self._drain_logged = self._drain
            self._hooks.tell("draining", host=self._host.id, how=self._drain)

    @property
    def _queue(self) -> WorkQueue:
        assert self._work is not None
        return self._work

    def _share_out(self) -> None:
        """Give waiting runs to hosts, and put into the queue what this host has been given."""
        sweep = self._fleet.place(choose)
        if sweep.lease_ends is not None:
            self._lease_ends = time.monotonic() + sweep.lease_ends
        for job in sweep.held:  # first, since no other sweep finds them
            self._hold(job)
        self._queue.add(placed for placed in sweep.placed if placed.host != self._host.id)
        ours = [each for each in self._fleet.placed(self._host.id) if each.job not in self._drivers]
        self._enqueue(ours)
        if time.monotonic() - self._tidied > _TIDY_EVERY:
            self._tidied = time.monotonic()
            self._queue.tidy()

    def _enqueue(self, ours: list[Placed]) -> None:
        """Enqueue what this host was given; give back what is not begun while nothing else is: its order was lost."""
        now, busy = time.monotonic(), self._is_starting()
        self._queue.add(each for each in ours if each.job not in self._unbegun)
        self._unbegun = {each.job: now if busy else self._unbegun.get(each.job, now) for each in ours}
        for each in ours:
            if now - self._unbegun[each.job] > _BEGUN_WITHIN:
                self._fleet.give_back(each)

    def _is_starting(self) -> bool:
        return any(not driver.settled.is_set() for driver in self._drivers.values())

    def _hold(self, job: Job) -> None:
        self._hooks.tell("run_held", run=job.run, failures=len(job.failures), message=job.trouble)
        self._hooks.hold(job)

    def _watch_queue(self) -> None:
        """Mend a queue that has not looked for work although the store answers; if need be, begin again."""
        silent, trouble = self._queue.silent_for, self._queue.trouble
        if trouble != self._queue_trouble:
            self._queue_trouble = trouble
            self._hooks.tell("queue_away" if trouble else "queue_back", message=trouble)
        if silent >= SILENT and not self._drain:
            self._begin_again(f"the queue has not looked for {silent:.0f} s, although the store answers")
        elif silent >= QUIET > time.monotonic() - self._dropped:
            return
        elif silent >= QUIET:
            self._dropped = time.monotonic()
            self._queue.drop_connections()
            self._hooks.tell("queue_reconnects", silent=round(silent, 1))

    # --- drivers ----------------------------------------------------------------------------------------------

    def _start_wanted(self) -> None:
        given = None
        while not (self._server_gone or self._wanted.empty()):
            if given is None:
                given = {placed.job: placed for placed in self._fleet.placed(self._host.id)}
            driver = self._wanted.get()
            job = driver.placed.job
            if self._drain or job not in given or job in self._drivers:
                driver.settled.set()  # it was given to another host since, or is under way
                continue
            driver.placed = given[job]
            self._drivers[job] = driver
            self._start(driver)

    def _start(self, driver: _Driver) -> None:
        placed = driver.placed
        try:
            self._server.start(placed.job, self._hooks.order(placed))
        except (RetakeFlowError, OSError) as error:
            self._end(Ended(placed.job, 1), str(error))

    def _hear(self) -> None:
        """Note which drivers have started and ended."""
        if self._server_gone:
            return
        try:
            news = self._server.news()
        except EOFError:
            self._server_gone = True
            self._begin_again("the fork server has died")
            for driver in self._drivers.values():
                driver.settled.set()
            self._drivers.clear()  # the store knows which of them drive runs
            return
        for each in news:
            match each:
                case Started(job, pid) if job in self._drivers:
                    driver = self._drivers[job]
                    driver.pid = pid
                    placed = driver.placed
                    waited = {} if placed.since is None else {"waited": round(max(0.0, time.time() - placed.since), 1)}
                    about = {"epoch": placed.epoch, "why": placed.why, "pid": pid}
                    self._hooks.tell("driver_started", run=placed.run, **about, **waited)
                case Ended():
                    self._end(each)
        reap()

    def _end(self, ended: Ended, message: str = "") -> None:
        driver = self._drivers.pop(ended.job, None)
        if driver is None:
            return
        driver.settled.set()
        placed, kind, failure, after = driver.placed, "", "", 0.0
        asked_to_end = bool(self._drain) and ended.code == -signal.SIGTERM  # before it could heed that
        if ended.code not in _NO_FAILURE and not asked_to_end:
            kind, said = self._hooks.trouble(placed.run) if ended.code > 0 else ("", "")
            after = AGAIN_AFTER.get(kind, 0.0)
            if after or ended.code != _HELD:
                failure = message or said or words_of(ended.code)
        about = {"code": ended.code, "kind": kind, "message": failure}
        self._hooks.tell("driver_ended", run=placed.run, epoch=placed.epoch, **about)
        self._returned.append((placed, failure, after))

    def _give_back(self) -> None:
        while self._returned:
            held = self._fleet.give_back(*self._returned[0][:2], after=self._returned[0][2])
            self._returned.pop(0)
            if held is not None:
                self._hold(held)

    def _settle(self) -> None:
        """Note which runs are driven by now."""
        if self._is_starting():
            given = {placed.job for placed in self._fleet.placed(self._host.id)}
            for job, driver in self._drivers.items():
                if driver.pid and job not in given:
                    driver.settled.set()

    # --- draining ---------------------------------------------------------------------------------------------

    def _give_up_runs(self) -> None:
        """Give back what has not begun, and have the drivers hand their runs over, or end them cleanly."""
        for placed in self._fleet.placed(self._host.id):
            if placed.job not in self._drivers:
                self._fleet.give_back(placed)
        for run, pid in self._fleet.driven(self._host.id).items():
            if self._drain == "end":
                if run not in self._asked:
                    self._runs.request(run, "stop")
            elif run not in self._asked:
                self._ask_to_leave(run, pid)
            self._asked.add(run)
        for driver in self._drivers.values():
            if driver.pid and driver.placed.job not in self._asked and driver.placed.run not in self._asked:
                self._asked.add(driver.placed.job)
                ask_to_end(driver.pid)

    def _ask_to_leave(self, run: str, pid: int) -> None:
        holder = self._runs.load(run).holder
        if holder is not None and holder.pid == pid and holder.where == where() and is_running(pid, holder.started):
            ask_to_end(pid)

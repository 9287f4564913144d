"""Worker: has the runs driven that its host is given, each by a process of its own.

No stream needs it. The drivers have leases of their own and go on when the worker dies, hangs or is upgraded, and the
store says which runs the host has. So a worker that cannot go on starts again as a new program.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from retake_flow.backoff import Backoff
from retake_flow.errors import StoreAway, StoreError
from retake_flow.fleet.drivers import Drivers, Hooks, ask_to_end
from retake_flow.fleet.forkserver import ForkServer
from retake_flow.fleet.placement import choose
from retake_flow.fleet.queue import WorkQueue
from retake_flow.ports.fleet import Drain, Host, Placed
from retake_flow.process_place import runs as is_running
from retake_flow.process_place import where

if TYPE_CHECKING:
    from retake_flow.store.sql.fleet import SqlFleet

#: How often the worker looks at the store, in seconds, and how often while drivers start.
EVERY: Final = 1.0
EVERY_WHILE_STARTING: Final = 0.25
_LEAST: Final = 0.02  # seconds between two looks
#: Seconds without a look of the queue, while the store answers, after which its connections are dropped, and after
#: which the worker restarts.
QUIET: Final = 3.0
SILENT: Final = 10.0
#: When a worker restarts that has to, in seconds since it began, and how long one works after which it restarts at
#: once.
RESTARTS: Final = Backoff(first=1.0, cap=60.0)
STEADY: Final = 120.0
#: When a queue is opened again that could not be reached.
OPENS_AGAIN: Final = Backoff(first=1.0, cap=15.0)
#: How long a worker waits for a queue that hangs as it opens, until it restarts.
HANGS: Final = Backoff(first=60.0, cap=600.0)
_BEGUN_WITHIN: Final = 20.0
_TIDY_EVERY: Final = 600.0


class Restart(Exception):
    """The worker has to restart, as a new program.

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
        server: Starts the drivers.
        hooks: The program around it.
        restarts: How often the worker had to restart in a row.
    """

    def __init__(self, fleet: SqlFleet, server: ForkServer, hooks: Hooks, restarts: int = 0) -> None:
        self._fleet = fleet
        self._drivers = Drivers(fleet, server, hooks)
        self._hooks = hooks
        self._work: WorkQueue | None = None
        self._host = hooks.describe()
        self._driven: set[str] = set()  # runs of the host, when the store was last read
        self._asked: set[str] = set()  # runs and jobs that are being given up
        self._unbegun: dict[str, float] = {}  # since when, by the monotonic clock
        self._drain: Drain = ""
        self._drain_logged: Drain = ""
        self._leave_drivers = False
        self._restart = ""
        self._restart_at = 0.0  # by the monotonic clock
        self._restarts = restarts
        self._began = time.monotonic()
        self._lease_ends = float("inf")  # the next one of any host, by the monotonic clock
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
        self._drivers.begin(Placed(run, epoch, self._host.id), self._wake)

    def on_signal(self, number: int) -> None:
        """Drain on SIGTERM or SIGINT, restart on SIGHUP; end at once at a second SIGTERM or SIGINT."""
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
            Restart: It has to restart, as a new program; the drivers go on.
            HostTaken: Another process is the worker of this host.
        """
        self._work = work
        self._fleet.beat(replace(self._host, accepts=False))
        self._driven = set(self._fleet.driven_runs(self._host.id))  # by drivers of an earlier worker
        self._open()
        if not self._drain:
            self._hooks.log("worker_started", host=self._host.id, capacity=self._host.capacity, pid=os.getpid())
        while not self._over():
            self._look()
            self._sleep(self._pause())
            self._note_drivers()
            if self._restart and not self._drain and time.monotonic() >= self._restart_at:
                raise Restart(self._restart, self._restarts)
        self._log_drain()
        with suppress(StoreAway):  # then the host counts as away soon
            self._fleet.leave(self._host.id)
        self._hooks.log("worker_ended", host=self._host.id)

    def _sleep(self, seconds: float) -> None:
        """Wait until there is news of a driver, or somebody wakes the worker."""
        ready, _, _ = select.select([*self._drivers.handles, self._awake], [], [], seconds)
        if self._awake in ready:
            os.read(self._awake, 4096)
            self._log_drain()

    def _open(self) -> None:
        """Open the queue as soon as the server permits, unless the host is drained first.

        The call may block, so a thread makes it. Meanwhile the host is alive and takes nothing.

        Raises:
            Restart: The call hangs.
        """
        failures, away = 0, False
        while not self._drain:
            opening = _in_thread(self._queue.open, self._wake)
            if not self._idle(SILENT, opening.done):
                away = True
                self._hooks.log("queue_away", message="it does not open")
                restarts = self._restarts + 1
                if not self._idle(HANGS.wait(restarts), opening.done) and not self._drain:
                    raise Restart("the queue does not open", restarts)  # nothing else ends a call that hangs
            if not opening.done():
                return
            error = opening.exception()
            if error is None:
                if away:
                    self._hooks.log("queue_back", message="")
                return
            if not isinstance(error, StoreAway):
                raise error
            failures, away = failures + 1, True
            self._hooks.log("queue_away", message=error.message, hint=error.hint)
            self._idle(OPENS_AGAIN.wait(failures))

    def _idle(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Beat until something is done, the time is up, or the host is drained; returns whether it is done."""
        until = time.monotonic() + seconds
        while not (done() or self._drain):
            if self._restart:
                raise Restart(self._restart, self._restarts)
            if (left := until - time.monotonic()) <= 0:
                break
            self._host = self._hooks.describe()
            with suppress(StoreError):  # it is likely to be away as well
                self._drain = self._fleet.beat(replace(self._host, accepts=False)) or self._drain
            ready, _, _ = select.select([self._awake], [], [], 0 if self._drain else min(left, EVERY))
            if ready:
                os.read(self._awake, 4096)
        return done()

    def _pause(self) -> float:
        """Seconds until the next look; it is no later than the end of a lease, whose run is then free."""
        usual = EVERY_WHILE_STARTING if self._drivers.are_starting else EVERY
        return max(_LEAST, min(usual, self._lease_ends - time.monotonic()))

    def _over(self) -> bool:
        return bool(self._drain) and (self._leave_drivers or (self._drivers.all_returned and not self._driven))

    def _plan_restart(self, reason: str) -> None:
        """Have the worker restart, the later the more often it had to; until then it starts nothing."""
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
            self._drivers.give_back()
            self._drivers.start_wanted(self._host.id, draining=bool(self._drain))
            self._beat()
            if self._drain:
                self._give_up_runs()
            else:
                self._share_out()
            self._drivers.settle(self._host.id)
            self._driven = set(self._fleet.driven_runs(self._host.id))
        except StoreError as error:
            if error.message != self._away:
                self._away = error.message
                self._hooks.log("store_away", message=error.message, hint=error.hint)
            return
        if self._away:
            self._away = ""
            self._hooks.log("store_back")
        if not self._drain:
            self._watch_queue()

    def _note_drivers(self) -> None:
        try:
            self._drivers.note_news(draining=bool(self._drain))
        except EOFError:
            self._plan_restart("the fork server has died")

    def _beat(self) -> None:
        accepts = not (self._drain or self._restart or self._queue.trouble) and self._queue.silent_for < SILENT
        self._host = replace(self._host, accepts=accepts)
        asked = self._fleet.beat(self._host)
        self._drain = self._drain or asked
        self._log_drain()

    def _log_drain(self) -> None:
        if self._drain != self._drain_logged:
            self._drain_logged = self._drain
            self._hooks.log("draining", host=self._host.id, how=self._drain)

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
            self._hooks.report_held(job)
        self._queue.add(placed for placed in sweep.placed if placed.host != self._host.id)
        ours = [each for each in self._fleet.placed_runs(self._host.id) if each.job not in self._drivers]
        self._enqueue(ours)
        if time.monotonic() - self._tidied > _TIDY_EVERY:
            self._tidied = time.monotonic()
            self._queue.tidy()

    def _enqueue(self, ours: list[Placed]) -> None:
        """Enqueue what this host was given; give back what is not begun while nothing else is: its order was lost."""
        now, busy = time.monotonic(), self._drivers.are_starting
        self._queue.add(each for each in ours if each.job not in self._unbegun)
        self._unbegun = {each.job: now if busy else self._unbegun.get(each.job, now) for each in ours}
        for each in ours:
            if now - self._unbegun[each.job] > _BEGUN_WITHIN:
                self._fleet.give_back(each)

    def _watch_queue(self) -> None:
        """Reconnect a queue that has not looked for work although the store answers; restart when that is no help."""
        silent, trouble = self._queue.silent_for, self._queue.trouble
        if trouble != self._queue_trouble:
            self._queue_trouble = trouble
            self._hooks.log("queue_away" if trouble else "queue_back", message=trouble)
        if silent >= SILENT:
            self._plan_restart(f"the queue has not looked for {silent:.0f} s, although the store answers")
        elif silent >= QUIET and time.monotonic() - self._dropped >= QUIET:
            self._dropped = time.monotonic()
            self._queue.drop_connections()
            self._hooks.log("queue_reconnects", silent=round(silent, 1))

    # --- draining ---------------------------------------------------------------------------------------------

    def _give_up_runs(self) -> None:
        """Give back what has not begun, and have the drivers hand their runs over, or end them cleanly."""
        for placed in self._fleet.placed_runs(self._host.id):
            if placed.job not in self._drivers:
                self._fleet.give_back(placed)
        for run, pid in self._fleet.driven_runs(self._host.id).items():
            if run in self._asked:
                continue
            if self._drain == "end":
                self._fleet.runs.request(run, "stop")
            else:
                self._ask_to_leave(run, pid)
            self._asked.add(run)
        self._asked.update(self._drivers.ask_to_end(self._asked))

    def _ask_to_leave(self, run: str, pid: int) -> None:
        holder = self._fleet.runs.load(run).holder
        if holder is not None and holder.pid == pid and holder.where == where() and is_running(pid, holder.started):
            ask_to_end(pid)


def _in_thread(call: Callable[[], None], wake: Callable[[], None]) -> Future[None]:
    """The result of a call that a thread makes, for which the end of the process does not wait.

    Args:
        call: The call.
        wake: Called once it has returned.
    """
    result: Future[None] = Future()

    def make() -> None:
        try:
            call()
        except BaseException as error:
            result.set_exception(error)
        else:
            result.set_result(None)
        wake()

    threading.Thread(target=make, name="opening", daemon=True).start()
    return result

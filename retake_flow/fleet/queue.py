"""Work queue: takes runs to hosts through PostgreSQL, by DBOS Transact.

Each host has a queue of its own. An entry is an order to drive a run, under the id RUN/EPOCH: enqueueing it twice has
no effect, and once the run has another epoch the order means nothing. So nothing here decides anything, and entries may
be lost: each host enqueues again what the store says it was given.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any, Final
from weakref import WeakSet

from retake_flow import __version__
from retake_flow.errors import MissingProgram, StoreAway, StoreError
from retake_flow.ports.fleet import Placed
from retake_flow.sanitize import first_line

#: How often a queue is asked for work, in seconds.
EVERY: Final = 0.4
#: The schema of the queue's tables, separate from those of the runs.
SCHEMA: Final = "retake_flow_queue"
_NAME: Final = "retake-flow"
_VERSION: Final = "1"  # an order means the same to all versions
_KEPT: Final = 3600.0  # seconds that entries are kept
_LARGEST_PRIORITY: Final = 2**31 - 1
# A connection that a firewall has dropped fails within seconds, and one from the pool is tested before it is used.
_SOCKET: Final = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


#: Calls that wait at most; further ones are left out. Each is tried so many times, so many seconds apart.
_MOST_CALLS: Final = 10_000
_TRIES: Final = 10
_AGAIN_AFTER: Final = 1.0


def require() -> None:
    """Make sure that DBOS is installed.

    Raises:
        MissingProgram: It is not.
    """
    if find_spec("dbos") is None:
        raise MissingProgram("a worker needs DBOS Transact", hint="pip install 'retake-flow[fleet]'")


def prepare(place: str) -> None:
    """Create the tables of the queue, or migrate them; then workers whose role may not do so can use them.

    Args:
        place: Where the runs are: the path of a file, or a URL.

    Raises:
        MissingProgram: DBOS is not installed.
        StoreError: The tables can be neither used nor created.
    """
    require()
    work = WorkQueue(place, "nobody", lambda run, epoch: None, 1)
    try:
        work.open()
    finally:
        work.close()


class Backlog:
    """Calls of a service that may hang, made one after the other in a thread of its own."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Callable[[], object], int]] = {}
        self._changed = threading.Condition()
        self._calling_since: float | None = None
        self._thread: threading.Thread | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last call failed; "" when it succeeded, or nothing is left to be called."""
        return self._trouble if self._calls else ""

    @property
    def stuck_for(self) -> float:
        """Seconds since the present call began; 0 without one."""
        since = self._calling_since
        return 0.0 if since is None else time.monotonic() - since

    def put(self, name: str, call: Callable[[], object]) -> None:
        """Have a call made, unless one of the same name still waits."""
        with self._changed:
            if len(self._calls) < _MOST_CALLS:
                self._calls.setdefault(name, (call, _TRIES))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="backlog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls)
                name, (call, tries) = next(iter(self._calls.items()))
                self._calling_since = time.monotonic()
            try:
                call()
            except Exception as error:  # of any kind: it may succeed later
                self._trouble = first_line(error)
            else:
                self._trouble, tries = "", 1
            with self._changed:
                self._calling_since = None
                del self._calls[name]
                if tries > 1:
                    self._calls[name] = call, tries - 1
            if self._trouble:
                time.sleep(_AGAIN_AFTER)


class WorkQueue:
    """The queue of one host, and the way into those of all others.

    Args:
        place: Where the runs are: the path of a file, or a URL. The queue is there too, or in a file beside it.
        host: The host.
        begin: Begins to drive a run, given its id and epoch, and returns once that has succeeded or failed. Called in
            threads of the queue; must not raise.
        at_once: How many runs may begin at the same time.
    """

    def __init__(self, place: str, host: str, begin: Callable[[str, int], None], at_once: int) -> None:
        self._place = place
        self._host = host
        self._begin = begin
        self._at_once = at_once
        self._looked = time.monotonic()
        self._dbos: Any = None
        self._closed = False
        self._order: Any = None
        self._client: Any = None
        self._backlog = Backlog()
        self._connections: WeakSet[Any] = WeakSet()
        self._connecting = threading.Lock()

    @property
    def silent_for(self) -> float:
        """Seconds since the queue was last asked for work, or since it was called and has not answered yet."""
        return max(time.monotonic() - self._looked, self._backlog.stuck_for)

    @property
    def trouble(self) -> str:
        """Why orders cannot be enqueued at the moment; "" when they can."""
        return self._backlog.trouble

    @property
    def _on_server(self) -> bool:
        return "://" in self._place and not self._place.startswith("sqlite")

    def open(self) -> None:
        """Begin to take work; only once in a process.

        Raises:
            StoreAway: It cannot be reached at the moment.
            StoreError: The tables of the queue can be neither used nor created.
        """
        from dbos import DBOS

        if self._on_server:
            self._reach()
        for name in ("dbos", "dbos.auto_upgrade"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._launch(DBOS, create=False)
        except Exception:  # of any kind: its tables are missing, or old
            DBOS.destroy()
            try:
                self._launch(DBOS, create=True)
            except Exception as error:
                with suppress(Exception):
                    DBOS.destroy()
                hint = "as the owner of its tables, run `retake-flow store prepare`, and grant this role what it needs"
                raise StoreError(f"the queue cannot be used: {first_line(error)}", hint=hint) from error
        DBOS.register_queue(
            _queue_of(self._host),
            worker_concurrency=self._at_once,
            polling_interval_sec=EVERY,
            on_conflict="always_update",
        )
        self._looked = time.monotonic()

    def _reach(self) -> None:
        """Connect once, since DBOS waits without limit, and silently, for a server that refuses it."""
        from sqlalchemy.exc import OperationalError

        engine = self._database()["system_database_engine"]
        try:
            engine.connect().close()
        except OperationalError as error:
            raise StoreAway(f"the queue cannot be reached: {first_line(error.orig or error)}") from error
        finally:
            engine.dispose()

    def _launch(self, dbos: Any, *, create: bool) -> None:
        from dbos import DBOSClient

        database = self._database()
        config: dict[str, Any] = {
            "name": _NAME,
            "application_version": _VERSION,
            "executor_id": self._host,
            "log_level": "CRITICAL",
            "use_listen_notify": False,
            "scheduler_polling_interval_sec": _KEPT,  # nothing is scheduled
            "run_migrations": create,
            "max_executor_threads": self._at_once + 8,
            **database,
        }
        dbos(config=config)
        if self._order is None:
            begin = self._begin

            def order(run: str, epoch: int) -> None:
                begin(run, epoch)

            self._order = dbos.workflow(name="drive")(order)
        dbos.listen_queues([_queue_of(self._host)])
        dbos.launch()
        self._dbos = dbos
        if self._closed:  # by another thread, which found nothing to end
            self.close()
        about: dict[str, Any] = {"application_name": _NAME, "lazy": True}
        self._client = DBOSClient(**database, **about, retry_connection_errors=False)

    def _database(self) -> dict[str, Any]:
        from sqlalchemy import create_engine, event, make_url

        if not self._on_server:
            file = make_url(self._place).database if "://" in self._place else self._place
            url = f"sqlite:///{os.path.expanduser(file or '')}-queue"
            engine = create_engine(url)
        else:
            url = "postgresql+psycopg" + self._place[self._place.index("://") :]
            engine = create_engine(
                url,
                pool_size=4,
                max_overflow=2,
                pool_timeout=5,
                pool_pre_ping=True,
                pool_use_lifo=True,
                connect_args=_SOCKET | {"application_name": f"retake-flow queue {__version__}"},
            )
            event.listen(engine, "connect", self.note_connection)
        event.listen(engine, "after_cursor_execute", self._note)
        return {"system_database_url": url, "system_database_engine": engine, "dbos_system_schema": SCHEMA}

    def note_connection(self, connection: Any, *_: Any) -> None:
        """Remember a connection, made in any thread, until it is closed."""
        with self._connecting:
            self._connections.add(connection)

    def drop_connections(self) -> None:
        """Break all connections, so that calls that wait for a result fail and are repeated over new connections.

        A peer that has forgotten a connection may acknowledge what it gets and never answer; nothing else ends that.
        """
        with self._connecting:
            connections = list(self._connections)
        for connection in connections:
            with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as theirs:
                theirs.shutdown(socket.SHUT_RDWR)

    def _note(self, *_: Any) -> None:
        if threading.current_thread().name == f"queue-worker-{_queue_of(self._host)}":
            self._looked = time.monotonic()

    def add(self, given: Iterable[Placed]) -> None:
        """Have orders enqueued, each for the host that the run was given to; those that are there stay as they are.

        It returns at once: DBOS waits for connections without limit, and for an answer that a peer never gives.
        """
        for placed in given:
            self._backlog.put(placed.job, partial(self._enqueue, placed))

    def _enqueue(self, placed: Placed) -> None:
        options: Any = {
            "workflow_name": "drive",
            "queue_name": _queue_of(placed.host),
            "workflow_id": placed.job,
            "app_version": _VERSION,
            "priority": _priority(placed.priority),
        }
        self._client.enqueue(options, placed.run, placed.epoch)

    def tidy(self) -> None:
        """Have old entries deleted: orders that were carried out, and those of hosts that are gone."""
        self._backlog.put("tidy", self._delete_old)

    def _delete_old(self) -> None:
        from datetime import UTC, datetime, timedelta

        until = (datetime.now(UTC) - timedelta(seconds=_KEPT)).isoformat()
        old = self._client.list_workflows(end_time=until, limit=1000, load_input=False, load_output=False)
        if old:
            self._client.delete_workflows([each.workflow_id for each in old])

    def close(self) -> None:
        """Take no more work. A call that hangs is left to the end of the process."""
        self._closed = True
        with suppress(Exception):
            self._dbos.destroy()


def _queue_of(host: str) -> str:
    return f"host {host}"


def _priority(wanted: int) -> int:
    """A priority in the range that the queue knows, from 1."""
    return min(max(1, wanted + 1_000_000), _LARGEST_PRIORITY)

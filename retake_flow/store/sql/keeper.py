"""Keeper: renews the leases of a process's claims on a server, listens for news of its runs, and reconnects.

It is a thread with a connection of its own, so the event loop never connects and never waits for a beat. One statement
renews all leases and asks whether there is news, so notifications (`NOTIFY`) only have to be fast, not reliable.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from select import select as ready_of
from typing import Any, Protocol, cast

from sqlalchemy import Connection, text

from retake_flow.store.lease import Lease

#: The channel on which a run's id is sent when there is news for it.
CHANNEL = "retake_flow"
_TRIES_AGAIN = 0.25  # seconds
_ASKS_EVERY = 5.0  # seconds; a write renews a lease too, but brings no news
_TURNS_WITHIN = 0.25  # seconds; a beat that is requested may come right after another


def beat_of(claims: int) -> str:
    """The statement that renews the leases of so many claims and asks whether there is news for their runs.

    Its values are the length of a lease, then run and epoch of each claim. It is plain text for the driver, since most
    processes do nothing else most of the time.
    """
    return f"""\
UPDATE runs SET lease_until = extract(epoch FROM clock_timestamp())::float8 + %s::float8
WHERE (id, epoch) IN ({", ".join(["(%s::text, %s::int)"] * claims)})
RETURNING id,
  (SELECT max(number) FROM requests WHERE run = runs.id),
  (SELECT count(*) + coalesce(max(answered), 0) FROM gates
    WHERE run = runs.id AND closed IS NULL AND answered IS NOT NULL)"""


class Held:
    """A claim that the keeper looks after.

    Attributes:
        lease: Its lease.
        fenced: Whether another process has taken the run over.
        calls: How often the event loop has used the claim.
        changes: A number that changes with each piece of news; None while the keeper is not listening.
        wake: Called when there is news, mostly in the keeper's thread.
    """

    def __init__(self, run: str, epoch: int, lease: Lease) -> None:
        self.run = run
        self.epoch = epoch
        self.lease = lease
        self.fenced = False
        self.calls = 0
        self.changes: int | None = None
        self.wake: Callable[[], None] = lambda: None
        self._seen: object = None

    def news(self) -> None:
        """Have the process look at the tables."""
        self.changes = (self.changes or 0) + 1
        self.wake()

    def note_beat(self, found: object) -> None:
        """Note what a beat found: the last request and answer; None when the run is another's."""
        if found is None:
            self.fenced = True
        if self.changes is None or found != self._seen:
            self._seen = found
            self.news()


class _Server(Protocol):
    def own_connection(self) -> Connection:
        """A new connection in autocommit mode that belongs to the caller."""

    def end_hanging_calls(self, connection: Connection, within: float = ...) -> Any:
        """End calls over a connection that hang, while the context lasts."""

    def lose(self, error: Exception) -> None:
        """Note that the server cannot be reached."""

    def reconnect(self) -> None:
        """Connect again, after the server was reached."""


class Keeper:
    """Looks after the claims of this process; its thread begins with the first claim.

    Args:
        server: Where the runs are.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turned = True
        self._calls = 0
        self._asked = 0.0  # when the event loop was asked to turn, by the same clock as
        self._tried = 0.0  # when it last beat, by the leases' clock
        self._closed = False
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    @property
    def works(self) -> bool:
        """Whether it looks after any claim, and so reconnects when the connection is lost."""
        return self._thread is not None

    def add(self, held: Held) -> None:
        """Look after a claim, in place of an earlier one of this process to the same run."""
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        with self._lock:
            earlier = self._held.get(held.run)
            if earlier is not None and earlier.epoch > held.epoch:
                earlier, held = held, earlier
            self._held[held.run] = held
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="store keeper", daemon=True)
                self._thread.start()
        if earlier is not None:
            earlier.note_beat(None)
        self.wake()

    def remove(self, held: Held) -> None:
        """Let go of a claim."""
        with self._lock:
            if self._held.get(held.run) is held:
                del self._held[held.run]

    def wake(self) -> None:
        """Beat now, or try now to reconnect."""
        with suppress(OSError):
            self._waker.send(b"x")

    def tell_all(self) -> None:
        """Have all claims look at the tables."""
        for held in self._all():
            held.news()

    def close(self) -> None:
        """End the thread. A connection that hangs at the moment is left to the end of the process."""
        self._closed = True
        self.wake()
        if self._thread is not None:
            self._thread.join(1.0)
        if self._thread is None or not self._thread.is_alive():
            self._waker.close()
            self._woken.close()

    # --- in the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closed:
            try:
                with self._connection() as connection:
                    while not self._closed:
                        self._beat(connection)
                        self._server.reconnect()
                        self._listen(connection)
            except Exception as error:  # of any kind: only this thread reconnects
                if not self._closed:
                    self._server.lose(error)
                    self._forget_wakes()
                    ready_of([self._woken], [], [], _TRIES_AGAIN)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._server.own_connection()
        try:
            # For notifications that arrive with the result of a beat; `_listen` takes the others.
            cast("Any", connection.connection.driver_connection).add_notify_handler(
                lambda each: self._hear(each.payload)
            )
            with self._server.end_hanging_calls(connection):
                connection.execute(text(f"LISTEN {CHANNEL}"))
            for held in self._all():
                held.changes = None  # notifications may have been missed
            yield connection
        finally:
            with suppress(Exception):  # it may be broken
                connection.close()

    def _beat(self, connection: Connection) -> None:
        """Renew all leases, as long as the event loop turns, and pass on what is new."""
        held = self._all()
        self._tried = began = Lease.clock()
        if not held or not self._loop_turns():
            return
        told = [held[0].lease.length, *(value for each in held for value in (each.run, each.epoch))]
        driver = cast("Any", connection.connection.driver_connection)
        with self._server.end_hanging_calls(connection, held[0].lease.beat_within):
            rows = driver.execute(beat_of(len(held)), told, prepare=True)
            found = {run: (asked, answered) for run, asked, answered in rows}
        for each in held:
            if each.run in found:
                each.lease.note_renewal(began)
            each.note_beat(found.get(each.run))

    def _listen(self, connection: Connection) -> None:
        """Pass on notifications until the next beat is due or is requested."""
        driver = cast("Any", connection.connection.driver_connection)
        self._hear_all(driver)  # one that came with the result of the beat makes nothing ready
        while not self._closed and (left := self._next_beat() - Lease.clock()) > 0:
            ready, _, _ = ready_of([driver.fileno(), self._woken], [], [], left)
            if driver.fileno() in ready:
                driver.pgconn.consume_input()
                self._hear_all(driver)
            if self._woken in ready:
                self._forget_wakes()
                return

    def _next_beat(self) -> float:
        return min([self._tried + _ASKS_EVERY, *(each.lease.beat_due(self._tried) for each in self._all())])

    def _hear_all(self, driver: Any) -> None:
        while (heard := driver.pgconn.notifies()) is not None:
            self._hear(heard.extra.decode(errors="replace"))

    def _hear(self, run: str) -> None:
        held = self._held.get(run)
        if held is not None:
            held.news()

    def _loop_turns(self) -> bool:
        """Whether the event loop has turned since the last beat."""
        if self._loop is None:
            return True
        calls, now = sum(each.calls for each in self._all()), Lease.clock()
        turned = self._turned or calls != self._calls
        if turned:
            self._calls, self._turned, self._asked = calls, False, now
        try:
            self._loop.call_soon_threadsafe(self._turn)
        except RuntimeError:  # it was closed
            self._loop = None
            return True
        return turned or now - self._asked < _TURNS_WITHIN

    def _turn(self) -> None:
        self._turned = True

    def _forget_wakes(self) -> None:
        with suppress(OSError):
            while self._woken.recv(1024):
                pass

    def _all(self) -> list[Held]:
        with self._lock:
            return list(self._held.values())

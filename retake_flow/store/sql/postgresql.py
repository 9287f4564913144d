"""PostgreSQL: a server, which may be restarted, out of reach or silent while runs go on."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from math import inf
from os import dup
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Connection, NullPool, create_engine, event, text

from retake_flow.errors import StoreAway, StoreError
from retake_flow.sanitize import first_line
from retake_flow.store.lease import Lease
from retake_flow.store.queries import SERVER_CLOCK
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.db_errors import as_store_errors
from retake_flow.store.sql.keeper import CHANNEL, Held, Keeper

T = TypeVar("T")

#: Seconds within which a connection has to be made, and a call has to be answered.
CONNECTS_WITHIN: Final = 3
ANSWERS_WITHIN: Final = 3.0
CONNECTS_TO_EACH_WITHIN: Final = 2  # of several hosts, which are tried one after the other; libpq waits no shorter
_LONG: Final = 600.0  # for what changes whole tables
_BOUNDS = (
    "SET statement_timeout = '5s';"  # the server ends what we no longer wait for
    "SET idle_in_transaction_session_timeout = '10s'"  # so a stopped process keeps no row locked
)
_SOCKET = {"tcp_user_timeout": 5000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
#: Seconds after a look without an answer within which the next one comes, unless the whole machine was suspended.
_LOOKS_AGAIN = 1.0
#: How many suspensions extend the time of an answer; a machine that seems suspended more often is overloaded.
_SUSPENSIONS = 3
_HINT = "see whether the database server runs and can be reached from here, then try again"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no call lasts longer than its caller said.

    A server that is gone without a word, or a firewall that forgot a connection, leaves a call waiting for as long as
    the kernel resends. Neither the driver nor the server ends it, so the wait for an answer shuts the socket.

    Attributes:
        passed: Whether a call was ended, so that the connection is of no more use.
    """

    _deadline = inf
    _suspensions = 0
    passed = False

    @contextmanager
    def limit_calls(self, seconds: float) -> Iterator[None]:
        """End any call that is not answered within so many seconds from now, while the context lasts."""
        self._deadline, self._suspensions = time.monotonic() + seconds, 0
        try:
            yield
        finally:
            self._deadline = inf

    def wait(self, gen: PQGen[T], *more: Any, **named: Any) -> T:
        """Wait for an answer."""
        return super().wait(self._within(gen), *more, **named)

    def _within(self, gen: PQGen[T]) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                before = time.monotonic()
                ready, looked = (yield wanted), time.monotonic()
                if looked - before > _LOOKS_AGAIN and self._suspensions < _SUSPENSIONS:  # and perhaps the server too
                    self._suspensions += 1
                    self._deadline += looked - before
                if not ready and looked >= self._deadline:  # the driver looks up ten times a second
                    self._shut()
                wanted = gen.send(ready)
        except StopIteration as done:
            found: T = done.value
            return found

    def _shut(self) -> None:
        self.passed = True
        with suppress(OSError), closing(socket.socket(fileno=dup(self.fileno()))) as connection:
            connection.shutdown(socket.SHUT_RDWR)


class PostgreSQL(Database):
    """A PostgreSQL server.

    Transactions share a small pool of connections. While a process has claims, only its keeper connects: once a call
    has failed, all others fail at once with `StoreAway` until the keeper has a new connection, and no connection from
    before is used again.
    """

    clock = SERVER_CLOCK

    def __init__(self, url: URL) -> None:
        arguments = {"connect_timeout": CONNECTS_WITHIN if _hosts(url) == 1 else CONNECTS_TO_EACH_WITHIN, **_SOCKET}
        wanted = {name: value for name, value in arguments.items() if name not in url.query}
        super().__init__(url, pool_size=2, pool_use_lifo=True, connect_args=wanted)
        self._keepers = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=wanted)
        for engine in (self._engine, self._keepers):
            event.listen(engine, "do_connect", _connect)
            event.listen(engine, "connect", _configure)
        self._keeper = Keeper(self)
        self._away: StoreAway | None = None
        self._generation = 0

    def connect(self) -> None:
        """Do nothing: a claim has no connection of its own."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reading."""
        with self._transaction(ANSWERS_WITHIN) as connection:
            yield connection

    @contextmanager
    def writing(
        self, connection: Connection | None = None, *, within: float = 0.0, long: bool = False
    ) -> Iterator[Connection]:
        """A transaction for writing, all or nothing."""
        with self._transaction(_LONG if long else within or ANSWERS_WITHIN) as connection:
            if long:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            yield connection

    @contextmanager
    def _transaction(self, within: float) -> Iterator[Connection]:
        self._require_contact()
        with (
            self._failing(),
            self._pool_connection() as connection,
            self._watching(connection, within),
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _pool_connection(self) -> Iterator[Connection]:
        generation = self._generation
        with self._engine.connect() as connection:
            try:
                yield connection
            finally:
                if generation != self._generation:  # another thread has dropped all connections meanwhile
                    connection.invalidate()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            with as_store_errors(self.place):
                yield
        except StoreAway as error:
            error.hint = error.hint or _HINT
            error.retry_after = 0.0  # asking again costs nothing
            self.lose(error)
            raise

    @contextmanager
    def _watching(self, connection: Connection, within: float) -> Iterator[None]:
        driver = cast("BoundedConnection", connection.connection.driver_connection)
        with driver.limit_calls(within):
            try:
                yield
            except Exception as error:
                if driver.passed:
                    said = f"the store {self.place} cannot be reached: it did not answer within {within:g} s"
                    raise StoreAway(said, hint=_HINT) from error
                raise

    def _require_contact(self) -> None:
        """Raise the error of an outage that is not over, on an event loop; others may connect themselves.

        Raises:
            StoreAway: The server is away, or a new connection is needed, which only the keeper makes.
        """
        if not (self._keeper.works and _on_loop()):
            return
        if self._away is None and not self._pool_is_warm():
            self.lose(StoreAway(f"the store {self.place} is being connected to", hint=_HINT))
        if self._away is not None:
            error = StoreAway(self._away.message, hint=self._away.hint)
            error.retry_after = 0.0
            raise error

    def _pool_is_warm(self) -> bool:
        return bool(cast("Any", self._engine.pool).checkedin())

    def lock_tables(self, connection: Connection) -> None:
        """Keep other processes from changing the tables until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(5284001)"))

    def alone_now(self, connection: Connection) -> bool:
        """Become the only process that gives runs to hosts until the transaction ends; false if another one is."""
        return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(5284002)")))

    def notify(self, connection: Connection, run: str) -> None:
        """Wake the process that drives a run, once the transaction is committed."""
        connection.execute(text("SELECT pg_notify(:channel, :run)"), {"channel": CHANNEL, "run": run})

    def attend(self, run: str, epoch: int, lease: Lease) -> Held:
        """Renew the lease of a claim and listen for news of its run, until `leave`."""
        held = Held(run, epoch, lease)
        self._keeper.add(held)
        return held

    def leave(self, held: Held) -> None:
        """Stop looking after a claim."""
        self._keeper.remove(held)

    def close(self) -> None:
        """Close all connections."""
        self._keeper.close()
        super().close()

    # --- for the keeper -------------------------------------------------------------------------------------

    def own_connection(self) -> Connection:
        """A new connection in autocommit mode that belongs to the caller."""
        with as_store_errors(self.place):
            return self._keepers.connect()

    @contextmanager
    def end_hanging_calls(self, connection: Connection, within: float = ANSWERS_WITHIN) -> Iterator[None]:
        """End calls over a connection that hang, while the context lasts."""
        with as_store_errors(self.place), self._watching(connection, min(within, ANSWERS_WITHIN)):
            yield

    def lose(self, error: Exception) -> None:
        """Note that the server cannot be reached, and drop every connection from before."""
        if self._keeper.works:
            said = (
                error.message
                if isinstance(error, StoreError)
                else f"the store {self.place} cannot be reached: {first_line(error)}"
            )
            self._away = StoreAway(said, hint=getattr(error, "hint", "") or _HINT)
            self._keeper.wake()
        self._generation += 1
        with suppress(Exception):  # a connection that is gone may not even close
            self._engine.dispose()

    def reconnect(self) -> None:
        """Connect again, after the server was reached."""
        if self._away is None:
            return
        with (
            as_store_errors(self.place),
            self._pool_connection() as connection,
            self._watching(connection, ANSWERS_WITHIN),
        ):
            connection.execute(text("SELECT 1"))
        self._away = None
        self._keeper.tell_all()


def _hosts(url: URL) -> int:
    """How many hosts a URL names."""
    named = url.query.get("host", "")
    return len(",".join([named] if isinstance(named, str) else named).split(","))


def _connect(_dialect: object, _record: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> BoundedConnection:
    return BoundedConnection.connect(*arguments, **named)


def _configure(driver: BoundedConnection, _record: object) -> None:
    try:
        before, driver.autocommit = driver.autocommit, True  # otherwise the settings would go with the transaction
        with driver.limit_calls(ANSWERS_WITHIN):
            driver.execute(_BOUNDS)
        driver.autocommit = before
    except BaseException:
        driver.close()  # the pool does not know it yet
        raise


def _on_loop() -> bool:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False

"""Database: connects to SQLite or PostgreSQL, and hides the differences between them."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine, event

from retake_flow import os_errors
from retake_flow.errors import StoreError
from retake_flow.store.lease import Lease
from retake_flow.store.queries import FILE_CLOCK
from retake_flow.store.sql.db_errors import as_store_errors
from retake_flow.store.sql.keeper import Held
from retake_flow.store.sql.presence import Fate, Loss, Presence, alone_in, is_whole, planted_file, remove_stale

#: How long to wait for another process that is writing, in seconds.
PATIENCE = 10.0
#: The same for a process that drives a run, whose event loop stands still meanwhile.
_DRIVING_PATIENCE = 3.0

_ELSEWHERE = "export RETAKE_FLOW_STATE=/a/folder/that/can/be/written"
_DRIVEN = {"timeout": PATIENCE, "check_same_thread": False}
_BEGIN = "begin"  # the execution option that says how a transaction on SQLite begins


class Database:
    """A database that other processes use at the same time.

    Attributes:
        place: Its name in messages, without any password.
        clock: Its clock, in SQL.
        prepare: Creates its tables, or migrates them, if another database has taken its place; None to use no other.
    """

    clock = FILE_CLOCK

    def __init__(self, url: URL, **options: Any) -> None:
        self.prepare: Callable[[], None] | None = None
        self.place = url.render_as_string(hide_password=True)
        # Each claim keeps its own connection, so the pool must not have an upper bound.
        self._engine = create_engine(url, max_overflow=-1, **options)
        self._lent: WeakSet[Connection] = WeakSet()
        self._writer = _writer_of(self._engine)

    def connect(self) -> Connection | None:
        """A connection for writing, for as long as a process drives a run; None when transactions share connections."""
        raise NotImplementedError

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reading, which blocks no writer."""
        with as_store_errors(self.place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(
        self, connection: Connection | None = None, *, within: float = 0.0, long: bool = False
    ) -> Iterator[Connection]:
        """A transaction for writing, all or nothing.

        Args:
            connection: One from `connect`, or None.
            within: Seconds within which a server has to answer; 0 for the usual ones.
            long: Whether it changes whole tables, so that a server may take long.
        """
        if connection is None:
            with as_store_errors(self.place), self._writer.begin() as connection:
                yield connection
        else:
            with as_store_errors(self.place), connection.begin():
                yield connection

    @contextmanager
    def reading_of(self, connection: Connection) -> Iterator[Connection]:
        """A transaction for reading over a connection that is no longer used for writing."""
        connection.execution_options(**{_BEGIN: "BEGIN"})
        with as_store_errors(self.place), connection.begin():
            yield connection

    def lock_tables(self, connection: Connection) -> None:
        """Keep other processes from changing the tables until the transaction ends."""
        raise NotImplementedError

    def alone_now(self, connection: Connection) -> bool:
        """Become the only process that gives runs to hosts until the transaction ends; false if another one is."""
        return True

    def notify(self, connection: Connection, run: str) -> None:
        """Wake the process that drives a run, once the transaction is committed, if this database can."""

    def attend(self, run: str, epoch: int, lease: Lease) -> Held | None:
        """Renew the lease of a claim and listen for news of its run, until `leave`; None when the claim does so."""
        return None

    def leave(self, held: Held) -> None:
        """Stop looking after a claim."""

    def make_ready(self) -> None:
        """Prepare the database once, before its tables are created."""

    def changes(self, connection: Connection | None) -> int | None:
        """A number that changes when other connections write, as seen by `connection`; None when there is none."""
        return None

    def erase(self, connection: Connection | None) -> None:
        """Make sure, as far as possible here, that deleted data cannot be read from the disk."""

    def is_lost(self, connection: Connection | None) -> bool:
        """Whether other processes find another database at this place than `connection` is connected to."""
        return False

    def reopen(self, connection: Connection) -> Loss:
        """Connect to the database that other processes find at this place, after `connection` was lost to it.

        Args:
            connection: The connection to the lost database; it stays as it is.

        Returns:
            How the connection was lost.

        Raises:
            StoreError: That database cannot be used; nothing has changed.
        """
        raise NotImplementedError

    def abandon(self, connection: Connection) -> None:
        """Close a lost connection."""
        connection.close()

    def close(self) -> None:
        """Close all connections."""
        with as_store_errors(self.place):
            for connection in tuple(self._lent):
                connection.close()
            self._engine.dispose()


class SQLiteFile(Database):
    """A file on a local disk that only its owner can read, as are SQLite's files next to it.

    Raises:
        StoreError: The file cannot be created or opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._presence: Presence | None = None
        self._left: list[Presence] = []
        self._loss = Loss(Fate.THERE, readable=True)
        _private(path)
        self._file = _file_at(path)
        self._following = threading.RLock()  # preparing the tables of a file reads and writes it
        super().__init__(URL.create("sqlite", database=str(path)), connect_args=_DRIVEN)
        self.place = str(path)
        _listen(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction for reading, which blocks no writer."""
        self._follow()
        with super().reading() as connection:
            yield connection

    @contextmanager
    def writing(
        self, connection: Connection | None = None, *, within: float = 0.0, long: bool = False
    ) -> Iterator[Connection]:
        """A transaction for writing, all or nothing."""
        if connection is None:
            self._follow()
        with super().writing(connection) as writer:
            yield writer

    def _follow(self) -> None:
        """Connect to the file that other processes find at this path. Claims, once there are any, do so themselves.

        None is created here, and one that is still being copied is left alone: it may be a backup that is restored.
        """
        if self.prepare is None or self._presence is not None:
            return
        with self._following:
            found = _file_at(self._path)
            if found in (None, self._file) or not is_whole(self._path):
                return
            self._engine.dispose()
            self._file = found
            try:
                self.prepare()
            except BaseException:
                self._file = None  # the next call tries again
                raise

    def connect(self) -> Connection:
        """A connection for writing, for as long as a process drives a run."""
        with as_store_errors(self.place):
            connection = self._writer.connect()
        self._lent.add(connection)
        with as_store_errors(self.place), _translate_os_errors(self._path):
            driver = _driver(connection)
            driver.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # opens what is next to it too
            driver.execute(f"PRAGMA busy_timeout = {_DRIVING_PATIENCE * 1000:.0f}")
            if self._presence is None:
                self._presence = Presence(self._path)
        return connection

    def is_lost(self, connection: Connection | None) -> bool:
        """Whether the file at this path is another one than `connection` has open; checks files, and runs no query."""
        known = self._presence if connection is not None and connection.engine is self._writer else None
        return known is None or known.fate() is not Fate.THERE

    def reopen(self, connection: Connection) -> Loss:
        """Connect to the file at this path, and create it if there is none."""
        lost = self._presence
        if lost is None or lost.fate() is Fate.THERE:  # another claim of this process was first
            return self._loss
        self._loss = Loss(lost.fate(), lost.readable())
        before = self._engine, self._writer
        with as_store_errors(self.place), _translate_os_errors(self._path):
            with alone_in(self._path.parent):
                lost.clear(_driver(connection))
            _private(self._path)
            self._engine = create_engine(self._engine.url, max_overflow=-1, connect_args=_DRIVEN)
            self._writer = _writer_of(self._engine)
            _listen(self._engine)
            try:
                assert self.prepare is not None  # only a store of runs has claims
                self.prepare()
                self.make_ready()  # a copy may have been made without a write-ahead log
                self._presence = Presence(self._path)
            except BaseException:
                self._engine.dispose()
                self._engine, self._writer = before
                raise
            before[0].dispose()
            self._left.append(lost)  # another claim may still be connected to its file
        return self._loss

    def abandon(self, connection: Connection) -> None:
        """Close a connection to a lost file, and let go of the file when this was the last connection."""
        connection.detach()  # otherwise it stays open in the pool that it came from
        connection.close()
        if all(each.closed or each.engine is self._writer for each in self._lent):
            self._let_go()

    def _let_go(self) -> None:
        while self._left:
            self._left.pop().close()

    def close(self) -> None:
        """Close all connections, then everything whose closing would drop their locks."""
        super().close()
        self._let_go()
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    def lock_tables(self, connection: Connection) -> None:
        """Do nothing: a writing transaction is alone from its beginning."""

    def make_ready(self) -> None:
        """Turn the write-ahead log on. The file remembers it."""
        deadline = time.monotonic() + PATIENCE
        with as_store_errors(self.place):
            while not self._log_ahead():
                if time.monotonic() > deadline:
                    raise StoreError(f"the store {self.place} is kept busy by another process", hint="try again")
                time.sleep(0.01)

    def _log_ahead(self) -> bool:
        # SQLite does not wait by itself for other processes that change the mode at the same moment.
        with closing(sqlite3.connect(self._path, timeout=0)) as connection:
            try:
                return bool(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                return False

    def changes(self, connection: Connection | None) -> int | None:
        """SQLite's own count of commits by other connections, which costs no query."""
        with as_store_errors(self.place):
            number: int = _driver(connection).execute("PRAGMA data_version").fetchone()[0]
        return number

    def erase(self, connection: Connection | None) -> None:
        """Empty the write-ahead log, unless it is being read. The file itself is overwritten with zeros."""
        driver = _driver(connection)
        # The write is safe already, so a failure here is not a failure of the write.
        with suppress(sqlite3.Error):
            driver.execute("PRAGMA busy_timeout = 0")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        driver.execute(f"PRAGMA busy_timeout = {_DRIVING_PATIENCE * 1000:.0f}")


def _configure(driver: sqlite3.Connection, _record: object) -> None:
    # The driver's own transactions begin late and not for every statement; `_begin` begins ours.
    driver.isolation_level = None
    driver.text_factory = _text
    for setting in ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON"):
        driver.execute(f"PRAGMA {setting}")


def _text(raw: bytes) -> str:
    # Text that is not UTF-8 is damaged; it must not keep the rows next to it from being read.
    return raw.decode("utf-8", "surrogateescape")


def _begin(connection: Connection) -> None:
    _driver(connection).execute(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _driver(connection: Connection | None) -> sqlite3.Connection:
    assert connection is not None  # only a server has none for each claim
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _writer_of(engine: Engine) -> Engine:
    writer: Engine = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    return writer


def _listen(engine: Engine) -> None:
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)


def _file_at(path: Path) -> tuple[int, int] | None:
    """What tells the file at a path from others; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _private(path: Path) -> None:
    """Create the file and its folder if they are missing, and make sure that other users cannot open the file."""
    with _translate_os_errors(path):
        if not os.path.lexists(path):
            with alone_in(path.parent), suppress(FileExistsError):
                if not os.path.lexists(path):
                    remove_stale(path)
                # Never opened here: closing it would drop the locks that SQLite holds on it elsewhere in this process.
                os.mknod(path, 0o600 | stat.S_IFREG)
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise StoreError(
                f"the store {path} cannot be opened: it is no file", hint="move away what is there, or " + _ELSEWHERE
            )
        if (theirs := planted_file(path)) is not None:
            hint = f"remove {theirs}, or {_ELSEWHERE}"
            raise StoreError(
                f"the store {path} cannot be opened: {theirs} belongs to another user or is not a file", hint=hint
            )
        if mode & 0o077:
            path.chmod(0o600)


@contextmanager
def _translate_os_errors(path: Path) -> Iterator[None]:
    """Turn an error of the system into a `StoreError`."""
    try:
        yield
    except OSError as error:
        refused = os_errors.host_error(error, "")
        raise StoreError(
            f"the store {path} cannot be opened: {error.strerror or error}",
            hint=(f"{refused.hint}; or " if refused else "") + _ELSEWHERE,
        ) from error

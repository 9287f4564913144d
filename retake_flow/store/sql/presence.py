"""Presence: tells whether an open SQLite file is still the one that other processes find at its path.

SQLite keeps using a file that was removed, and never notices a file that took its place. Closing such a connection is
harmless: SQLite itself checks whether the file was moved before it touches the files beside the path. Opening a second
connection to the same file from this process is not harmless: both would share one index of two write-ahead logs. So
the place is cleared first.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Final

from retake_flow.locks import Lock
from retake_flow.quick_dataclasses import dataclass

_BESIDE: Final = ("-wal", "-shm")
_HEADER: Final = 100  # bytes
_MAGIC: Final = b"SQLite format 3\0"
_COUNTER: Final = slice(24, 28)  # of the change counter in the header; it never goes back

#: How long an overwritten file has to stay unchanged, in seconds, and how often that is tried.
_SETTLING, _PATIENCE = 0.05, 100

_Key = tuple[int, int] | None  # a device and an inode; None for a file that does not exist


class Fate(Enum):
    """What happened to an open file, as the end of a sentence."""

    THERE = "is still there"
    GONE = "was removed or moved away"
    REPLACED = "was replaced by another file"
    OVERWRITTEN = "was overwritten"
    PARTED = "was separated from its -wal and -shm files"
    TORN = "lost the contents of its -shm file"


@dataclass(frozen=True, slots=True)
class Loss:
    """How an open file was lost.

    Attributes:
        fate: What happened to it.
        readable: Whether an open connection can still read it.
    """

    fate: Fate
    readable: bool


class Presence:
    """The files of a database just after it was opened.

    Args:
        path: The path of the database; a link is followed.

    Raises:
        OSError: The file no longer exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not closed while this process is connected: closing would drop SQLite's locks on them.
        self._handle = _open(path)
        self._target = os.path.realpath(path)
        self._index = _open(f"{self._target}{_BESIDE[1]}") if os.path.exists(f"{self._target}{_BESIDE[1]}") else None
        self._index_size = 0
        self._around = self._keys()
        self._seen = (-1, -1)
        self._counter = b""
        self._header_intact()
        self.readable()

    def fate(self) -> Fate:
        """What has happened to the file."""
        try:
            found = os.stat(self._path)
        except OSError:
            return Fate.GONE
        if not os.path.samestat(found, os.fstat(self._handle)):
            return Fate.REPLACED
        if not self._header_intact():
            return Fate.OVERWRITTEN
        if not self.readable():
            return Fate.TORN
        return Fate.THERE if self._keys() == self._around else Fate.PARTED

    def readable(self) -> bool:
        """Whether the open file may be touched: SQLite maps its log's index, and crashes if that is cut."""
        if self._index is None:
            return True
        size = os.fstat(self._index).st_size
        self._index_size = max(size, self._index_size)
        return size == self._index_size

    def clear(self, connection: sqlite3.Connection) -> None:
        """Make sure that the file at this path, if any, is not the one that `connection` has open.

        Its content stays: the whole database, or whatever was written over it.

        Raises:
            OSError, sqlite3.Error: The place cannot be cleared.
        """
        target, fate = Path(os.path.realpath(self._path)), self.fate()
        if fate in (Fate.GONE, Fate.REPLACED):
            # With those of another file SQLite would read nonsense, and crash (SIGBUS).
            for name, key in zip(_BESIDE, self._around[1:], strict=True):
                if key is not None and _key(f"{target}{name}") == key:
                    Path(f"{target}{name}").unlink(missing_ok=True)
            return
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
        os.close(handle)
        fresh = Path(name)
        try:
            if fate is Fate.PARTED:
                _checkpoint(connection)
                with closing(sqlite3.connect(fresh)) as copy:
                    connection.backup(copy)
            else:
                _copy(target, fresh)
            if fate is Fate.TORN:
                _copy_log(target, fresh)
            remove_stale(target)
            os.replace(fresh, target)
        finally:
            remove_stale(fresh)
            fresh.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file, once this process is no longer connected to it."""
        for handle in (self._handle, self._index):
            if handle is not None:
                os.close(handle)

    def _keys(self) -> tuple[_Key, ...]:
        return (_key(self._path), *(_key(f"{self._target}{name}") for name in _BESIDE))

    def _header_intact(self) -> bool:
        """Whether the file begins as SQLite left it; an older header is that of an earlier copy."""
        status = os.fstat(self._handle)
        if (status.st_size, status.st_mtime_ns) == self._seen:
            return True
        header = os.pread(self._handle, _HEADER, 0)
        if header[: len(_MAGIC)] != _MAGIC or header[_COUNTER] < self._counter:
            return False
        self._seen, self._counter = (status.st_size, status.st_mtime_ns), header[_COUNTER]
        return True


def is_whole(path: Path) -> bool:
    """Whether a file is a database of which nothing is missing, as it would be while it is copied."""
    try:
        with path.open("rb") as file:
            header, size = file.read(_HEADER), os.fstat(file.fileno()).st_size
    except OSError:
        return False
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    return header.startswith(_MAGIC) and 0 < pages * (65536 if page == 1 else page) <= size


def remove_stale(path: Path) -> None:
    """Remove SQLite's files next to a file that no longer exists, before a new one is created in its place."""
    for name in _BESIDE:
        Path(f"{path}{name}").unlink(missing_ok=True)


def planted_file(path: Path) -> Path | None:
    """A file that another user put in place of the database or of SQLite's files next to it; None when there is none.

    SQLite would follow that user's links, and write into files of ours.
    """
    ours = {os.geteuid(), 0}
    link = os.lstat(path)
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in ours:
        return path
    ours.add(os.stat(path).st_uid)
    for name in _BESIDE:
        beside = Path(f"{os.path.realpath(path)}{name}")
        with suppress(FileNotFoundError):
            status = beside.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in ours:
                return beside
    return None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from preparing a place in a folder at the same time; the folder is created if missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(folder.resolve(), wait=True)
    try:
        yield
    finally:
        lock.release()


def _copy(source: Path, target: Path) -> None:
    """Copy a file that another process may be writing."""
    for _ in range(_PATIENCE):
        before = source.stat()
        shutil.copyfile(source, target)
        time.sleep(_SETTLING)
        after = source.stat()
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return


def _copy_log(source: Path, target: Path) -> None:
    """Apply the write-ahead log of one file to a copy of that file; incomplete entries are left out."""
    with suppress(FileNotFoundError):
        _copy(Path(f"{source}{_BESIDE[0]}"), Path(f"{target}{_BESIDE[0]}"))
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _open(path: str | Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _checkpoint(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _key(path: str | Path) -> _Key:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

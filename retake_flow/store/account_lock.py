"""Account lock: keeps a second process of this user on this machine from streaming as the same account.

Each identifier that belongs to one account only has a lock file, which the process of its run holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from retake_flow.errors import AccountInUse
from retake_flow.locks import Lock, remove_abandoned
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import scrub
from retake_flow.run.identity import Identity

_LONGEST = 4096  # bytes of a holder's description of itself
# Another process holds a lock for a moment while it checks whether that is abandoned, and it removes an empty folder.
# Tries are counted, since time also passes while the whole machine is suspended.
_TRIES, _PAUSE = 20, 0.01


@dataclass(frozen=True, slots=True)
class _LockHolder:
    """Who holds a lock: a run, its process, and the store in which it is kept."""

    run: str
    pid: int
    host: str
    store: str


class AccountLock:
    """The lock that a run holds on its account; as a context manager, it is released at the end.

    A folder that cannot be used is skipped: a stream without locks is better than no stream.

    Args:
        folders: The folders of the locks; a lock held in any of them is held.
        run: The id of the run that streams.
        store: The store of that run: a path, or the URL of a database.
    """

    def __init__(self, folders: Sequence[Path], run: str, store: str) -> None:
        self._folders = folders
        self._run = run
        self._store = scrub(store) if "://" in store else str(Path(store).absolute())
        self._held: dict[Path, Lock] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release(list(self._held))

    def hold(self, identity: Identity) -> None:
        """Hold an account by all its known identifiers; locks that are already held stay held.

        Raises:
            AccountInUse: Another run holds the account; nothing new is held.
        """
        before = set(self._held)
        try:
            for path in self._paths(identity.keys):
                if path not in self._held:
                    self._acquire(path, identity)
        except AccountInUse:
            self._release(self._held.keys() - before)
            raise

    def _paths(self, keys: Iterable[str]) -> list[Path]:
        names = [hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:24] for key in keys]
        return [folder / f"account-{name}.lock" for folder in self._folders for name in names]

    def _acquire(self, path: Path, identity: Identity) -> None:
        try:
            lock = _lock(path)
        except BlockingIOError:
            raise self._in_use(path, identity) from None
        except OSError:
            return
        us = _LockHolder(self._run, os.getpid(), os.uname().nodename, self._store)
        with suppress(OSError):  # a full disk does not weaken the lock
            path.write_text(json.dumps(asdict(us)), encoding="utf-8")
        self._held[path] = lock

    def _in_use(self, path: Path, identity: Identity) -> AccountInUse:
        holder = _read_holder(path)
        if holder is None:
            return AccountInUse(identity.label)
        store = "" if holder.store == self._store else holder.store
        return AccountInUse(identity.label, run=holder.run, host=holder.host, pid=holder.pid, store=store)

    def _release(self, paths: Iterable[Path]) -> None:
        for path in list(paths):
            with suppress(OSError):  # removed while it is held, so that no process can hold a file that is then removed
                path.unlink()
            self._held.pop(path).release()
        for folder in self._folders:
            with suppress(OSError):  # other processes have locks in it, or remove it just now
                remove_abandoned(folder.glob("account-*.lock"))  # of processes that were killed
                folder.rmdir()


def _lock(path: Path) -> Lock:
    """A lock on an existing file.

    Raises:
        BlockingIOError: Another process holds the lock.
        OSError: The file cannot be locked.
    """
    for _ in range(_TRIES):
        with suppress(FileNotFoundError, FileExistsError, BlockingIOError):
            return _lock_in_private(path)
        time.sleep(_PAUSE)
    return _lock_in_private(path)


def _lock_in_private(path: Path) -> Lock:
    _make_private(path.parent)
    lock = Lock.on_new(path)
    if lock.works:
        return lock
    path.unlink()
    lock.release()
    raise OSError(f"{path} cannot be locked")


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's")


def _read_holder(path: Path) -> _LockHolder | None:
    """The holder's description of itself; None when it is not written yet."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_LONGEST))
        return _LockHolder(str(said["run"]), int(said["pid"]), str(said["host"]), str(said["store"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None

"""Holders: the processes that drive runs, and whether they are alive.

A process id is only valid within one PID namespace of one boot, and only a process there judges it. All others go by
the holder's lock beside a SQLite file, which every container on the machine sees, and else by its lease in the store.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from retake_flow import process_place
from retake_flow.locks import Lock, is_held, remove_abandoned
from retake_flow.ports.runs import Holder

# The inode of the PID namespace that a machine boots with (PROC_PID_INIT_INO in the kernel's proc_ns.h).
_FIRST_NAMESPACE = 0xEFFFFFFC
# Others hold a lock for a moment while they look whether it is held. Tries are counted, since time also passes while
# the whole machine is suspended.
_TRIES, _PAUSE = 50, 0.01


def this_process() -> Holder:
    """The current process, as the holder of a run."""
    return Holder(_host(), os.getpid(), process_place.start_time(os.getpid()), process_place.where())


def is_alive(holder: Holder, locks: Path | None = None) -> bool:
    """Whether a holder is alive, as far as this process can know.

    A process elsewhere with neither lock nor lease counts as alive, because nothing here can tell. In a store on a
    server, a process whose lease has run out counts as dead, even when its process id still exists: it was stopped, or
    cut off, for so long that anybody may take its runs.

    Args:
        holder: A process, here or elsewhere.
        locks: The folder in which it may have a lock, as returned by `locks_beside`; None for a server.
    """
    if locks is not None and (lock := _lock_file(locks, holder)).exists():
        return is_held(lock)
    expired = holder.lease is not None and holder.lease <= 0
    if _is_near(holder):
        return process_place.runs(holder.pid, holder.started) and (locks is not None or not expired)
    return not expired


def is_certain(holder: Holder, locks: Path | None = None) -> bool:
    """Whether this process can know for certain whether a holder is alive; arguments as for `is_alive`."""
    by_lock = locks is not None and _lock_file(locks, holder).exists()
    return by_lock or holder.lease is not None or holder.has_moved or _is_near(holder)


def free_in(holder: Holder, locks: Path | None = None) -> float | None:
    """Seconds after which a run is anybody's if only its lease says that its holder is alive; None otherwise.

    The arguments are those of `is_alive`.
    """
    by_lock = locks is not None and _lock_file(locks, holder).exists()
    return None if by_lock or _is_near(holder) else holder.lease


def locks_beside(store: str | Path) -> Path | None:
    """The folder of the holders' locks of a store; None for a server, whose clients share no folder."""
    if "://" not in str(store):
        path = Path(os.path.expanduser(store))
        return path.with_name(f"{path.name}-holders") if path.name else None
    scheme, _, rest = str(store).partition(":///")
    return locks_beside(rest) if rest and scheme.startswith("sqlite") else None


def lock(locks: Path | None, holder: Holder) -> Lock | None:
    """The lock of this process as the holder of a run; None when it cannot have one.

    Args:
        locks: The folder for it; created when it is missing.
        holder: This process; nothing is locked for another one.
    """
    if locks is None or holder != this_process():
        return None
    with suppress(OSError):  # a full disk, or a read-only folder: process ids still work
        locks.mkdir(mode=0o700, exist_ok=True)
        lock = _after_looks(_lock_file(locks, holder))
        if lock.works:
            return lock
        lock.path.unlink()
    return None


def _after_looks(path: Path) -> Lock:
    """A new lock; waits for processes that check whether it is held.

    Raises:
        BlockingIOError: It stays held: this process has opened the store a second time.
        OSError: It cannot be created.
    """
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            return Lock.on_new(path)
        time.sleep(_PAUSE)
    return Lock.on_new(path)


def forget(locks: Path | None, holder: Holder) -> None:
    """Remove the lock of a holder that is gone; a lock that is still held stays."""
    if locks is not None:
        remove_abandoned([_lock_file(locks, holder)])


def _lock_file(locks: Path, holder: Holder) -> Path:
    name = f"{holder.host} {holder.pid} {holder.started!r}"
    return locks / f"{blake2b(name.encode(), digest_size=12).hexdigest()}.lock"


def _is_near(holder: Holder) -> bool:
    """Whether the process id of a holder is valid here."""
    if holder.where:
        return holder.where == process_place.where()
    return holder.host in (_host(), os.uname().nodename)  # older versions wrote only the host, or no namespace either


def _host() -> str:
    """The name of this host for people, with the PID namespace if it is not the machine's own."""
    host, namespace = os.uname().nodename, process_place.namespace()
    return host if namespace in (0, _FIRST_NAMESPACE) else f"{host}/pid-{namespace}"

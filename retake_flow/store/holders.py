"""Holders: the processes that drive runs, and whether they are alive.

A process id is only valid within one PID namespace of one boot, and only a process there judges it. All others go by
the holder's lock beside a SQLite file, which every container on the machine sees, and else by its lease in the store.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

from retake_flow.locks import Lock, is_held, remove_abandoned
from retake_flow.ports.runs import Holder

# The inode of the PID namespace that a machine boots with (PROC_PID_INIT_INO in the kernel's proc_ns.h).
_FIRST_NAMESPACE = 0xEFFFFFFC

#: The largest difference between two readings of a process's start, in seconds: two ticks of the kernel's clock.
TOLERANCE = 0.02


def this_process() -> Holder:
    """The current process, as the holder of a run."""
    return Holder(_host(), os.getpid(), _started(os.getpid()), _where())


def alive(holder: Holder, locks: Path | None = None) -> bool:
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
        return _runs(holder) and (locks is not None or not expired)
    return not expired


def certain(holder: Holder, locks: Path | None = None) -> bool:
    """Whether this process can know for certain whether a holder is alive; arguments as for `alive`."""
    by_lock = locks is not None and _lock_file(locks, holder).exists()
    return by_lock or holder.lease is not None or _is_near(holder)


def free_in(holder: Holder, locks: Path | None = None) -> float | None:
    """Seconds after which a run is anybody's if only its lease says that its holder is alive; None otherwise.

    The arguments are those of `alive`.
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
        lock = Lock.on_new(_lock_file(locks, holder))
        if lock.works:
            return lock
        lock.path.unlink()
    return None


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
        return holder.where == _where()
    return holder.host in (_host(), os.uname().nodename)  # older versions wrote only the host, or no namespace either


def _runs(holder: Holder) -> bool:
    """Whether a process of this PID namespace is alive."""
    import psutil

    try:
        process = psutil.Process(holder.pid)
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead and abs(_started(holder.pid) - holder.started) <= TOLERANCE
    except psutil.NoSuchProcess:
        return False


def _started(pid: int) -> float:
    """When a process started, in seconds since the machine booted.

    psutil's time of day shifts for a living process when the clock is set. After a reboot, another process could have
    the same process id and have started in the same hundredth of a second. That is unlikely enough to be accepted: the
    run would count as driven until that process ends, or until it is taken with --force.

    Source: proc_pid_stat(5), field 22. Without /proc it is psutil's time of day.
    """
    try:
        stat = Path("/proc", str(pid), "stat").read_bytes()
    except OSError:
        import psutil

        return psutil.Process(pid).create_time()
    after_name = stat.rpartition(b")")[2].split()  # the name may contain spaces and parentheses; field 3 is next
    return int(after_name[22 - 3]) / os.sysconf("SC_CLK_TCK")


def _host() -> str:
    """The name of this host for people, with the PID namespace if it is not the machine's own."""
    host, namespace = os.uname().nodename, _namespace()
    return host if namespace in (0, _FIRST_NAMESPACE) else f"{host}/pid-{namespace}"


@cache
def _where() -> str:
    """Where process ids are valid: this boot of the kernel, and the PID namespace; "" when that cannot be known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    namespace = _namespace()
    return f"{boot}/{namespace}" if boot and namespace else ""


def _namespace() -> int:
    """The inode of the PID namespace; 0 when it cannot be known."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0

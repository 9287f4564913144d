"""Locks: a process holds a file or folder for as long as it lives, visible from any container.

A process id is valid in one PID namespace only: another container cannot see that the process is alive. A lock (flock)
belongs to the kernel and ends with the process, however it ends; children do not inherit it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

_SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Lock:
    """A file or folder that is held until it is released or the process ends.

    On a file system without locks, nobody holds it, and nobody treats it as abandoned.

    Args:
        path: An existing file or folder.
        wait: Whether to wait for its holder, such as one that is about to remove it.
        handle: The open file, which becomes the lock's; None to open it.

    Attributes:
        works: Whether the file system supports locks.

    Raises:
        BlockingIOError: Another process holds it, and `wait` is false.
        OSError: It no longer exists, or it is a link.
    """

    def __init__(self, path: Path, *, wait: bool = False, handle: int | None = None) -> None:
        self.path = path
        self.works = True
        self._handle = _open(path) if handle is None else handle
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            self.release()
            raise
        except OSError:
            self.works = False
        if not self.intact:
            self.release()
            raise FileNotFoundError(f"{path} was removed meanwhile")

    @classmethod
    def on_new(cls, path: Path) -> Self:
        """A lock on a file, which is created, accessible to its owner only, if missing.

        Where the file system allows it, nobody ever sees the file without its lock.

        Raises:
            BlockingIOError: Another process holds it, perhaps only to see whether it is abandoned.
            OSError: It cannot be created.
        """
        folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
        try:
            while True:
                with suppress(FileNotFoundError):  # its holder has just removed it
                    return cls(path, handle=_create_locked(folder, path.name))
        finally:
            os.close(folder)

    @property
    def intact(self) -> bool:
        """Whether the locked file or folder is still in its place."""
        try:
            return os.path.samestat(os.fstat(self._handle), self.path.lstat())
        except OSError:
            return False

    def release(self) -> None:
        """Release the lock; no effect if already released."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(path: Path) -> bool:
    """Whether a process holds a file or folder, as far as can be known; a missing one is not held."""
    try:
        with _try_lock(path, fcntl.LOCK_SH):  # shared, so that observers see the holder and not each other
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def remove_abandoned(paths: Iterable[Path], is_dead: Callable[[Path], bool] = lambda path: False) -> None:
    """Remove this user's files and folders that no process holds; where locks do not work, those that are dead."""
    for path in paths:
        # Held until it is removed: a process that takes it in between finds that it is no longer in its place.
        with suppress(OSError), _try_lock(path, fcntl.LOCK_EX, is_dead):
            if path.lstat().st_uid != os.getuid():
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def _try_lock(path: Path, kind: int, is_dead: Callable[[Path], bool] = lambda path: False) -> Iterator[None]:
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError) or not is_dead(path):
                raise
        yield
    finally:
        os.close(handle)


def _create_locked(folder: int, name: str) -> int | None:
    """Create a file that is locked before anybody can see it.

    Returns:
        Its handle; None when there is a file of that name, which may now be without a lock where the file system
        cannot lock a file before it has a name.
    """
    try:
        handle = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError:
        os.close(os.open(name, os.O_CREAT | _SAFELY, 0o600, dir_fd=folder))
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.link(f"/proc/self/fd/{handle}", name, src_dir_fd=folder, dst_dir_fd=folder)  # without folders, not followed
    except OSError as error:
        os.close(handle)
        if not isinstance(error, FileExistsError):
            os.close(os.open(name, os.O_CREAT | _SAFELY, 0o600, dir_fd=folder))
        return None
    return handle


def _open(path: Path) -> int:
    return os.open(path, _SAFELY)

"""Locks: a process holds a file or folder for as long as it lives, visible from any container.

A process id means something in one PID namespace only: seen from another container, a living process does not exist. A
lock (flock) is the kernel's, and goes with the process however it ends; children do not inherit it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

_SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Lock:
    """A file or folder that is held until it is released, or the process ends.

    Where the file system knows no locks nobody holds it, and nobody takes it for abandoned.

    Args:
        path: What is there already.
        wait: Whether to wait for whoever holds it, such as one who is about to remove it.

    Attributes:
        works: Whether the file system knows locks.

    Raises:
        BlockingIOError: Another process holds it, and is not waited for.
        OSError: It is not there any more, or it is a link.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        self.path = path
        self.works = True
        self._handle = _opened(path)
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
        """A lock on a file, which is made for its owner alone when it is missing.

        Raises:
            BlockingIOError: Another process holds it.
            OSError: It cannot be made.
        """
        while True:
            os.close(os.open(path, os.O_CREAT | _SAFELY, 0o600))
            with suppress(FileNotFoundError):  # whoever held it has removed it just now
                return cls(path)

    @property
    def intact(self) -> bool:
        """Whether what was locked is still in its place."""
        try:
            return os.path.samestat(os.fstat(self._handle), self.path.lstat())
        except OSError:
            return False

    def release(self) -> None:
        """Let others hold it; of no effect when that was done before."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(path: Path) -> bool:
    """Whether a process holds a file or folder, as far as one can know; nobody holds what is not there."""
    try:
        with _locked(path, fcntl.LOCK_SH):  # shared, so that those who look see the holder, and not each other
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove this user's files and folders that no process holds."""
    for path in paths:
        # Held until it is gone: whoever would hold it in between finds that it is not in its place.
        with suppress(OSError), _locked(path, fcntl.LOCK_EX):
            if path.lstat().st_uid != os.getuid():
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    handle = _opened(path)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    return os.open(path, _SAFELY)

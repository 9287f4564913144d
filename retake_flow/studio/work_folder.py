"""Work folder: the temporary folder of a process, and the removal of folders that killed processes left."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retake_flow import os_errors, process_place
from retake_flow.errors import StudioError
from retake_flow.locks import Lock, remove_abandoned

_PREFIX = "retake-flow-"
_MARK = "process"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")


class WorkFolder:
    """A folder that a process holds while it works, and creates again if it was removed.

    Its lock tells every other process that the folder is in use, even in another container that shares it. It also
    tells systemd-tmpfiles, which leaves locked folders alone (tmpfiles.d(5)). Where locks do not work, its mark tells
    processes of the same boot and PID namespace.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Lock | None = None
        self.ensure()

    def ensure(self, name: str = "") -> Path:
        """The folder, or the folder `name` in it, which now exists.

        Raises:
            HostError, StudioError: The folder cannot be created.
        """
        folder = self.path / name
        try:
            while self._lock is None or not self._lock.intact:
                self.close()
                self._lock = self._ensure_lock()
                with suppress(OSError):  # a full disk does not weaken the lock
                    (self.path / _MARK).write_text(process_place.mark(), encoding="ascii")
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            doing = f"the working folder {folder} cannot be made"
            raise os_errors.host_error(error, doing) or StudioError(f"{doing}: {error.strerror or error}") from None
        return folder

    def close(self) -> None:
        """Release the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _ensure_lock(self) -> Lock | None:
        """The lock on the folder, which is created when missing; None when it was removed in between."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            if os.path.lexists(self.path):
                raise
            return None  # it was there for `mkdir`, and removed before its kind was looked up
        with suppress(FileNotFoundError):
            lock = Lock(self.path, wait=True)
            if self.path.stat().st_uid == os.getuid():
                return lock
            lock.release()
            raise PermissionError(errno.EPERM, "it now belongs to another user", str(self.path))
        return None


def _is_dead(folder: Path) -> bool:
    """Whether the process of a folder is known to be gone."""
    with suppress(OSError, ValueError):
        return process_place.is_gone((folder / _MARK).read_text(encoding="ascii"))
    return False


@contextmanager
def work_folder() -> Iterator[WorkFolder]:
    """A folder for the duration of the work. The next process removes the folders of killed ones."""
    left = (path for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*") if _NAME.fullmatch(path.name))
    remove_abandoned(left, _is_dead)
    folder = WorkFolder(Path(tempfile.mkdtemp(prefix=_PREFIX)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
        folder.close()

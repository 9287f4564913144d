"""A file that its owner alone may read, replaced as a whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from retake_flow.errors import CredentialsError

MAX_SIZE = 1 << 20  # bytes


def read(path: Path) -> bytes | None:
    """What the file holds; None when there is none.

    Raises:
        CredentialsError: Others may open it, or it is no file that can be read.
    """
    try:
        # Without O_NONBLOCK, a pipe in its place would keep us waiting for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        _check(path, os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            return file.read(MAX_SIZE)
    finally:
        os.close(handle)


def replace(path: Path, content: bytes) -> None:
    """Write the file, so that a crash leaves the old one or the new one. A missing folder is made, mode 0700.

    Raises:
        OSError: It cannot be written; the old file is untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else the new name may be lost with the power
    finally:
        os.close(folder)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CredentialsError(f"{path} is not a file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise CredentialsError(
            f"{path} is open to other users of this machine (mode {mode:04o})", hint=f"chmod 600 {path}"
        )
    if status.st_size > MAX_SIZE:
        raise CredentialsError(f"{path} is too large for a credentials file")

"""Reads files from untrusted places: only plain files of limited size are accepted."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

#: The largest text, in bytes.
MOST: Final = 4 << 20
_PIECE: Final = 1 << 16


def read(path: str | os.PathLike[str], most: int = MOST) -> bytes:
    """The content of a file of at most so many bytes; links are followed.

    Pipes, devices, sockets and folders are neither read nor waited for. A file with a reported size of 0 counts as
    empty, since files that the kernel generates on reading (`/proc/kmsg`) report that.

    Raises:
        OSError: It cannot be read, is not a plain file, or is larger; its `strerror` says which.
    """
    _require_plain(os.stat(path), path, most)  # opening alone has side effects on some devices
    # Without O_NONBLOCK, a pipe that has taken its place would block until a writer appears.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        _require_plain(status, path, most)
        return _content(handle, path, most) if status.st_size else b""
    finally:
        os.close(handle)


def _content(handle: int, path: str | os.PathLike[str], most: int) -> bytes:
    """The current content; the file may have grown meanwhile."""
    content = bytearray()
    while piece := os.read(handle, _PIECE):
        content += piece
        if len(content) > most:
            raise _too_large(path, most)
    return bytes(content)


def _require_plain(status: os.stat_result, path: str | os.PathLike[str], most: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file", os.fspath(path))
    if status.st_size > most:
        raise _too_large(path, most)


def _too_large(path: str | os.PathLike[str], most: int) -> OSError:
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
    return OSError(errno.EINVAL, f"it is larger than {size}", os.fspath(path))

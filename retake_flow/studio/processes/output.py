"""What a program writes, kept in memory instead of a pipe: it never waits for us, however long nobody reads."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Final

#: What is read at once, in bytes; of more only the end is, so that nobody who slept has to read for long.
LONGEST_UNREAD: Final = 64 * 1024
#: So much that was read is kept, in bytes, before its room is freed.
_FREED: Final = 64 * 1024


class Output:
    """A file in memory that a program appends to.

    Attributes:
        fd: Its descriptor, for the program.
    """

    def __init__(self) -> None:
        """Open it.

        Raises:
            OSError: This machine does not allow it.
        """
        self.fd = os.memfd_create("output", os.MFD_CLOEXEC)
        # A program goes on where it has stopped, also after what was read is gone.
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)
        self._at = 0

    def read(self) -> bytes:
        """What was written since this was asked last; of much only the last lines."""
        if self.fd < 0:
            return b""
        skipped = os.fstat(self.fd).st_size - self._at - LONGEST_UNREAD
        if skipped > 0:
            self._at += skipped
        data = os.pread(self.fd, LONGEST_UNREAD, self._at)
        self._at += len(data)
        if self._at > _FREED and data.endswith(b"\n"):
            os.ftruncate(self.fd, 0)
            self._at = 0
        return data.partition(b"\n")[2] if skipped > 0 else data

    def close(self) -> None:
        """Let go of it."""
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1

"""Program output, kept in memory instead of a pipe, so that a program never blocks while nobody reads."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Final

#: The bytes read at once; of more, only the end is read, so that a reader catches up quickly after a suspension.
LONGEST_UNREAD: Final = 64 * 1024
#: The bytes kept after reading, before their space is freed.
_FREED: Final = 64 * 1024


class Output:
    """A file in memory that a program appends to.

    Attributes:
        fd: Its descriptor, for the program.
    """

    def __init__(self) -> None:
        """Create the file.

        Raises:
            OSError: This machine does not allow such a file.
        """
        self.fd = os.memfd_create("output", os.MFD_CLOEXEC)
        # A program continues where it stopped, even after the part that was read is gone.
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)
        self._at = 0

    def read(self) -> bytes:
        """The output since the last call; of a lot, only the last lines."""
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
        """Close the file."""
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1

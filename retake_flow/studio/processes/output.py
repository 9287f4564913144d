"""Program output, kept in memory instead of a pipe, so that a program never blocks while nobody reads."""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import suppress
from typing import Final

#: The bytes read at once; of more, only the end is read, so that a reader catches up quickly after a suspension.
LONGEST_UNREAD: Final = 64 * 1024
#: The bytes kept after reading, before their space is freed; a multiple of the size of a page.
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
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)
        self._at = 0
        self._freed = 0

    def read(self) -> bytes:
        """The output since the last call; of a lot, only the last lines."""
        if self.fd < 0:
            return b""
        size = os.fstat(self.fd).st_size
        if size < self._at:  # the program emptied it
            self._at = self._freed = 0
        skipped = size - self._at - LONGEST_UNREAD
        if skipped > 0:
            self._at += skipped
        data = os.pread(self.fd, LONGEST_UNREAD, self._at)
        self._at += len(data)
        self._free()
        return data.partition(b"\n")[2] if skipped > 0 else data

    def _free(self) -> None:
        """Free the memory of what was read; the file keeps its length, so that nothing written meanwhile is lost."""
        read = (self._at - self._freed) // _FREED * _FREED
        if read:
            with suppress(OSError, ValueError), mmap.mmap(self.fd, read, offset=self._freed) as done:
                done.madvise(mmap.MADV_REMOVE)
            self._freed += read

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1

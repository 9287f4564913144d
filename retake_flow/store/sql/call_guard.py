"""Guard: ends calls to a database server that hang, so that no caller waits for longer than it said.

A server that is gone without a word, or a firewall that forgot a connection, leaves a call waiting for as long as the
kernel resends. Neither the driver nor the server ends it, so a thread shuts the socket that the call waits for.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

#: How often the thread looks, in seconds.
_LOOKS = 0.2


class Deadline:
    """A call that is watched.

    Attributes:
        passed: Whether the call was ended.
    """

    def __init__(self, at: float, connection: socket.socket) -> None:
        self.at = at
        self.connection = connection
        self.passed = False


class Guard:
    """Watches calls; its thread begins with the first one and ends with `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: set[Deadline] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, handle: int, within: float) -> Iterator[Deadline]:
        """Watch a call while the context lasts.

        Args:
            handle: The file descriptor of the socket that it uses.
            within: Seconds after which it is ended.
        """
        with closing(socket.socket(fileno=os.dup(handle))) as connection:
            call = Deadline(time.monotonic() + within, connection)
            with self._lock:
                self._calls.add(call)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._watch, name="store guard", daemon=True)
                    self._thread.start()
            try:
                yield call
            finally:
                with self._lock:
                    self._calls.discard(call)

    def close(self) -> None:
        """End the thread; calls are no longer watched."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(2 * _LOOKS)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOKS):
            with self._lock:
                for call in self._calls:
                    if not call.passed and time.monotonic() >= call.at:
                        call.passed = True
                        with suppress(OSError):
                            call.connection.shutdown(socket.SHUT_RDWR)

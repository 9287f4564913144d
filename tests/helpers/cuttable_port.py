"""A port that leads to another one, until it is cut: it needs neither root nor network namespaces."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

#: `silent`: bytes go nowhere, as behind a cable that was pulled; `refused`: every connection breaks, none is taken.
Cut = Literal["silent", "refused"]


class CuttablePort:
    """Carries bytes between its own port and another one.

    Attributes:
        port: Where it listens on 127.0.0.1.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = threading.Event()
        self._open.set()
        self._refuses = self._closed = False
        self._sockets: set[socket.socket] = set()
        self._forgotten: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self, how: Cut) -> None:
        """Cut it."""
        self._refuses = how == "refused"
        if self._refuses:
            self._break()
        else:
            self._open.clear()

    def mend(self) -> None:
        """Carry again; what was on its way gets through."""
        self._refuses = False
        self._open.set()

    def forget(self) -> None:
        """Forget all connections, as a firewall does: theirs stay open on both sides, and lead nowhere for ever."""
        self._forgotten |= self._sockets

    def close(self) -> None:
        """End it."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._open.set()
        self._break()
        for thread in self._threads:
            thread.join(10)

    def _break(self) -> None:
        for each in list(self._sockets):
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                taken.close()
                continue
            thread = threading.Thread(target=self._connect, args=[taken], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _connect(self, taken: socket.socket) -> None:
        self._sockets.add(taken)
        with taken:
            self._open.wait()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as there:
                self._sockets.add(there)
                back = threading.Thread(target=self._carry, args=[there, taken], daemon=True)
                back.start()
                self._carry(taken, there)
                back.join(10)
                self._sockets.discard(there)
        self._sockets.discard(taken)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._open.wait()
                if source not in self._forgotten:
                    target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def leading_to(target: int) -> Iterator[CuttablePort]:
    """A port that leads to another one of 127.0.0.1."""
    port = CuttablePort(target)
    try:
        yield port
    finally:
        port.close()

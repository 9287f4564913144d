"""A network between two programs of this machine that can be cut: it needs neither root nor network namespaces."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

#: `silent`: packets go nowhere, as behind a cable that was pulled; `refused`: every connection breaks, none is taken.
Cut = Literal["silent", "refused"]
CUTS: tuple[Cut, ...] = ("silent", "refused")

_CHUNK = 1 << 16


class Network:
    """Carries bytes from its own ports to others, until it is cut and after it is mended.

    Attributes:
        ports: Where it listens on 127.0.0.1, one for each port that it leads to.
    """

    def __init__(self, count: int) -> None:
        """Reserve ports.

        Args:
            count: How many.
        """
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        self.ports = tuple(int(listener.getsockname()[1]) for listener in self._listeners)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def lead_to(self, targets: Sequence[int]) -> None:
        """Begin to carry: each of its ports to one of these."""
        self._open.set()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(targets), self._loop).result()

    def cut(self, how: Cut) -> None:
        """Cut it."""
        self._loop.call_soon_threadsafe(self._cut, how)

    def mend(self) -> None:
        """Carry again."""
        self._loop.call_soon_threadsafe(self._mend)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        for listener in self._listeners:
            listener.close()

    async def _serve(self, targets: Sequence[int]) -> None:
        for listener, target in zip(self._listeners, targets, strict=True):

            def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int = target) -> None:
                task = asyncio.create_task(self._connect(reader, writer, target))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

            await asyncio.start_server(taken, sock=listener)

    def _cut(self, how: Cut) -> None:
        self._open.clear()
        self._refusing = how == "refused"
        if self._refusing:
            for writer in self._writers:
                writer.transport.abort()

    def _mend(self) -> None:
        self._refusing = False
        self._open.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
            self._writers.add(back)
            try:
                await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if not self._open.is_set():
                await self._open.wait()
                if reader.at_eof():
                    return  # what nobody waits for any more got lost
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()

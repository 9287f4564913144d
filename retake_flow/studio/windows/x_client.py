"""X client: lists the windows of a display, and asks its window manager to place them.

It speaks the few requests of the X protocol (version 11) and of the window manager's (EWMH) that this takes.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from retake_flow.errors import ProcessFailed
from retake_flow.studio.display import Display, socket_of
from retake_flow.studio.layout import Area
from retake_flow.tasks import time_limit

_ANSWERS_WITHIN: Final = 5.0  # seconds
_INTERN_ATOM, _GET_PROPERTY, _SEND_EVENT = 16, 20, 25
_CLIENT_MESSAGE: Final = 33
_TO_MANAGER: Final = 0x180000  # SubstructureRedirect and SubstructureNotify
_PAGER: Final = 2  # the source of a request: one that acts for the user, which the window manager obeys
_STATIC_WITH_ALL: Final = 10 | 0xF << 8 | _PAGER << 12  # gravity; x, y, width and height are given; the source
_CHANGE_ATTRIBUTES, _BACKGROUND, _BACKING_STORE, _WHEN_MAPPED = 2, 0x2, 0x40, 1
_CLEAR_AREA: Final = 61
_REPLY: Final = 1


class XClient:
    """A connection to a display. Open it with `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._root = 0
        self._atoms: dict[str, int] = {}

    async def greet(self, greeting: bytes) -> None:
        """Send the set-up request, and learn the root window.

        Raises:
            ProcessFailed: The display refuses.
        """
        self._writer.write(greeting)
        head = await self._reader.readexactly(8)
        body = await self._reader.readexactly(4 * struct.unpack_from("<H", head, 6)[0])
        if head[0] != 1:
            raise ProcessFailed("the display refuses a client")
        vendor, formats = struct.unpack_from("<H", body, 16)[0], body[21]
        self._root = struct.unpack_from("<I", body, 32 + vendor + -vendor % 4 + 8 * formats)[0]

    async def windows(self) -> dict[int, int]:
        """The managed windows, each with the id of its process, 0 if unknown."""
        listed = await self._numbers(self._root, "_NET_CLIENT_LIST")
        found = {window: await self._numbers(window, "_NET_WM_PID") for window in listed}
        return {window: pids[0] if pids else 0 for window, pids in found.items()}

    async def place(self, window: int, area: Area) -> None:
        """Move a window and give it a size."""
        await self._ask(window, "_NET_MOVERESIZE_WINDOW", _STATIC_WITH_ALL, area.x, area.y, area.width, area.height)

    async def lift(self, window: int) -> None:
        """Put a window above the others."""
        await self._ask(window, "_NET_RESTACK_WINDOW", _PAGER, 0, 0)

    async def sink(self, window: int) -> None:
        """Put a window below the others."""
        await self._ask(window, "_NET_RESTACK_WINDOW", _PAGER, 0, 1)

    async def activate(self, window: int) -> None:
        """Give a window the focus. A window that fills the display is above all others while it has the focus."""
        await self._ask(window, "_NET_ACTIVE_WINDOW", _PAGER)

    async def active(self) -> int:
        """The window with the focus; 0 when none has it."""
        found = await self._numbers(self._root, "_NET_ACTIVE_WINDOW")
        return found[0] if found else 0

    def paint_background(self, color: int) -> None:
        """Give the display a colour, 0xRRGGBB, where no window is."""
        self._send(_CHANGE_ATTRIBUTES, 0, struct.pack("<3I", self._root, _BACKGROUND, color))
        self._send(_CLEAR_AREA, 0, struct.pack("<I4H", self._root, 0, 0, 0, 0))

    def keep_contents(self, window: int) -> None:
        """Have the display keep a window's content while it is covered, so that it shows at once when uncovered."""
        self._send(_CHANGE_ATTRIBUTES, 0, struct.pack("<3I", window, _BACKING_STORE, _WHEN_MAPPED))

    async def keep_above(self, window: int, above: bool = True) -> None:
        """Keep a window above all that are not kept above, or no longer."""
        await self._ask(window, "_NET_WM_STATE", int(above), await self._atom("_NET_WM_STATE_ABOVE"), 0, _PAGER)

    async def keep_below(self, window: int, below: bool = True) -> None:
        """Keep a window below all that are not kept below, or no longer."""
        await self._ask(window, "_NET_WM_STATE", int(below), await self._atom("_NET_WM_STATE_BELOW"), 0, _PAGER)

    async def settle(self) -> None:
        """Wait until the display has handled all earlier requests."""
        await self._numbers(self._root, "_NET_CLIENT_LIST")

    async def _ask(self, window: int, name: str, *data: int) -> None:
        padded = (*data, *[0] * (5 - len(data)))
        message = struct.pack("<BBHII5I", _CLIENT_MESSAGE, 32, 0, window, await self._atom(name), *padded)
        self._send(_SEND_EVENT, 0, struct.pack("<II", self._root, _TO_MANAGER) + message)
        await self._writer.drain()

    async def _numbers(self, window: int, name: str) -> tuple[int, ...]:
        """A property that consists of numbers; empty when it is not there."""
        self._send(_GET_PROPERTY, 0, struct.pack("<5I", window, await self._atom(name), 0, 0, 4096))
        reply = await self._reply()
        if reply[1] != 32:
            return ()
        return struct.unpack_from(f"<{struct.unpack_from('<I', reply, 16)[0]}I", reply, 32)

    async def _atom(self, name: str) -> int:
        if name not in self._atoms:
            text = name.encode("ascii")
            self._send(_INTERN_ATOM, 0, struct.pack("<HH", len(text), 0) + text + bytes(-len(text) % 4))
            self._atoms[name] = struct.unpack_from("<I", await self._reply(), 8)[0]
        return self._atoms[name]

    def _send(self, opcode: int, detail: int, data: bytes) -> None:
        self._writer.write(struct.pack("<BBH", opcode, detail, 1 + len(data) // 4) + data)

    async def _reply(self) -> bytes:
        """The next reply; an empty one for an error."""
        while True:
            head = await self._reader.readexactly(32)
            if head[0] == _REPLY:
                return head + await self._reader.readexactly(4 * struct.unpack_from("<I", head, 4)[0])
            if head[0] == 0:
                return bytes(32)


@asynccontextmanager
async def connect(display: Display) -> AsyncIterator[XClient]:
    """A connection to a display; each use of it has to end within `_ANSWERS_WITHIN` seconds.

    Raises:
        ProcessFailed: The display does not answer.
    """
    try:
        async with time_limit(_ANSWERS_WITHIN):
            reader, writer = await asyncio.open_unix_connection(socket_of(display.name))
            try:
                client = XClient(reader, writer)
                await client.greet(display.authority.greeting)
                yield client
                await client.settle()
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        raise ProcessFailed("the display does not answer") from None

"""A platform, a web service and a model that give hostile answers, as a process of its own: `hostile_server.py SEED`.

It says its port first, then what it gives, one line each: its number, the path, what is odd about it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import sys
import time
from contextlib import suppress

from hostile_answers import Hostile, answer, event, frame, last_words

_MOST_ENDLESS = 24 << 20  # bytes; whoever has not had enough by then never will
_EVENTS = 400  # to one real-time connection
_PAUSE = 0.01  # seconds between two events
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

numbers = itertools.count(1)


def say(*about: object) -> None:
    """Write a line that is read at once."""
    print(*about, flush=True)


async def served(seed: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes over one connection."""
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        headers = {name.lower(): text.strip() for name, _, text in (x.partition(b":") for x in head.split(b"\r\n")[1:])}
        if b"sec-websocket-key" in headers:
            await _socket(seed, headers[b"sec-websocket-key"], writer)
        else:
            await reader.readexactly(int(headers.get(b"content-length", b"0")))
            number = next(numbers)
            given = answer(seed, number, path, time.time())
            say(number, path, given.name)
            await _send(given, writer)
    writer.close()


async def _send(given: Hostile, writer: asyncio.StreamWriter) -> None:
    for piece in given.pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            writer.write(piece)
            await writer.drain()
    sent = 0
    while given.endless and sent < _MOST_ENDLESS:
        last = given.pieces[-1]
        assert isinstance(last, bytes)
        writer.write(last)
        await writer.drain()
        sent += len(last)


async def _socket(seed: int, key: bytes, writer: asyncio.StreamWriter) -> None:
    accepted = base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode()
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accepted}"
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n\r\n".encode())
    about = {"sid": "s", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000}
    writer.write(frame(b"0" + json.dumps(about).encode()))
    writer.write(frame(b'40{"sid":"x"}'))
    for _ in range(_EVENTS):
        number = next(numbers)
        name, text = event(seed, number, time.time())
        say(number, "event", name)
        writer.write(frame(text))
        await writer.drain()
        await asyncio.sleep(_PAUSE)
    number = next(numbers)
    name, words = last_words(seed, number)
    say(number, "event", name)
    writer.write(words)
    await writer.drain()
    await asyncio.sleep(0.2)


async def main(seed: int) -> None:
    """Serve until the end of standard input."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # at the end; Python 3.11 would report it as an error
            await served(seed, reader, writer)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        say(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(sys.stdin.read)
        server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

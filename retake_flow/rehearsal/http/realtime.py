"""The real-time side of the rehearsed platform: its rooms over Socket.IO."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from traceback import walk_tb
from typing import Any

import socketio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retake_flow.rehearsal.state.platform import Platform

PATH = "/socket.io"


def _is_own_failure(record: logging.LogRecord) -> bool:
    """Whether a log record is an exception in this module; a client sees its own errors itself."""
    failed = record.exc_info and record.exc_info[2]
    return any(frame.f_code.co_filename == __file__ for frame, _ in walk_tb(failed or None))


for _name in ("socketio.server", "engineio.server"):
    logging.getLogger(_name).setLevel(logging.ERROR)
    logging.getLogger(_name).addFilter(_is_own_failure)

# The most rooms of one connection; a client needs only a few.
_MOST_ROOMS = 50
# Seconds that a connection has to send earlier events before it breaks.
_LAST_WORDS = 1.0


class Realtime:
    """An ASGI app around the platform's own that serves `/socket.io/`.

    Args:
        platform: The platform with the rooms; its options say whether there are any.
    """

    def __init__(self, platform: Platform, app: ASGIApp) -> None:
        self._platform = platform
        self._app = app
        # Only the library's own monitor would wake up all the time; a socket that is gone is found by its silence.
        self._server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", monitor_clients=False)
        self._served: ASGIApp = socketio.ASGIApp(self._server)
        self._members: dict[str, set[str]] = {}
        self._unsubscribe: dict[str, Callable[[], None]] = {}
        self._saying: asyncio.Queue[tuple[str, str, Mapping[str, Any]] | None] = asyncio.Queue()
        self._open: set[asyncio.Event] = set()
        self._server.on("joinRoom", self._join)
        self._server.on("leaveRoom", self._leave)
        self._server.on("disconnect", self._on_disconnect)

    async def serve(self) -> None:
        """Send the events of the rooms to the sockets that have joined them, in order, until cancelled."""
        self._platform.rooms.on_drop.append(self._drop)
        try:
            while True:
                said = await self._saying.get()
                if said is None:
                    await self._break()
                else:
                    room, event, data = said
                    await self._server.emit(event, data, room=room)
        finally:
            self._platform.rooms.on_drop.remove(self._drop)
            for unsubscribe in self._unsubscribe.values():
                unsubscribe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        if scope["type"] == "lifespan" or not f"{scope['path']}/".startswith(f"{PATH}/"):
            await self._app(scope, receive, send)
        elif self._platform.options.realtime is False:
            await _refuse(scope, receive, send, HTTPStatus.NOT_FOUND)
        elif b"sid=" not in scope["query_string"] and self._platform.faults.take_connection():
            await _refuse(scope, receive, send, HTTPStatus.SERVICE_UNAVAILABLE)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._served(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a socket that can break."""
        broken = asyncio.Event()
        self._open.add(broken)

        async def hear() -> Message:
            heard, breaks = asyncio.ensure_future(receive()), asyncio.ensure_future(broken.wait())
            try:
                await asyncio.wait([heard, breaks], return_when=asyncio.FIRST_COMPLETED)
                return await heard if not broken.is_set() else {"type": "websocket.disconnect", "code": 1006}
            finally:
                heard.cancel()
                breaks.cancel()

        async def say(message: Message) -> None:
            if not broken.is_set():  # a network that breaks says no goodbye
                await send(message)

        try:
            await self._served(scope, hear, say)
        finally:
            self._open.discard(broken)

    async def _join(self, sid: str, data: object = None) -> None:
        room = _room(data)
        if not room or sum(sid in members for members in self._members.values()) >= _MOST_ROOMS:
            return
        if room not in self._members:
            self._members[room] = set()
            self._unsubscribe[room] = self._platform.rooms.subscribe(
                room, lambda event, data: self._saying.put_nowait((room, event, data))
            )
        self._members[room].add(sid)
        await self._server.enter_room(sid, room)
        await self._server.emit("joinedRoom", {"roomId": room}, to=sid)

    async def _leave(self, sid: str, data: object = None) -> None:
        room = _room(data)
        if sid in self._members.get(room, ()):
            await self._server.leave_room(sid, room)
            self._forget(sid, room)

    def _on_disconnect(self, sid: str, reason: str = "") -> None:
        for room in [room for room, members in self._members.items() if sid in members]:
            self._forget(sid, room)

    def _forget(self, sid: str, room: str) -> None:
        self._members[room].discard(sid)
        if not self._members[room]:
            del self._members[room]
            self._unsubscribe.pop(room)()

    def _drop(self) -> None:
        self._saying.put_nowait(None)

    async def _break(self) -> None:
        """Break all connections, after they have sent earlier events."""
        sockets = list(self._server.eio.sockets.values())
        try:
            async with asyncio.timeout(_LAST_WORDS):
                for connection in sockets:
                    await connection.queue.join()
        except TimeoutError:
            pass  # a connection that does not read delays no other
        for broken in tuple(self._open):
            broken.set()
        for connection in sockets:
            await connection.close(wait=False, abort=True)


def _room(data: object) -> str:
    room = data.get("roomId") if isinstance(data, Mapping) else None
    return room if isinstance(room, str) else ""


async def _refuse(scope: Scope, receive: Receive, send: Send, status: HTTPStatus) -> None:
    """Answer as a platform that has no such path, or cannot serve it now."""
    await receive()
    await JSONResponse({"error": status.phrase}, status)(scope, receive, send)

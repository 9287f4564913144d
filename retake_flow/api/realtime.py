"""Real-time events of retake.tv, over a connection that is held open and reopened when it breaks.

The connection is Socket.IO over a websocket. It only listens, and sends nothing but requests to join rooms. No token
goes over it, and no redirect is followed.

The payloads are undocumented, so they are read as entries of the chat, by the names that the same fields have elsewhere
on the platform. An event without an id gets one derived from its content, so that an event sent twice counts once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from retake_flow import __version__, addresses, network
from retake_flow.api.chat import ChatMessage, deed_ids, read_message
from retake_flow.api.credentials import normalize
from retake_flow.api.lenient_json import (
    LONGEST_NAME,
    JsonObject,
    address,
    identifier,
    member,
    raw_text,
    read_payment,
    text,
)
from retake_flow.backoff import Backoff
from retake_flow.errors import SettingsError
from retake_flow.ports.responders import EventListener
from retake_flow.tasks import beside, end

if TYPE_CHECKING:  # half a megabyte of modules that only a run on air needs
    import aiohttp
    import socketio

#: The meaning of events by name; other events are ignored.
EVENTS: Final[Mapping[str, str]] = {
    "message": "message",
    "tip_received": "tip",
    "user_followed": "follow",
    "newtrade": "trade",
}
#: In the room of a stream: its session has started. Whether that means opened or live is undocumented.
SESSION_STARTED: Final = "session_started"
#: The fields that may hold the author.
_WHO: Final = ("sender", "user", "follower", "trader", "tipper", "from")
_WRAPPINGS: Final = ("data", "message", "comment", "payload", "tip", "trade")


def rooms(user_db_id: str, token_address: str) -> list[str]:
    """The rooms of everything about one agent."""
    trades = [f"trades_{token_address}"] if token_address else []
    return [user_db_id, live_room(user_db_id), *trades]


def live_room(user_db_id: str) -> str:
    """The room of an agent's stream."""
    return f"live_{user_db_id}"


def read_event(event: str, payload: Sequence[object], at: float) -> ChatMessage | None:
    """Read an event.

    `at` is when it arrived, in seconds since the epoch, for an event without a time.

    Returns:
        The entry; None for an event that is ignored or unreadable.
    """
    kind = EVENTS.get(event)
    data = _plain(next((value for value in payload if isinstance(value, Mapping)), None))
    if kind is None or data is None:
        return None
    data = _unwrap(data)
    found = read_message({**data, "_id": _key(event, data)})
    if found is None:
        return None
    return _as(kind, found, data, datetime.fromtimestamp(at, UTC))


def _as(kind: str, found: ChatMessage, data: JsonObject, now: datetime) -> ChatMessage:
    """An entry with the fields of its kind of event."""
    said = found.text or text(data, "message", "content", "note")
    found = replace(_with_author(found, data), sent_at=found.sent_at or now, text=said)
    match kind:
        case "tip":
            details = member(data, "tip_data")
            said = said or text(details, "message", "text", "note")
            return replace(found, kind="tip", text=said, tip=read_payment(data, details) or {}, also=deed_ids(details))
        case "trade":
            details = member(data, "trade_data")
            return replace(found, kind="trade", trade=read_payment(data, details) or {}, also=deed_ids(details, data))
        case "follow":
            return replace(found, kind="follow", text="")
    return found


def _plain(data: object) -> JsonObject | None:
    """An object as the platform's answers are read: without values that JSON does not have."""
    from retake_flow.api.responses import parse_json  # with the answers of HTTP, which take longer to import

    try:
        value = parse_json(json.dumps(data).encode())
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _unwrap(data: JsonObject) -> JsonObject:
    """The object itself, taken out of a possible wrapper."""
    inner = next((member(data, name) for name in _WRAPPINGS if member(data, name)), None)
    if inner is None or _id(data) or raw_text(data, "text"):
        return data
    return {**{name: value for name, value in data.items() if not isinstance(value, Mapping)}, **inner}


def _with_author(found: ChatMessage, data: JsonObject) -> ChatMessage:
    """The entry with its author, from any of the names that the author's fields have."""
    name = found.author_name or text(_person(data, "username", "name", "display_name"), "", most=LONGEST_NAME)
    shown = found.author_display_name or text(_person(data, "display_name"), "", most=LONGEST_NAME)
    return replace(
        found,
        author_name=name,
        author_display_name=shown or name,
        author_user_id=found.author_user_id or identifier(_person(data, "user_id", "userDbId", "id"), "") or None,
        wallet=found.wallet or address(_person(data, "wallet_address", "wallet", "walletAddress"), ""),
    )


def _person(data: JsonObject, *names: str) -> dict[str, str]:
    """The first field of the author: `follower_username`, `follower: {username}`, or plain `username`."""
    fields = [*(f"{who}_{name}" for name in names for who in _WHO), *(name for name in names if name != "id")]
    found = raw_text(data, *fields) or next((said for who in _WHO if (said := raw_text(member(data, who), *names))), "")
    return {"": found}


def _id(data: JsonObject) -> str:
    return identifier(data, "_id", "chat_event_id", "id", "tip_id", "trade_id", "follow_id", "signature", "tx_hash")


def _key(event: str, data: JsonObject) -> str:
    key = _id(data)
    if key:
        return key
    content = json.dumps([event, data], sort_keys=True, default=str, ensure_ascii=True)
    return f"{event}:{sha256(content.encode()).hexdigest()[:24]}"


# --- the connection ------------------------------------------------------------------------------------------

PATH = "socket.io"
LONGEST_EVENT = 1 << 20  # bytes
_OPENS = 10.0  # seconds until all rooms have to be joined
_ENDS = 2.0  # seconds that a disconnect may take
_AGAIN: Final = Backoff(1.0, cap=60.0, jitter=0.25)  # between two attempts
_STEADY = 30.0  # after this many seconds a connection is stable: the backoff starts again

# We write everything about a connection into the journal ourselves.
_SILENT = logging.getLogger("retake_flow.realtime")
_SILENT.disabled = True


@asynccontextmanager
async def open_realtime(
    origin: str, rooms: Callable[[], Sequence[str]], listener: EventListener
) -> AsyncIterator[None]:
    """Listen in rooms until the context is left; all its tasks have ended then.

    The rooms are asked for at each connection.

    Raises:
        SettingsError: The origin is neither retake.tv nor this machine, or the environment's proxy or certificates
            cannot be used.
    """
    origin = _require_allowed(origin)
    _engine_path(origin)
    async with beside(_listen(origin, rooms, listener), "realtime"):
        yield


def _require_allowed(origin: str) -> str:
    origin = normalize(origin)
    if origin != addresses.RETAKE and not addresses.is_loopback(urlsplit(origin).hostname):
        raise SettingsError(f"real-time events must come from {addresses.RETAKE} or this machine, not from {origin}")
    return origin


async def _listen(origin: str, rooms: Callable[[], Sequence[str]], listener: EventListener) -> None:
    """Connect again and again, with a backoff while that fails."""
    loop = asyncio.get_running_loop()
    failures = 0
    # The import takes a quarter of a second, and much longer on a busy machine, just when an encoder is about to send.
    await asyncio.to_thread(import_module, "socketio")
    while True:
        began = loop.time()
        reason = await _connection(origin, rooms, listener)
        _heed_cancellation()
        failures = 1 if loop.time() - began >= _STEADY else failures + 1
        listener.on_lost(reason)
        await asyncio.sleep(_AGAIN.wait(failures, spread=random.random()))


async def _connection(origin: str, rooms: Callable[[], Sequence[str]], listener: EventListener) -> str:
    """Hold one connection from its beginning to its end, and return the reason of the end."""
    import socketio

    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with _session() as session:
        client = _client(origin, session, listener, over)
        try:
            async with asyncio.timeout(_OPENS):
                await client.connect(origin, transports=["websocket"], socketio_path=PATH, wait_timeout=int(_OPENS))
                for room in rooms():
                    await client.emit("joinRoom", {"roomId": room})
            _heed_cancellation()
            listener.on_connected()
            return await over
        except TimeoutError:
            return f"no connection within {_OPENS:g} s"
        except socketio.exceptions.SocketIOError as error:
            return str(error) or "refused"
        except Exception as error:  # from aiohttp, or from a server that speaks another protocol
            return str(error) or type(error).__name__
        finally:
            await _end(client)


def _heed_cancellation() -> None:
    """Raise a cancellation that the library swallowed.

    The library uses `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes at the moment when
    the wait is over.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _session() -> aiohttp.ClientSession:
    """The HTTP session of a connection: no cookies, no netrc of the environment, no redirects."""
    import aiohttp

    async def refuse(_: object, __: object, about: aiohttp.TraceRequestRedirectParams) -> None:
        about.response.close()
        raise aiohttp.ClientConnectionError("it points elsewhere, which is not followed")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        trace_configs=[tracing],
        # The size of a compressed body is unknown until it is unpacked, so nothing is unpacked.
        headers={"User-Agent": f"retake-flow/{__version__}", "Accept-Encoding": "identity"},
        auto_decompress=False,
    )


def _client(
    origin: str, session: aiohttp.ClientSession, listener: EventListener, over: asyncio.Future[str]
) -> socketio.AsyncClient:
    import socketio

    class Client(socketio.AsyncClient):  # type: ignore[misc]
        async def _handle_eio_message(self, data: object) -> None:
            # The library does this in a task of its own, whose failure would be shown to people.
            with suppress(Exception):
                await super()._handle_eio_message(data)

    client = Client(
        reconnection=False,  # its own reconnection cannot be cancelled, and does not report its end
        handle_sigint=False,
        logger=_SILENT,
        engineio_logger=_SILENT,
        http_session=session,
        request_timeout=int(_ENDS),
        websocket_extra_options={"max_msg_size": LONGEST_EVENT, **_engine_path(origin)},
    )

    def on_disconnect(reason: object = "") -> None:
        if not over.done():
            over.set_result(str(reason) or "closed")

    def on_event(event: str, *payload: object) -> None:
        listener.on_event(event, payload)

    client.on("disconnect", on_disconnect)
    client.on("*", on_event)
    return client


def _engine_path(origin: str) -> dict[str, Any]:
    """The route of the websocket to an origin: its proxy, and the certificates that verify it."""
    if not origin.startswith("https:"):
        return {}
    proxy = network.proxy_for(origin)
    return {"ssl": network.certificates(), "proxy": proxy.reveal() if proxy else None}


async def _end(client: socketio.AsyncClient) -> None:
    with suppress(Exception):
        async with asyncio.timeout(_ENDS):
            await client.disconnect()
    for task in (client.eio.read_loop_task, client.eio.write_loop_task):
        if isinstance(task, asyncio.Task):
            await end(task)
    if client.eio.ws is not None:  # after messages that it does not understand the library forgets it open
        with suppress(Exception):
            async with asyncio.timeout(_ENDS):
                await client.eio.ws.close()

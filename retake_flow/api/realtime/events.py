"""Real-time events, read as entries of the chat.

The payloads are undocumented, so they are read by the names that the same fields have elsewhere on the platform. An
event without an id gets one derived from its content, so that an event sent twice counts once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from retake_flow.api.chat import ChatMessage, deed_ids, read_message
from retake_flow.api.lenient_json import (
    LONGEST_NAME,
    JsonObject,
    address,
    identifier,
    member,
    raw_text,
    read_payment,
    words,
)

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
    said = found.text or words(data, "message", "content", "note")
    found = replace(_with_author(found, data), sent_at=found.sent_at or now, text=said)
    match kind:
        case "tip":
            details = member(data, "tip_data")
            said = said or words(details, "message", "text", "note")
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
    name = found.author_name or words(_person(data, "username", "name", "display_name"), "", most=LONGEST_NAME)
    shown = found.author_display_name or words(_person(data, "display_name"), "", most=LONGEST_NAME)
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

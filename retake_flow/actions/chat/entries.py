"""Chat entries: turns each entry of a chat into events, records, a line on stream and a responder's message.

A new field of `api.chat.ChatMessage` is passed on here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from retake_flow.actions.base import NUMBER, TEXT
from retake_flow.sanitize import cut, strip_controls

if TYPE_CHECKING:
    from retake_flow.api.chat import ChatMessage
    from retake_flow.ports.responders import Message
    from retake_flow.run.events import Noted

#: The fields of the events that `events` yields, for the action's declaration.
EVENTS: Final = {
    "tip": {"amount": NUMBER, "author": TEXT, "text": TEXT, "currency": TEXT},
    "follow": {"author": TEXT},
    "trade": {"amount": NUMBER, "side": TEXT, "author": TEXT},
    "first_message": {"author": TEXT},
}

LONGEST_NAME = 40
LONGEST_TEXT = 2_000
LONGEST_ID = 200
_LONGEST_EXCERPT = 400
_LONGEST_LINE = 80


def author_name(message: ChatMessage) -> str:
    """The display name of a message's author."""
    return " ".join((message.author_display_name or message.author_name).split())[:LONGEST_NAME] or "friend"


def plain_id(key: str) -> str:
    """An id for records, which need not be exact there."""
    return strip_controls(key)[:LONGEST_ID]


def events(message: ChatMessage, newcomer: bool) -> Iterator[Noted]:
    """The events of one chat entry, as `EVENTS` declares them."""
    author = {"author": author_name(message)}
    if newcomer and message.is_message:
        yield "first_message", author
    match message.kind:
        case "tip":
            text = message.text[:LONGEST_TEXT]
            yield "tip", {"amount": message.amount or 0, **author, "text": text, "currency": message.currency}
        case "trade":
            yield "trade", {"amount": message.amount or 0, "side": message.side, **author}
        case "follow":
            yield "follow", author


def records(message: ChatMessage, newcomer: bool = False) -> Iterator[Noted]:
    """The records of one chat entry."""
    about: dict[str, Any] = {"id": plain_id(message.id), "author": author_name(message), "kind": message.kind}
    paid = message.kind in ("tip", "trade")
    if paid:
        about["amount"] = message.amount or 0
        about |= {"currency": message.currency} if message.currency else {}
    if message.is_message:
        yield "chat_message", {**about, **({"newcomer": True} if newcomer else {}), "text": message.text[:LONGEST_TEXT]}
    else:
        yield "chat_deed", {**about, **({"side": message.side} if message.kind == "trade" else {})}
    if paid and message.amount is None:
        amount = strip_controls(str((message.tip or message.trade or {}).get("amount")))[:LONGEST_NAME]
        yield "chat_unreadable", {"id": about["id"], "what": "amount", "told": amount}


def line(message: ChatMessage) -> str:
    """How one chat entry shows on stream."""
    author = author_name(message)
    match message.kind:
        case "tip":
            return f"* {author} tips {message.amount or 0} {message.currency}".rstrip() + _quote(message)
        case "follow":
            return f"* {author} follows"
        case "trade":
            does = {"buy": "buys", "sell": "sells"}.get(message.side, "trades")
            return f"* {author} {does} {message.amount or 0}" + _quote(message)
    return f"{author}: {_flat(message.text)}"


def as_message(message: ChatMessage, newcomer: bool) -> Message:
    """One chat entry as a responder gets it and as it is stored."""
    # Imported here, since `check` needs the names of the events only.
    from retake_flow.ports.responders import Message
    from retake_flow.run.records import timestamp

    return Message(
        id=plain_id(message.id),
        author=author_name(message),
        user_id=message.author_user_id,
        text=message.text[:LONGEST_TEXT],
        at=timestamp(message.sent_at.timestamp()) if message.sent_at else None,
        type=message.kind,
        newcomer=newcomer,
        amount=(message.amount or 0.0) if message.kind == "tip" else None,
    )


def as_data(message: ChatMessage) -> dict[str, Any]:
    """One chat entry in the result of an action."""
    return {
        "id": message.id,
        "author": short_name(message),
        "user_id": message.author_user_id or "",
        "text": message.text[:_LONGEST_EXCERPT],
        "kind": message.kind,
        "at": message.sent_at.timestamp() if message.sent_at else 0.0,
    }


def short_name(message: ChatMessage) -> str:
    """The name of a message's author as it was written."""
    return (message.author_display_name or message.author_name or "somebody")[:LONGEST_NAME]


def excerpt(message: ChatMessage) -> str:
    """A message on one short line."""
    return f"{short_name(message)}: {cut(_flat(message.text), _LONGEST_LINE)}"


def _quote(message: ChatMessage) -> str:
    return f": {_flat(message.text)}" if message.text else ""


def _flat(text: str) -> str:
    # On one line, so that no message can look like somebody else's.
    return " ".join(text.split())
